"""`trading_submit_orders`: whether an order opens or closes follows from the position, under the account's lock."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.desk import submit, ticket
from tests.factories.rows import make_account, make_asset, make_position
from tests.factories.sessions import every_owned_row
from tests.trading.tickets import open_order, short_of, short_sale
from trading.models import Order, Position

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


def hold(account: TradingAccount, asset: Asset, quantity: int, **fields: Any) -> None:
    if quantity > 0:
        make_position(account, asset, quantity=quantity, cost=100 * quantity, **fields)
    elif quantity < 0:
        short_of(account, asset, -quantity, **fields)


def refused(app: Session, *tickets: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return denial and detail of the last ticket, which must leave nothing behind."""
    before = every_owned_row()
    (*_, answer) = submit(app, *tickets)
    assert every_owned_row() == before
    return answer["denial"], answer["detail"]


INTENTS: dict[str, tuple[str, int, str, tuple[int, int]]] = {  # -> intent, (cash held, shares held)
    "buy from flat": ("buy", 0, "buy_to_open", (1000, 0)),
    "buy while long": ("buy", 5, "buy_to_open", (1000, 0)),
    "buy while short": ("buy", -10, "buy_to_close", (0, 10)),
    "sell while long": ("sell", 10, "sell_to_close", (0, 10)),
    "sell from flat": ("sell", 0, "sell_to_open", (1030, 0)),
    "sell while short": ("sell", -5, "sell_to_open", (1030, 0)),
}


@pytest.mark.parametrize(("side", "position", "intent", "held"), INTENTS.values(), ids=INTENTS)
def test_the_position_says_what_an_order_does_and_so_what_it_holds(
    app: Session, account: TradingAccount, asset: Asset,
    side: str, position: int, intent: str, held: tuple[int, int],
) -> None:  # fmt: skip
    hold(account, asset, position)
    order = short_sale(account, asset) if side == "sell" else ticket(account, asset)

    (answer,) = submit(app, order)

    assert (answer["denial"], answer["position_intent"]) == (None, intent)
    row = Order.objects.get()
    assert (row.position_intent, row.cash_held, row.quantity_held) == (intent, *held)
    account.refresh_from_db()
    shares = Position.objects.values_list("quantity_held", flat=True).first()
    assert (account.cash_held, shares or 0) == held


@pytest.mark.parametrize(
    ("side", "position", "specified", "inferred"),
    [
        ("buy", 0, "buy_to_close", "buy_to_open"),
        ("buy", -10, "buy_to_open", "buy_to_close"),
        ("sell", 10, "sell_to_open", "sell_to_close"),
        ("sell", 0, "sell_to_close", "sell_to_open"),
        ("buy", 0, "sell_to_open", "buy_to_open"),
    ],
)
def test_an_intent_that_contradicts_the_position_is_refused_with_both(
    app: Session, account: TradingAccount, asset: Asset,
    side: str, position: int, specified: str, inferred: str,
) -> None:  # fmt: skip
    hold(account, asset, position)

    denial, detail = refused(app, short_sale(account, asset, side=side, position_intent=specified))

    assert (denial, detail) == ("intent_mismatch", {"inferred": inferred, "specified": specified})


@pytest.mark.parametrize("side", ["sell", "buy"])
def test_no_order_passes_through_zero(app: Session, account: TradingAccount, asset: Asset, side: str) -> None:
    hold(account, asset, 10 if side == "sell" else -10, quantity_held=3)

    denial, detail = refused(app, short_sale(account, asset, side=side, quantity="8"))

    assert denial == "insufficient_quantity"
    assert detail.pop("related_orders") == []
    assert {name: Decimal(text) for name, text in detail.items()} == {
        "existing_qty": 10 if side == "sell" else -10, "held_for_orders": 3, "available": 7, "requested": 8,
    }  # fmt: skip


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_opening_order_is_refused_while_one_that_opens_the_other_way_is_open(
    app: Session, account: TradingAccount, asset: Asset, side: str
) -> None:
    # Prices that could never meet, and an exempt type: it is not about a wash trade.
    standing = "sell_to_open" if side == "buy" else "buy_to_open"
    open_order(account, asset, standing, limit_price=500 if side == "buy" else 1, order_class="bracket")

    denial, detail = refused(app, short_sale(account, asset, side=side))

    assert (denial, detail) == ("opposite_entry", {"side": side})


def test_a_closing_order_may_stand_beside_one_that_opens_the_other_way(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    short_of(account, asset)
    open_order(account, asset, "sell_to_open", limit_price=500)

    assert submit(app, ticket(account, asset))[0]["denial"] is None


WASHES: dict[str, tuple[dict[str, Any], dict[str, Any], bool | None]] = {  # -> is_limit, None: allowed
    "a buy stop against a sale": ({}, {"type": "stop", "limit_price": None, "stop_price": "120"}, False),
    "a stop limit that would meet it": ({}, {"type": "stop_limit", "limit_price": "150", "stop_price": "120"}, True),
    "a stop limit below it": ({}, {"type": "stop_limit", "limit_price": "149.99", "stop_price": "120"}, None),
    "a trailing stop": ({}, {"type": "trailing_stop", "limit_price": None, "trail_price": "5"}, None),
    "against a trailing stop": ({"type": "trailing_stop", "limit_price": None}, {"limit_price": "150"}, None),
    "against a stop": ({"type": "stop", "limit_price": None}, {"limit_price": "1"}, False),
    "against an exit": ({"order_class": "oco"}, {"limit_price": "150"}, None),
    "against a held exit": ({"order_class": "bracket", "status": "held"}, {"limit_price": "150"}, None),
}  # fmt: skip


@pytest.mark.parametrize(("standing", "coming", "is_limit"), WASHES.values(), ids=WASHES)
def test_stops_may_meet_anything_and_classes_and_trailing_stops_nothing(
    app: Session, account: TradingAccount, asset: Asset,
    standing: dict[str, Any], coming: dict[str, Any], is_limit: bool | None,
) -> None:  # fmt: skip
    make_position(account, asset)
    order = open_order(account, asset, "sell_to_close", limit_price=150)
    Order.objects.filter(pk=order.pk).update(**standing)

    (answer,) = submit(app, ticket(account, asset, reserve_price="150", **coming))

    if is_limit is None:
        assert answer["denial"] is None
    else:
        assert answer["denial"] == "wash_trade"
        assert answer["detail"] == {"existing_order_id": str(order.pk), "is_limit": is_limit}


@pytest.mark.parametrize(
    ("side", "position", "terms", "denial"),
    [
        ("sell", 0, {"quantity": "1.5"}, "fraction_of_short"),
        ("sell", 0, {"notional": "50", "quantity_held": "1"}, "fraction_of_short"),
        ("buy", -10, {"quantity": "1.5"}, "fraction_of_short"),
        ("buy", -10, {"notional": "50"}, "fraction_of_short"),
        ("sell", 10, {"quantity": "1.5"}, None),
        ("buy", 10, {"quantity": "1.5"}, None),
    ],
)
def test_a_short_is_of_whole_shares_and_stays_so(
    app: Session, account: TradingAccount, asset: Asset,
    side: str, position: int, terms: dict[str, str], denial: str | None,
) -> None:  # fmt: skip
    hold(account, asset, position)

    assert submit(app, short_sale(account, asset, side=side, **terms))[0]["denial"] == denial


def test_the_whole_of_a_fractional_short_can_be_bought_back(
    app: Session, account: TradingAccount, asset: Asset
) -> None:
    make_position(account, asset, quantity="-1.5", cost=-150)  # as a split may leave it

    assert submit(app, ticket(account, asset, quantity="1.5"))[0]["denial"] is None


FORBIDDEN: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "trading suspended": ({"suspend_trade": True}, {}, "trade_suspended"),
    "fractions": ({"fractional_trading": False}, {"quantity": "1.5"}, "fractions_disabled"),
    "money": ({"fractional_trading": False}, {"notional": "50"}, "fractions_disabled"),
    "whole shares": ({"fractional_trading": False}, {}, None),
    "a partnership": ({}, {"is_partnership": True}, "partnership_refused"),
    "a partnership, allowed": ({"ptp_no_exception_entry": True}, {"is_partnership": True}, None),
    "shorting": ({"no_shorting": True}, {"side": "sell"}, "shorting_not_allowed"),
    "shorting without margin": ({"max_margin_multiplier": 1}, {"side": "sell"}, "shorting_not_allowed"),
    "shorting of a cash account": ({"multiplier": 1}, {"side": "sell"}, "shorting_not_allowed"),
    "an asset that nobody lends": ({}, {"side": "sell", "may_be_short": False}, "asset_not_shortable"),
}


@pytest.mark.parametrize(("configuration", "terms", "denial"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_the_account_or_its_owner_forbids_is_refused(
    app: Session, account: TradingAccount, asset: Asset,
    configuration: dict[str, Any], terms: dict[str, Any], denial: str | None,
) -> None:  # fmt: skip
    type(account).objects.update(**configuration)
    order = short_sale(account, asset, **{"side": "buy", **terms})
    if denial is None:
        assert submit(app, order)[0]["denial"] is None
    else:
        assert refused(app, order)[0] == denial
