"""Bodies of requests, read into our own words: each field alone, and with those that it must come with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
)

from trading.api.bodies import order_decoder, replace_decoder, replacement_of, ticket_of
from trading.errors import RuleBroken, ValueInvalid
from trading.services.ticket import StopLoss, TakeProfit, Ticket

D = Decimal

SIMPLE = {"symbol": "IBM", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"}
TAKE_PROFIT, STOP_LOSS = {"limit_price": "110"}, {"stop_price": "90"}
LIMIT = {"type": "limit", "limit_price": "100"}
STOP = {"type": "stop", "stop_price": "90"}
TRAILING = {"type": "trailing_stop"}


def ticket(**fields: Any) -> Ticket:
    return ticket_of(order_decoder.decode(msgspec.json.encode({**SIMPLE, **fields})))


def terms(read: Ticket) -> dict[str, Any]:
    """Return what a ticket says, without what it leaves unsaid."""
    fields = {name: getattr(read, name) for name in Ticket.__slots__}
    return {name: value for name, value in fields.items() if value not in (None, "", False)}


COMMON = {"symbol": "IBM", "qty": 10, "side": OrderSide.BUY, "time_in_force": TimeInForce.GTC}
READ = {"symbol": "IBM", "quantity": D(10), "side": "buy", "time_in_force": "gtc"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (StopOrderRequest(**COMMON, stop_price=110.5), {"type": "stop", "stop_price": D("110.5")}),
        (
            StopLimitOrderRequest(**COMMON, stop_price=110, limit_price=111),
            {"type": "stop_limit", "stop_price": D(110), "limit_price": D(111)},
        ),
        (
            TrailingStopOrderRequest(**COMMON, trail_price=0.5),
            {"type": "trailing_stop", "trail_price": D("0.5")},
        ),
        (
            TrailingStopOrderRequest(**COMMON, trail_percent=1.25),
            {"type": "trailing_stop", "trail_percent": D("1.25")},
        ),
        (
            LimitOrderRequest(
                **COMMON,
                limit_price=100,
                order_class=OrderClass.BRACKET,
                take_profit=TakeProfitRequest(limit_price=110),
                stop_loss=StopLossRequest(stop_price=90, limit_price=89.5),
            ),
            {
                "type": "limit",
                "limit_price": D(100),
                "order_class": "bracket",
                "take_profit": TakeProfit(limit_price=D(110)),
                "stop_loss": StopLoss(stop_price=D(90), limit_price=D("89.5")),
            },
        ),
        (
            LimitOrderRequest(
                **COMMON,
                order_class=OrderClass.OCO,
                take_profit=TakeProfitRequest(limit_price=110),
                stop_loss=StopLossRequest(stop_price=90),
            ),
            {
                "type": "limit",
                "order_class": "oco",
                "take_profit": TakeProfit(limit_price=D(110)),
                "stop_loss": StopLoss(stop_price=D(90)),
            },
        ),
        (
            MarketOrderRequest(
                **COMMON, order_class=OrderClass.OTO, stop_loss=StopLossRequest(stop_price=90)
            ),
            {"type": "market", "order_class": "oto", "stop_loss": StopLoss(stop_price=D(90))},
        ),
    ],
    ids=["stop", "stop limit", "trail in dollars", "trail in percent", "bracket", "oco", "oto"],
)
def test_what_the_sdk_sends_is_read_to_the_last_field(request_: Any, expected: dict[str, Any]) -> None:
    body = msgspec.json.encode(request_.to_request_fields())

    assert terms(ticket_of(order_decoder.decode(body))) == {**READ, **expected}


def test_what_is_unknown_in_a_child_is_ignored_and_so_is_its_id() -> None:
    read = ticket(
        order_class="bracket",
        take_profit={**TAKE_PROFIT, "client_order_id": "mine", "time_in_force": "gtc"},
        stop_loss={**STOP_LOSS, "id": 7},
    )

    assert (read.take_profit, read.stop_loss) == (TakeProfit(limit_price=D(110)), StopLoss(stop_price=D(90)))
    assert read.client_order_id is None


@pytest.mark.parametrize("nothing", [None, {}, {"limit_price": None}, {"limit_price": ""}], ids=str)
def test_a_child_that_says_nothing_is_no_child(nothing: Any) -> None:
    assert ticket(take_profit=nothing, stop_loss=nothing, legs=[]).order_class == ""


def test_an_oco_may_say_its_limit_twice_and_the_ticket_says_it_once() -> None:
    read = ticket(
        **LIMIT | {"limit_price": "110.0"}, order_class="oco", take_profit=TAKE_PROFIT, stop_loss=STOP_LOSS
    )

    assert (read.limit_price, read.take_profit) == (None, TakeProfit(limit_price=D(110)))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (STOP | {"stop_price": None}, "stop orders require a stop price"),
        (STOP | {"limit_price": "91"}, "stop orders require a stop price, and no limit price"),
        (STOP | {"type": "stop_limit"}, "stop limit orders require both stop and limit price"),
        (STOP | {"stop_price": "-1"}, "stop price must be > 0"),
        (STOP | {"stop_price": "high"}, "stop price is not a number"),
        (TRAILING, "trailing stop orders must specify one of trail_price or trail_percent"),
        (TRAILING | {"trail_price": "1", "trail_percent": "1"}, "must specify one of trail_price or trail_percent"),
        (TRAILING | {"trail_price": "0"}, "trail price must be > 0"),
        (TRAILING | {"trail_percent": -1}, "trail percent must be > 0"),
        (TRAILING | {"trail_price": "1", "stop_price": "90"}, "trailing stop orders require no stop or limit price"),
        (STOP | {"trail_price": "1"}, "stop orders require no trail"),
        ({"take_profit": TAKE_PROFIT}, "require an order_class other than simple"),
        ({"order_class": "simple", "stop_loss": STOP_LOSS}, "require an order_class other than simple"),
        ({"order_class": "bracket"}, "bracket orders require take_profit.limit_price"),
        ({"order_class": "bracket", "stop_loss": STOP_LOSS}, "bracket orders require take_profit.limit_price"),
        ({"order_class": "bracket", "take_profit": TAKE_PROFIT}, "bracket orders require stop_loss.stop_price"),
        (LIMIT | {"order_class": "oco", "stop_loss": STOP_LOSS}, "oco orders require take_profit.limit_price"),
        (
            LIMIT | {"order_class": "oco", "take_profit": TAKE_PROFIT, "stop_loss": STOP_LOSS},
            "the limit price of an oco order is its take_profit.limit_price",
        ),
        ({"order_class": "oto"}, "oto orders require one of"),
        ({"order_class": "oto", "take_profit": TAKE_PROFIT, "stop_loss": STOP_LOSS}, "oto orders require one of"),
        ({"order_class": "oto", "stop_loss": {"limit_price": "89"}}, "stop_loss.limit_price requires"),
        ({"order_class": "oto", "stop_loss": {"stop_price": "0"}}, "stop_loss.stop_price must be > 0"),
        ({"order_class": "oto", "take_profit": {"limit_price": []}}, "take_profit.limit_price is not a number"),
        ({"legs": [{"symbol": "IBM", "ratio_qty": "1"}]}, "legs require the order_class mleg"),
        ({"advanced_instructions": {"algorithm": "VWAP"}}, "advanced_instructions are not supported"),
    ],
)  # fmt: skip
def test_fields_that_do_not_go_together_are_refused_in_words(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueInvalid) as refused:
        ticket(**fields)

    assert text in str(refused.value)


def test_a_multi_leg_order_is_refused_in_words_although_it_has_neither_symbol_nor_side() -> None:
    body = {
        "type": "limit",
        "qty": 1,
        "limit_price": 1,
        "time_in_force": "day",
        "order_class": "mleg",
        "legs": [{}],
    }

    with pytest.raises(RuleBroken, match="mleg"):
        ticket_of(order_decoder.decode(msgspec.json.encode(body)))


@pytest.mark.parametrize(
    "fields",
    [{"take_profit": "110"}, {"stop_loss": ["90"]}, {"take_profit": 110}, {"legs": {}}, {"order_class": 1}],
    ids=str,
)
def test_a_child_that_is_no_object_makes_the_body_unreadable(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        ticket(**fields)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (ReplaceOrderRequest(stop_price=89.5), {"stop_price": D("89.5")}),
        (ReplaceOrderRequest(trail=1.5), {"trail": D("1.5")}),
        (
            ReplaceOrderRequest(qty=5, limit_price=99, time_in_force=TimeInForce.GTC, client_order_id="next"),
            {
                "quantity": D(5),
                "limit_price": D(99),
                "time_in_force": "gtc",
                "client_order_id": "next",
            },
        ),
    ],
    ids=["stop price", "trail", "the rest"],
)
def test_a_replacement_is_read_to_the_last_field(request_: Any, expected: dict[str, Any]) -> None:
    read = replacement_of(replace_decoder.decode(msgspec.json.encode(request_.to_request_fields())))

    assert {
        name: value for name in read.__struct_fields__ if (value := getattr(read, name)) is not None
    } == expected


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"stop_price": 0}, "stop price must be > 0"),
        ({"trail": "wide"}, "trail is not a number"),
        ({"trail": -1}, "trail must be > 0"),
    ],
)
def test_a_replacement_with_a_bad_field_is_refused_in_words(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueInvalid) as refused:
        replacement_of(replace_decoder.decode(msgspec.json.encode(fields)))

    assert str(refused.value) == text
