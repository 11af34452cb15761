"""`trading_submit_orders` and order classes: one document, all of its orders or none."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.desk import submit, ticket
from tests.factories.rows import NOON, make_account, make_asset, make_position
from tests.factories.sessions import every_owned_row
from tests.trading.tickets import bracket, leg, oco, open_order, short_of
from trading.models import Order, OrderEvent, Position

if TYPE_CHECKING:
    from tests.factories.sessions import Session
    from trading.models import Asset, TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def asset(transactional_db: None) -> Asset:
    return make_asset("ACME")


@pytest.fixture
def account(asset: Asset) -> TradingAccount:
    return make_account(cash=10_000, multiplier=4)


def test_a_bracket_is_stored_with_its_exits_held_in_one_group(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    order = bracket(account, asset, time_in_force="gtc", request_id="r1")

    (answer,) = submit(app, order)

    assert (answer["denial"], answer["position_intent"]) == (None, "buy_to_open")
    entry, target, stop = Order.objects.order_by("command_no")
    first = order["id"]
    assert [
        (o.pk, o.role, o.status, o.side, o.type, o.limit_price, o.stop_price, o.parent, o.position_intent)
        for o in (entry, target, stop)
    ] == [
        (first, "entry", "pending_new", "buy", "limit", 100, None, None, "buy_to_open"),
        (order["legs"][0]["id"], "take_profit", "held", "sell", "limit", 110, None, first, "sell_to_close"),
        (order["legs"][1]["id"], "stop_loss", "held", "sell", "stop", None, 90, first, "sell_to_close"),
    ]
    for one in (entry, target, stop):
        assert (one.group_id, one.order_class, one.quantity, one.time_in_force, one.profile_id) == (
            first, "bracket", 10, "gtc", account.profile_id,
        )  # fmt: skip
        assert (one.user_id, one.market_id, one.asset_id, one.symbol, one.created_at, one.request_id) == (
            account.user_id, account.market_id, asset.pk, "ACME", NOON, "r1",
        )  # fmt: skip
    assert [one.cash_held for one in (entry, target, stop)] == [1000, 0, 0]
    assert [target.client_order_id, stop.client_order_id] == [one["client_order_id"] for one in order["legs"]]


def test_each_order_of_a_class_has_its_event_in_the_accounts_one_sequence(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    order = bracket(account, asset)

    submit(app, order, ticket(account, asset))

    told = OrderEvent.objects.order_by("seq").values_list("seq", "order_id", "kind", "status")
    assert list(told)[:3] == [
        (1, order["id"], "pending_new", "pending_new"),
        (2, order["legs"][0]["id"], "held", "held"),
        (3, order["legs"][1]["id"], "held", "held"),
    ]
    assert [(seq, kind) for seq, _, kind, _ in told][3:] == [(4, "pending_new")]
    account.refresh_from_db()
    assert account.event_seq == 4


def test_an_oco_holds_its_shares_once(app: Session, account: TradingAccount, asset: Asset) -> None:
    make_position(account, asset)

    (answer,) = submit(app, oco(account, asset))

    assert (answer["denial"], answer["position_intent"]) == (None, "sell_to_close")
    target, stop = Order.objects.order_by("command_no")
    assert (target.role, target.quantity_held, stop.role, stop.quantity_held) == (
        "take_profit",
        10,
        "stop_loss",
        0,
    )
    assert (stop.parent, stop.group_id, stop.position_intent) == (target.pk, target.pk, "sell_to_close")
    assert Position.objects.get().quantity_held == 10


def test_an_oco_closes_a_short_too(app: Session, account: TradingAccount, asset: Asset) -> None:
    short_of(account, asset)

    (answer,) = submit(app, oco(account, asset, side="buy"))

    assert (answer["denial"], answer["position_intent"]) == (None, "buy_to_close")
    account.refresh_from_db()
    assert (account.cash_held, Position.objects.get().quantity_held) == (0, 10)


def test_a_short_bracket_holds_cash_as_any_short_sale(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    order = bracket(account, asset, side="sell", may_be_short=True, reserve_price="103", marks={})

    (answer,) = submit(app, order)

    assert (answer["denial"], answer["position_intent"]) == (None, "sell_to_open")
    assert set(Order.objects.values_list("role", "position_intent", "cash_held")) == {
        ("entry", "sell_to_open", 1030), ("take_profit", "buy_to_close", 0), ("stop_loss", "buy_to_close", 0),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["bracket", "oto"])
def test_an_entry_must_open_a_position(
    app: Session, account: TradingAccount, asset: Asset, name: str
) -> None:
    make_position(account, asset)
    before = every_owned_row()

    (answer,) = submit(app, {**bracket(account, asset, side="sell"), "order_class": name})

    assert (answer["denial"], answer["detail"]) == ("class_mismatch", {"order_class": name})
    assert every_owned_row() == before


def test_an_oco_must_close_one(app: Session, account: TradingAccount, asset: Asset) -> None:
    before = every_owned_row()

    (answer,) = submit(app, oco(account, asset))

    assert (answer["denial"], answer["detail"]) == ("class_mismatch", {"order_class": "oco"})
    assert every_owned_row() == before


def test_a_class_that_is_refused_leaves_no_leg_behind(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    submit(app, ticket(account, asset, client_order_id="mine"))
    before = every_owned_row()

    dear = bracket(account, asset, quantity="1000", reserve_price="100", marks={})
    named = bracket(account, asset, client_order_id="mine")

    assert [row["denial"] for row in submit(app, dear, named)] == [
        "insufficient_buying_power", "client_order_id_not_unique",
    ]  # fmt: skip
    assert every_owned_row() == before


def test_a_class_is_no_wash_trade_with_what_stands_on_the_other_side(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    make_position(account, asset)
    open_order(account, asset, "sell_to_close", limit_price=50)

    assert submit(app, bracket(account, asset))[0]["denial"] is None


def test_legs_of_a_stranger_cannot_be_hung_on_an_order(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    """A leg takes owner, account and terms from its first order, whatever its object says."""
    stranger = make_account(market=account.market)
    order = bracket(account, asset)
    order["legs"] = [
        {**leg("sell", "stop_loss", stop_price="90"), "user_id": stranger.user_id, "account_id": stranger.pk}
    ]

    submit(app, {**order, "order_class": "oto"})

    assert set(Order.objects.values_list("user_id", "account_id")) == {(account.user_id, account.pk)}


def test_terms_of_every_type_are_stored_as_they_were_given(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    given: list[dict[str, Any]] = [
        {"type": "stop", "limit_price": None, "stop_price": "110.5", "reserve_price": "113.26"},
        {"type": "stop_limit", "limit_price": "111", "stop_price": "110.5"},
        {"type": "trailing_stop", "limit_price": None, "trail_price": "2.5", "reserve_price": "102.5"},
        {"type": "trailing_stop", "limit_price": None, "trail_percent": "1.25", "reserve_price": "101.25"},
        {"time_in_force": "cls", "cut_off_at": "2013-10-08T19:50:00Z"},
    ]

    answers = submit(app, *(ticket(account, asset, quantity="1", **terms) for terms in given))

    assert {row["denial"] for row in answers} == {None}
    stored = Order.objects.order_by("command_no").values_list(
        "type", "limit_price", "stop_price", "trail_price", "trail_percent", "cash_held"
    )
    assert [tuple(row) for row in stored] == [
        ("stop", None, Decimal("110.5"), None, None, Decimal("113.26")),
        ("stop_limit", 111, Decimal("110.5"), None, None, 111),
        ("trailing_stop", None, None, Decimal("2.5"), None, Decimal("102.5")),
        ("trailing_stop", None, None, None, Decimal("1.25"), Decimal("101.25")),
        ("limit", 100, None, None, None, 100),
    ]
    assert [row.cut_off_at and row.cut_off_at.isoformat() for row in Order.objects.order_by("command_no")] == [
        None, None, None, None, "2013-10-08T19:50:00+00:00",
    ]  # fmt: skip
