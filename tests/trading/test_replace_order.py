"""`trading_replace_order`: the larger of the two stays reserved, until the matcher has decided."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from matching.models import Market
from tests.factories.desk import Desk, cancel, replace, submit, ticket
from tests.factories.rows import NOON, make_account, make_asset
from tests.factories.sessions import every_owned_row
from trading.ledger_audit import audit_ledger
from trading.models import Asset, Order, OrderEvent, Position, TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=2000)


def working(app: Session, desk: Desk, account: TradingAccount, asset: Asset, **terms: Any) -> UUID:
    """Place an order to buy ten at 100 dollars, unless told, and have the matcher take it."""
    order = ticket(account, asset, **terms)
    assert submit(app, order)[0]["denial"] is None
    desk.decide((order["id"], "new"))
    order_id: UUID = order["id"]
    return order_id


def for_sale(app: Session, desk: Desk, account: TradingAccount, asset: Asset) -> UUID:
    """Buy ten shares and offer six of them."""
    desk.decide((working(app, desk, account, asset), "fill", "10", "100"))
    return working(app, desk, account, asset, side="sell", quantity="6", limit_price="200")


def test_a_replaced_order_waits_and_its_successor_comes_to_the_inbox(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset)

    answer = replace(
        app,
        account,
        old,
        quantity="12",
        limit_price="90",
        time_in_force="gtc",
        client_order_id="new",
        request_id="r9",
    )

    assert (answer["denial"], answer["at"]) == (None, NOON)
    successor = Order.objects.get(pk=answer["id"])
    assert Order.objects.get(pk=old).status == "pending_replace"
    assert (
        successor.status, successor.replaces, successor.replaced_filled_quantity, successor.client_order_id,
        successor.quantity, successor.limit_price, successor.reserve_price, successor.time_in_force,
        successor.user_id, successor.symbol, successor.side, successor.type, successor.stamp_seq, successor.request_id,
    ) == (
        "pending_new", old, 0, "new", 12, 90, 90, "gtc", account.user_id, "ACME", "buy", "limit", None, "r9",
    )  # fmt: skip
    events = (
        OrderEvent.objects.filter(seq__gt=2).order_by("seq").values_list("seq", "order_id", "kind", "status")
    )
    assert list(events) == [
        (3, old, "pending_replace", "pending_replace"), (4, answer["id"], "pending_new", "pending_new"),
    ]  # fmt: skip
    assert audit_ledger().balances


def test_unsaid_terms_stay_as_they_are(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset, time_in_force="gtc")

    successor = Order.objects.get(pk=replace(app, account, old, limit_price="99")["id"])

    assert (successor.quantity, successor.limit_price, successor.time_in_force) == (10, 99, "gtc")


HOLDS: dict[str, tuple[dict[str, str], str]] = {
    "more shares": ({"quantity": "15"}, "500"),
    "a higher limit": ({"limit_price": "101"}, "10"),
    "fewer shares": ({"quantity": "5"}, "0"),
    "a lower limit": ({"limit_price": "50"}, "0"),
    "more shares for less": ({"quantity": "20", "limit_price": "50"}, "0"),
    "all that there is": ({"quantity": "20"}, "1000"),
}


@pytest.mark.parametrize(("changes", "extra"), HOLDS.values(), ids=HOLDS.keys())
def test_the_larger_of_the_two_is_held_until_the_matcher_decides_and_then_the_successor_s_own(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, changes: dict[str, str], extra: str
) -> None:
    old = working(app, desk, account, asset)

    successor = replace(app, account, old, **changes)["id"]

    account.refresh_from_db()
    assert account.cash_held == 1000 + Decimal(extra)
    assert Order.objects.get(pk=successor).cash_held == Decimal(extra)
    assert audit_ledger().balances
    desk.decide((old, "replaced"), (successor, "new"))
    account.refresh_from_db()
    terms = Order.objects.get(pk=successor)
    assert terms.quantity is not None
    assert terms.limit_price is not None
    assert account.cash_held == terms.cash_held == terms.quantity * terms.limit_price
    assert audit_ledger().balances


def test_what_is_filled_counts_toward_the_new_total(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset)
    desk.decide((old, "partial_fill", "4", "100"))

    successor = replace(app, account, old, quantity="12")["id"]

    row = Order.objects.get(pk=successor)
    assert (row.quantity, row.replaced_filled_quantity, row.cash_held) == (8, 4, 200)
    desk.decide((old, "partial_fill", "1", "100"))  # the matcher was faster
    assert audit_ledger().balances
    desk.decide((old, "replaced"), (successor, "new"))
    row.refresh_from_db()
    assert (row.quantity, row.cash_held) == (7, 700)
    assert audit_ledger().balances


@pytest.mark.parametrize(("quantity", "extra"), [("9", 3), ("10", 4), ("3", 0)])
def test_a_sale_holds_the_shares_of_the_larger_of_the_two(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, quantity: str, extra: int
) -> None:
    old = for_sale(app, desk, account, asset)

    successor = replace(app, account, old, quantity=quantity)["id"]

    assert Position.objects.get().quantity_held == 6 + extra
    assert Order.objects.get(pk=successor).quantity_held == extra
    assert audit_ledger().balances
    desk.decide((old, "replaced"), (successor, "new"))
    assert Position.objects.get().quantity_held == Decimal(quantity)
    assert audit_ledger().balances


def test_a_successor_that_is_refused_by_the_matcher_gives_its_extra_back(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset)
    successor = replace(app, account, old, quantity="15")["id"]

    desk.decide((old, "fill", "10", "100"), (successor, "rejected"))

    account.refresh_from_db()
    assert (account.cash, account.cash_held) == (1000, 0)
    assert audit_ledger().balances


def test_less_can_always_be_asked_for_even_without_any_buying_power(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    dear = working(app, desk, account, asset, type="market", limit_price=None, reserve_price="100")
    desk.decide((dear, "partial_fill", "9", "111.1"))  # a market order may cost more than it held
    old = working(app, desk, account, make_asset(), limit_price="90")
    desk.decide((dear, "fill", "1", "200"))
    account.refresh_from_db()
    assert account.cash - account.cash_held < 0

    assert replace(app, account, old, limit_price="80")["denial"] is None


# --- Refusals --------------------------------------------------------------------------------------

REFUSED_STATES: dict[str, tuple[tuple[str, ...], str]] = {
    "accepted": (("accepted",), "accepted"),
    "filled": (("new", "fill"), "filled"),
    "canceled": (("new", "canceled"), "canceled"),
    "expired": (("new", "expired"), "expired"),
    "rejected": (("rejected",), "rejected"),
}


def _refused(
    app: Session, account: TradingAccount, order_id: UUID, denial: str, detail: Any = None, **changes: Any
) -> None:
    before = every_owned_row()

    answer = replace(app, account, order_id, **(changes or {"quantity": "11"}))

    assert (answer["denial"], answer["detail"], answer["at"]) == (denial, detail, None)
    assert every_owned_row() == before


@pytest.mark.parametrize(("kinds", "status"), REFUSED_STATES.values(), ids=REFUSED_STATES.keys())
def test_an_order_that_does_not_work_is_not_replaceable(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, kinds: tuple[str, ...], status: str
) -> None:
    order = ticket(account, asset)
    submit(app, order)
    for kind in kinds:
        desk.decide((order["id"], kind, "10", "100") if kind == "fill" else (order["id"], kind))

    _refused(app, account, order["id"], "order_not_replaceable", {"status": status})


def test_an_order_that_no_matcher_has_taken_is_not_replaceable(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    order = ticket(account, asset)
    submit(app, order)

    _refused(app, account, order["id"], "order_not_replaceable", {"status": "pending_new"})


def test_an_order_about_to_be_canceled_or_replaced_is_not_replaceable(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    going, changing = (working(app, desk, account, asset, quantity="1") for _ in range(2))
    cancel(app, account, going)
    replace(app, account, changing, limit_price="90")

    _refused(app, account, going, "order_not_replaceable", {"status": "pending_cancel"})
    _refused(app, account, changing, "order_not_replaceable", {"status": "pending_replace"})


@pytest.mark.parametrize(
    ("terms", "changes", "denial"),
    [
        ({"notional": "100", "limit_price": None}, {"quantity": "1"}, "notional_not_replaceable"),
        ({"quantity": "1.5"}, {"quantity": "2"}, "fraction_not_replaceable"),
        (
            {"type": "market", "limit_price": None, "reserve_price": "1"},
            {"limit_price": "1"},
            "limit_price_not_allowed",
        ),
        ({}, {"quantity": "10", "limit_price": "100", "time_in_force": "day"}, "order_unchanged"),
    ],
)
def test_terms_that_cannot_be_changed_are_refused(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset,
    terms: dict[str, Any], changes: dict[str, str], denial: str,
) -> None:  # fmt: skip
    _refused(app, account, working(app, desk, account, asset, **terms), denial, **changes)


def test_a_fractional_order_may_change_its_price(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset, quantity="1.5")

    assert replace(app, account, old, limit_price="99")["denial"] is None


@pytest.mark.parametrize("quantity", ["3", "4"])
def test_a_total_that_is_already_filled_is_refused(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, quantity: str
) -> None:
    old = working(app, desk, account, asset)
    desk.decide((old, "partial_fill", "4", "100"))

    _refused(app, account, old, "quantity_already_filled", {"filled_qty": "4.000000000"}, quantity=quantity)


def test_a_client_order_id_that_was_used_is_refused(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset, client_order_id="used")

    _refused(app, account, old, "client_order_id_not_unique", quantity="11", client_order_id="used")


def test_more_than_the_buying_power_is_refused(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = working(app, desk, account, asset)
    before = every_owned_row()

    answer = replace(app, account, old, quantity="21")

    assert answer["denial"] == "insufficient_buying_power"
    assert {name: Decimal(text) for name, text in answer["detail"].items()} == {
        "buying_power": 1000,
        "cost_basis": 2100,
    }
    assert every_owned_row() == before


def test_more_shares_than_there_are_is_refused(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    old = for_sale(app, desk, account, asset)
    before = every_owned_row()

    answer = replace(app, account, old, quantity="11")

    assert answer["denial"] == "insufficient_quantity"
    assert answer["detail"].pop("related_orders") == [str(old)]
    assert {name: Decimal(text) for name, text in answer["detail"].items()} == {
        "existing_qty": 10, "held_for_orders": 6, "available": 4, "requested": 11,
    }  # fmt: skip
    assert every_owned_row() == before


@pytest.mark.parametrize("whose", ["nobody's", "another person's", "my other account's"])
def test_an_order_that_is_not_of_this_account_does_not_exist(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset, whose: str
) -> None:
    order_id = new_id()
    if whose != "nobody's":
        user = account.user if whose == "my other account's" else None
        order_id = working(app, desk, make_account(user, market=account.market, cash=1000), asset)

    _refused(app, account, order_id, "order_not_found")


def test_another_person_s_account_does_not_exist(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order_id = working(app, desk, account, asset)
    as_stranger = TradingAccount(id=account.pk, user_id=make_account(market=account.market).user_id)

    _refused(app, as_stranger, order_id, "order_not_found")


def test_a_replacement_that_could_meet_the_accounts_own_order_is_refused(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    resting_sale = for_sale(app, desk, account, asset)
    purchase = working(app, desk, account, asset, quantity="1", limit_price="90")
    before = every_owned_row()

    answer = replace(app, account, purchase, limit_price="200")

    assert answer["denial"] == "wash_trade"
    assert answer["detail"]["existing_order_id"] == str(resting_sale)
    assert every_owned_row() == before


def test_an_order_of_a_closed_account_is_not_replaced(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order = working(app, desk, account, asset)
    TradingAccount.objects.update(status=TradingAccount.Status.CLOSED)
    before = every_owned_row()

    assert replace(app, account, order, limit_price="99")["denial"] == "account_closed"
    assert every_owned_row() == before


def test_in_a_market_that_nobody_runs_nothing_is_replaced(
    app: Session, desk: Desk, account: TradingAccount, asset: Asset
) -> None:
    order = working(app, desk, account, asset)
    Market.objects.update(is_active=False)
    before = every_owned_row()

    assert replace(app, account, order, limit_price="99")["denial"] == "market_not_running"
    assert every_owned_row() == before
