"""`trading_submit_orders` on margin: one formula, under the account's lock, with the marks that it asks for."""

from __future__ import annotations

from decimal import Decimal
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from raxx import roles
from tests.factories.desk import submit, ticket
from tests.factories.rows import make_account, make_asset, make_position
from tests.factories.sessions import every_owned_row, session, wait_until_blocked
from tests.trading.test_submit_races import race
from tests.trading.tickets import short_of, short_sale
from trading.models import Asset, Order, Position, TradingAccount

if TYPE_CHECKING:
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000, multiplier=4)


def denied(app: Session, order: dict[str, Any]) -> tuple[str | None, dict[str, Decimal]]:
    before = every_owned_row()
    (answer,) = submit(app, order)
    if answer["denial"] is not None:
        assert every_owned_row() == before
    return answer["denial"], {name: Decimal(text) for name, text in (answer["detail"] or {}).items()}


def test_what_cash_pays_for_needs_no_marks(app: Session, account: TradingAccount, asset: Asset) -> None:
    assert denied(app, ticket(account, asset, quantity="100")) == (None, {})


def test_more_than_cash_asks_for_marks_and_changes_nothing(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    dear = ticket(account, asset, quantity="100.01")

    assert denied(app, dear) == ("needs_marks", {})
    assert denied(app, {**dear, "marks": {}}) == (None, {})


# (multiplier, position of ten at cost 100, its mark) -> what may be spent of 10,000 in cash
POWERS: dict[str, tuple[int, int, str | None, int]] = {
    "nothing held": (4, 0, None, 40_000),
    "twice": (2, 0, None, 20_000),
    "long, marked up": (4, 10, "150", 4 * 11_500 - 1_500),
    "long, at its cost": (4, 10, None, 4 * 11_000 - 1_000),
    "short, marked up": (4, -10, "150", 4 * 8_500 - 1_500),
    "short, at what it fetched": (2, -10, None, 2 * 9_000 - 1_000),
    "short, and worth less than 2,000": (4, -10, "801", 10_000 - 2 * 8_010),
}


@pytest.mark.parametrize(("multiplier", "quantity", "mark", "power"), POWERS.values(), ids=POWERS)
def test_power_is_the_multiple_of_equity_less_all_that_is_held(
    app: Session, account: TradingAccount, asset: Asset,
    multiplier: int, quantity: int, mark: str | None, power: int,
) -> None:  # fmt: skip
    TradingAccount.objects.update(multiplier=multiplier)
    if quantity:
        make_position(account, asset, quantity=quantity, cost=100 * quantity)
    marks = {} if mark is None else {str(asset.pk): mark}
    other = make_asset("OTHER")
    shown = max(power, 0)

    dear = ticket(account, other, quantity="1", limit_price=str(shown + 40_001), marks=marks)
    assert denied(app, dear) == (
        "insufficient_buying_power", {"buying_power": shown, "cost_basis": shown + 40_001},
    )  # fmt: skip
    if power > 0:
        all_of_it = ticket(account, other, quantity="1", limit_price=str(power), marks=marks)
        assert denied(app, all_of_it) == (None, {})


def test_the_owner_may_lower_what_is_lent(app: Session, account: TradingAccount, asset: Asset) -> None:
    TradingAccount.objects.update(max_margin_multiplier=2)

    assert denied(app, ticket(account, asset, quantity="201", marks={})) == (
        "insufficient_buying_power", {"buying_power": 20_000, "cost_basis": 20_100},
    )  # fmt: skip


def test_what_open_orders_hold_is_not_there_twice(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    assert denied(app, ticket(account, asset, quantity="300", marks={})) == (None, {})
    assert denied(app, ticket(account, asset, quantity="101", marks={})) == (
        "insufficient_buying_power", {"buying_power": 10_000, "cost_basis": 10_100},
    )  # fmt: skip


def test_while_anything_is_short_cash_alone_proves_nothing(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    short_of(account, make_asset("SHORT"))

    assert denied(app, ticket(account, asset, quantity="1")) == ("needs_marks", {})


def test_a_short_sale_asks_for_marks_and_for_its_price(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    assert denied(app, short_sale(account, asset, marks=None)) == ("needs_marks", {})
    assert denied(app, short_sale(account, asset, reserve_price=None, cash_held=None)) == ("needs_marks", {})


@pytest.mark.parametrize(("cash", "is_allowed"), [("2000", True), ("1999.99", False)])
def test_only_an_account_worth_2000_dollars_sells_short(
    app: Session, asset: Asset, cash: str, is_allowed: bool
) -> None:
    account = make_account(cash=cash, multiplier=2)

    denial, _ = denied(app, short_sale(account, asset, quantity="1"))

    assert denial == (None if is_allowed else "shorting_not_allowed")


def test_a_short_sale_holds_what_it_may_cost_and_no_more_than_there_is(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    assert denied(app, short_sale(account, asset, quantity="389")) == (
        "insufficient_buying_power", {"buying_power": 40_000, "cost_basis": 389 * 103},
    )  # fmt: skip
    assert denied(app, short_sale(account, asset, quantity="388")) == (None, {})
    account.refresh_from_db()
    assert account.cash_held == Order.objects.get().cash_held == 388 * 103


def test_buying_back_needs_no_money(app: Session, account: TradingAccount, asset: Asset) -> None:
    short_of(account, asset, 10)
    TradingAccount.objects.update(cash=0)

    assert denied(app, ticket(account, asset, quantity="10", limit_price="900")) == (None, {})
    account.refresh_from_db()
    assert (account.cash_held, Position.objects.get().quantity_held) == (0, 10)


def test_two_short_sales_at_once_never_hold_more_than_there_is(account: TradingAccount, asset: Asset) -> None:
    sales = [[[short_sale(account, asset, quantity="50")] for _ in range(6)] for _ in range(2)]  # 5,150 each

    answers = race(*sales)

    denials = [row["denial"] for rows in answers for row in rows]
    assert (denials.count(None), denials.count("insufficient_buying_power")) == (7, 5)
    account.refresh_from_db()
    assert account.cash_held == 7 * 5150


def test_a_short_and_a_long_at_once_never_both_open(asset: Asset) -> None:
    accounts = [make_account(cash=10_000, multiplier=4) for _ in range(12)]
    shorts = [[short_sale(one, asset, limit_price="500", reserve_price="500")] for one in accounts]
    longs = [[ticket(one, asset)] for one in accounts]

    first, second = race(shorts, longs)

    for one, other in zip(first, second, strict=True):
        assert {one["denial"], other["denial"]} == {None, "opposite_entry"}


@pytest.mark.parametrize(
    ("side", "position", "denial", "held"),
    [("buy", (-10, -1000, 0), None, 4), ("sell", (10, 1000, 10), "insufficient_quantity", 10)],
    ids=["a short sale is booked", "the entry of a bracket fills"],
)
def test_a_position_that_came_while_the_lock_was_waited_for_is_seen(
    app: Session, worker: Session, account: TradingAccount, asset: Asset,
    side: str, position: tuple[int, int, int], denial: str | None, held: int,
) -> None:  # fmt: skip
    """An order waits for the account while the matcher books a fill: it is judged by what is then there."""
    answers: list[dict[str, Any]] = []
    ready: list[int] = []

    def place() -> None:
        with session(roles.APP) as opened:
            ready.append(opened.info.backend_pid)
            answers.extend(submit(opened, short_sale(account, asset, side=side, quantity="4")))

    with worker.transaction():
        worker.execute(
            "update trading_tradingaccount set event_seq = event_seq where account_id = %s", [account.pk]
        )
        thread = Thread(target=place)
        thread.start()
        while not ready:
            thread.join(0.01)
        wait_until_blocked(app, ready[0])
        worker.execute(
            "insert into trading_position (user_id, account_id, asset_id, symbol, quantity, cost, quantity_held,"
            " updated_at) values (%s, %s, %s, 'ACME', %s, %s, %s, now())",
            [account.user_id, account.pk, asset.pk, *position],
        )
    thread.join()

    assert [row["denial"] for row in answers] == [denial]
    assert Position.objects.get().quantity_held == held


def test_marks_are_for_the_positions_that_are_there_when_the_account_is_locked(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    """What came since the marks were read counts at its average price."""
    make_position(account, make_asset("LATE"), quantity=10, cost=20_000)  # 2,000 each

    assert denied(app, ticket(account, asset, quantity="1", limit_price="999999", marks={})) == (
        "insufficient_buying_power", {"buying_power": 4 * 30_000 - 20_000, "cost_basis": 999_999},
    )  # fmt: skip
