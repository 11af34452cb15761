"""`trading_replace_order` for stops, trailing stops, auctions, classes and shorts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.desk import replace, submit
from tests.factories.rows import NOON, make_account, make_asset, make_order, make_position
from tests.factories.sessions import every_owned_row
from tests.trading.tickets import bracket, oco, open_order, short_of
from trading.models import Order, Position, TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

    from tests.factories.sessions import Session
    from trading.models import Asset

pytestmark = pytest.mark.django_db(transaction=True)

STOP = {
    "type": "stop",
    "limit_price": None,
    "stop_price": "110",
    "reserve_price": "112.75",
    "cash_held": "1127.5",
}
STOP_LIMIT = {"type": "stop_limit", "limit_price": "111", "stop_price": "110"}
TRAIL = {"type": "trailing_stop", "limit_price": None, "trail_price": "2"}
TRAIL_PERCENT = {"type": "trailing_stop", "limit_price": None, "trail_percent": "1.5"}


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000, multiplier=4)


def working(account: TradingAccount, asset: Asset, **terms: Any) -> Order:
    return open_order(account, asset, terms.pop("position_intent", "buy_to_open"), **terms)


def refused(app: Session, account: TradingAccount, order_id: UUID, **changes: Any) -> tuple[str, Any]:
    before = every_owned_row()
    answer = replace(app, account, order_id, **changes)
    assert every_owned_row() == before
    return answer["denial"], answer["detail"]


CHANGES: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, str | None]]] = {
    "a stop": (STOP, {"stop_price": "120"}, {"stop_price": "120", "limit_price": None}),
    "a stop limit": (
        STOP_LIMIT,
        {"stop_price": "120", "limit_price": "121"},
        {"stop_price": "120", "limit_price": "121"},
    ),
    "one price of two": (STOP_LIMIT, {"limit_price": "115"}, {"stop_price": "110", "limit_price": "115"}),
    "a trail in dollars": (TRAIL, {"trail": "3"}, {"trail_price": "3", "trail_percent": None}),
    "a trail in percent": (TRAIL_PERCENT, {"trail": "3"}, {"trail_price": None, "trail_percent": "3"}),
    "the size of a trail": (TRAIL, {"quantity": "5"}, {"trail_price": "2", "quantity": "5"}),
}


@pytest.mark.parametrize(("terms", "changes", "wanted"), CHANGES.values(), ids=CHANGES)
def test_the_prices_of_every_type_can_be_changed(
    app: Session, account: TradingAccount, asset: Asset,
    terms: dict[str, Any], changes: dict[str, str], wanted: dict[str, str | None],
) -> None:  # fmt: skip
    old = working(account, asset, **terms)

    answer = replace(app, account, old.pk, **changes)

    assert answer["denial"] is None
    successor = Order.objects.get(pk=answer["id"])
    assert {name: getattr(successor, name) for name in wanted} == {
        name: None if text is None else Decimal(text) for name, text in wanted.items()
    }
    assert (successor.type, successor.status, successor.replaces) == (old.type, "pending_new", old.pk)


NOT_CHANGED: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "the stop of a limit order": ({}, {"stop_price": "120"}, "stop_price_not_allowed"),
    "the limit of a stop": (STOP, {"limit_price": "120"}, "limit_price_not_allowed"),
    "the trail of a stop": (STOP, {"trail": "1"}, "trail_not_allowed"),
    "the stop of a trailing stop": (TRAIL, {"stop_price": "120"}, "stop_price_not_allowed"),
    "a stop that has triggered": (
        {**STOP, "is_triggered": True},
        {"stop_price": "120"},
        "order_has_triggered",
    ),
    "a trail that has triggered": ({**TRAIL, "is_triggered": True}, {"trail": "1"}, "order_has_triggered"),
    "nothing": (TRAIL, {"trail": "2"}, "order_unchanged"),
    "nothing of a stop": (STOP, {"stop_price": "110"}, "order_unchanged"),
    "an order past its cut-off": (
        {"time_in_force": "cls", "cut_off_at": NOON},
        {"limit_price": "99"},
        "past_cut_off",
    ),
}


@pytest.mark.parametrize(("terms", "changes", "denial"), NOT_CHANGED.values(), ids=NOT_CHANGED)
def test_what_an_order_has_not_or_has_no_more_cannot_be_changed(
    app: Session, account: TradingAccount, asset: Asset,
    terms: dict[str, Any], changes: dict[str, str], denial: str,
) -> None:  # fmt: skip
    old = working(account, asset, **terms)

    assert refused(app, account, old.pk, **changes) == (denial, None)


def test_the_size_of_a_stop_that_has_triggered_can_be_changed(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    old = working(account, asset, **STOP, is_triggered=True)

    assert replace(app, account, old.pk, quantity="5")["denial"] is None


def test_a_new_stop_holds_what_the_edge_says_that_it_may_cost(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    old = working(account, asset, **STOP)

    answer = replace(app, account, old.pk, stop_price="120", reserve_price="123")

    successor = Order.objects.get(pk=answer["id"])
    assert (successor.reserve_price, successor.cash_held) == (123, Decimal("102.5"))


@pytest.mark.parametrize(
    ("changes", "cut_off_at"),
    [
        ({"limit_price": "99"}, NOON + timedelta(hours=3)),
        ({"time_in_force": "day"}, None),
        (
            {"time_in_force": "opg", "cut_off_at": "2013-10-09T13:28:00Z"},
            NOON + timedelta(hours=21, minutes=28),
        ),
    ],
    ids=["kept", "gone with the auction", "another auction's"],
)
def test_the_cut_off_belongs_to_the_time_in_force(
    app: Session, account: TradingAccount, asset: Asset, changes: dict[str, str], cut_off_at: Any
) -> None:
    old = working(account, asset, time_in_force="cls", cut_off_at=NOON + timedelta(hours=3))

    successor = Order.objects.get(pk=replace(app, account, old.pk, **changes)["id"])

    assert successor.cut_off_at == cut_off_at


def short(account: TradingAccount, asset: Asset, **terms: Any) -> Order:
    """Let the account offer ten shares short at 100 dollars, holding 103 for each."""
    TradingAccount.objects.update(cash_held=1030)
    return working(
        account,
        asset,
        **{"position_intent": "sell_to_open", "reserve_price": 103, "cash_held": 1030, **terms},
    )


@pytest.mark.parametrize(
    ("changes", "extra"),
    [({"limit_price": "120"}, 170), ({"limit_price": "90"}, 0), ({"quantity": "12"}, 206)],
)
def test_a_short_sale_holds_its_limit_or_what_it_held_at_first(
    app: Session, account: TradingAccount, asset: Asset, changes: dict[str, str], extra: int
) -> None:
    old = short(account, asset)

    successor = Order.objects.get(pk=replace(app, account, old.pk, **changes)["id"])

    assert (successor.position_intent, successor.cash_held) == ("sell_to_open", extra)
    account.refresh_from_db()
    assert account.cash_held == 1030 + extra


def test_more_than_cash_asks_for_marks_and_then_for_buying_power(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    old = working(account, asset, limit_price=100, cash_held=1000, reserve_price=100)
    TradingAccount.objects.update(cash_held=1000)

    assert refused(app, account, old.pk, quantity="110.5")[0] == "needs_marks"
    denial, detail = refused(app, account, old.pk, quantity="401", marks={})
    assert (denial, {name: Decimal(text) for name, text in detail.items()}) == (
        "insufficient_buying_power", {"buying_power": 39_000, "cost_basis": 40_100},
    )  # fmt: skip
    assert replace(app, account, old.pk, quantity="400", marks={})["denial"] is None


def test_buying_back_more_takes_free_shares_of_the_short(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    short_of(account, asset, 10, quantity_held=6)
    old = working(account, asset, position_intent="buy_to_close", quantity=6, quantity_held=6)

    assert refused(app, account, old.pk, quantity="11")[0] == "insufficient_quantity"
    answer = replace(app, account, old.pk, quantity="9")

    assert Order.objects.get(pk=answer["id"]).quantity_held == 3
    assert Position.objects.get().quantity_held == 9


def class_of(
    app: Session, account: TradingAccount, ticket: dict[str, Any], status: str = "new"
) -> list[Order]:
    """Store a class and let the matcher have taken it, without more; return its orders, the first one first."""
    (answer,) = submit(app, ticket)
    assert answer["denial"] is None
    Order.objects.filter(pk=ticket["id"]).update(status=status)
    return list(Order.objects.order_by("command_no"))


@pytest.mark.parametrize(
    ("place", "changes"),
    [(0, {"limit_price": "101"}), (1, {"limit_price": "111"}), (2, {"stop_price": "89"})],
    ids=["entry", "take-profit", "stop-loss"],
)
def test_a_members_price_can_be_changed_and_its_successor_takes_its_place(
    app: Session, account: TradingAccount, asset: Asset, place: int, changes: dict[str, str]
) -> None:
    old = class_of(app, account, bracket(account, asset))[place]

    answer = replace(app, account, old.pk, **changes)

    assert answer["denial"] is None
    successor = Order.objects.get(pk=answer["id"])
    assert (
        successor.group_id, successor.role, successor.parent, successor.order_class, successor.position_intent,
        successor.quantity, successor.profile_id, successor.quantity_held,
    ) == (
        old.group_id, old.role, old.parent, "bracket", old.position_intent, 10, old.profile_id, 0,
    )  # fmt: skip
    old.refresh_from_db()
    assert old.status == "pending_replace"


def test_of_an_oco_the_shares_stay_held_once(app: Session, account: TradingAccount, asset: Asset) -> None:
    make_position(account, asset)
    target, _ = class_of(app, account, oco(account, asset))

    answer = replace(app, account, target.pk, limit_price="120")

    assert answer["denial"] is None
    assert Position.objects.get().quantity_held == 10


@pytest.mark.parametrize(
    ("place", "changes", "denial"),
    [
        (0, {"quantity": "5"}, "quantity_of_class"),
        (1, {"quantity": "5"}, "quantity_of_class"),
        (0, {"time_in_force": "gtc"}, "time_in_force_of_class"),
    ],
)
def test_size_and_time_of_a_class_cannot_be_changed(
    app: Session, account: TradingAccount, asset: Asset, place: int, changes: dict[str, str], denial: str
) -> None:
    old = class_of(app, account, bracket(account, asset))[place]

    assert refused(app, account, old.pk, **changes)[0] == denial


SIDES: dict[str, tuple[str, int, dict[str, str], str]] = {  # -> base price
    "a take-profit too near its entry": ("buy", 1, {"limit_price": "100"}, "100"),
    "a stop-loss too near its entry": ("buy", 2, {"stop_price": "100"}, "100"),
    "an entry beyond its take-profit": ("buy", 0, {"limit_price": "110"}, "110"),
    "a short's take-profit above": ("sell", 1, {"limit_price": "100"}, "100"),
    "a short's stop-loss below": ("sell", 2, {"stop_price": "99"}, "100"),
}


@pytest.mark.parametrize(("side", "place", "changes", "base"), SIDES.values(), ids=SIDES)
def test_the_prices_of_a_class_stay_in_their_order(
    app: Session,
    account: TradingAccount,
    asset: Asset,
    side: str,
    place: int,
    changes: dict[str, str],
    base: str,
) -> None:
    opening = {"may_be_short": True, "reserve_price": "103", "marks": {}} if side == "sell" else {}
    old = class_of(app, account, bracket(account, asset, side=side, **opening))[place]

    denial, detail = refused(app, account, old.pk, **changes)

    assert (denial, Decimal(detail["base_price"])) == ("prices_of_class", Decimal(base))


def test_the_exits_of_an_oco_stay_apart(app: Session, account: TradingAccount, asset: Asset) -> None:
    make_position(account, asset)
    _, stop = class_of(app, account, oco(account, asset))

    assert refused(app, account, stop.pk, stop_price="110")[0] == "prices_of_class"
    assert replace(app, account, stop.pk, stop_price="109.99")["denial"] is None


def test_once_its_entry_has_ended_only_the_other_exit_bounds_an_exit(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    _, _, stop = class_of(app, account, bracket(account, asset), status="filled")

    assert replace(app, account, stop.pk, stop_price="105")["denial"] is None


def test_a_member_of_a_class_that_the_matcher_has_not_taken_is_not_replaced(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    _, target, _ = class_of(app, account, bracket(account, asset), status="pending_new")

    assert refused(app, account, target.pk, limit_price="120")[0] == "class_not_sent"


def test_an_exit_meets_nobody_so_it_is_no_wash_trade(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    _, target, _ = class_of(app, account, bracket(account, asset))
    make_order(account, asset, status="new", limit_price=500, position_intent="buy_to_open")

    assert replace(app, account, target.pk, limit_price="120")["denial"] is None
