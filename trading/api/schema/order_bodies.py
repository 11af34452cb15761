"""An order as it is asked for and as it is shown. Spec of the wire: 1.2, 1.3, 3.8."""

from __future__ import annotations

from matching.engine.states import Status
from trading.api.schema.parts import (
    BOOLEAN,
    DECIMAL,
    INSTANT,
    NUMERIC,
    STRING,
    UUID,
    Schema,
    array,
    described,
    nullable,
    one_of,
    record,
    ref,
    request,
)

SIDE = one_of("buy", "sell")
TYPE = one_of("market", "limit", "stop", "stop_limit", "trailing_stop")
TIME_IN_FORCE = one_of("day", "gtc", "opg", "cls", "ioc", "fok")
CLASS = one_of(
    "",
    "simple",
    "bracket",
    "oco",
    "oto",
    "mleg",
    description="Empty and `simple` are the same; `mleg` is refused.",
)
INTENT = one_of("buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close")
ASSET_CLASS = one_of("us_equity", "us_option", "crypto")

_NAME = {**STRING, "maxLength": 128}

ORDER_EXAMPLE = {
    "id": "01a206b7-bd3b-75cc-90b2-57bc5c83bf58",
    "client_order_id": "entry-1",
    "created_at": "2013-10-08T14:30:00.123456Z",
    "updated_at": "2013-10-08T14:30:00.130001Z",
    "submitted_at": "2013-10-08T14:30:00.123456Z",
    "filled_at": "2013-10-08T14:30:00.129Z",
    "expired_at": None,
    "expires_at": "2013-10-08T20:00:00Z",
    "cancel_requested_at": None,
    "canceled_at": None,
    "failed_at": None,
    "replaced_at": None,
    "replaced_by": None,
    "replaces": None,
    "asset_id": "01a206b7-0000-7000-8000-000000000001",
    "symbol": "IBM",
    "asset_class": "us_equity",
    "notional": None,
    "qty": "10",
    "filled_qty": "10",
    "filled_avg_price": "181.79",
    "order_class": "",
    "order_type": "limit",
    "type": "limit",
    "side": "buy",
    "position_intent": "buy_to_open",
    "time_in_force": "day",
    "limit_price": "181.8",
    "stop_price": None,
    "status": "filled",
    "extended_hours": False,
    "legs": None,
    "trail_percent": None,
    "trail_price": None,
    "hwm": None,
    "subtag": None,
    "source": None,
}

ORDER_REQUESTS = {
    "market": {"symbol": "IBM", "qty": "10", "side": "buy", "type": "market", "time_in_force": "day"},
    "limit": {
        "symbol": "IBM",
        "qty": "10",
        "side": "buy",
        "type": "limit",
        "limit_price": "181.80",
        "time_in_force": "gtc",
        "client_order_id": "entry-1",
    },
    "notional": {"symbol": "IBM", "notional": "250", "side": "buy", "type": "market", "time_in_force": "day"},
    "trailing stop": {
        "symbol": "IBM",
        "qty": "10",
        "side": "sell",
        "type": "trailing_stop",
        "trail_percent": "2",
        "time_in_force": "day",
    },
    "bracket": {
        "symbol": "IBM",
        "qty": "10",
        "side": "buy",
        "type": "market",
        "time_in_force": "gtc",
        "order_class": "bracket",
        "take_profit": {"limit_price": "190"},
        "stop_loss": {"stop_price": "175", "limit_price": "174.5"},
    },
    "closing auction": {
        "symbol": "IBM",
        "qty": "10",
        "side": "sell",
        "type": "market",
        "time_in_force": "cls",
    },
}

SCHEMAS: dict[str, Schema] = {
    "Order": record(
        "An order. Instants are of market time, which of a replay is the tape's.",
        {
            "id": UUID,
            "client_order_id": STRING,
            "created_at": INSTANT,
            "updated_at": INSTANT,
            "submitted_at": INSTANT,
            "filled_at": nullable(INSTANT),
            "expired_at": nullable(INSTANT),
            "expires_at": described(nullable(INSTANT), "When time ends the order; null when it cannot wait."),
            "cancel_requested_at": nullable(INSTANT),
            "canceled_at": nullable(INSTANT),
            "failed_at": described(nullable(INSTANT), "When it was rejected."),
            "replaced_at": nullable(INSTANT),
            "replaced_by": described(nullable(UUID), "The successor's id."),
            "replaces": described(nullable(UUID), "The predecessor's id."),
            "asset_id": UUID,
            "symbol": STRING,
            "asset_class": ASSET_CLASS,
            "notional": nullable(DECIMAL),
            "qty": described(nullable(DECIMAL), "Null of an order for an amount of money."),
            "filled_qty": DECIMAL,
            "filled_avg_price": nullable(DECIMAL),
            "order_class": one_of("", "bracket", "oco", "oto"),
            "order_type": {**TYPE, "deprecated": True, "description": "The same as `type`."},
            "type": TYPE,
            "side": SIDE,
            "position_intent": nullable(INTENT),
            "time_in_force": TIME_IN_FORCE,
            "limit_price": nullable(DECIMAL),
            "stop_price": nullable(DECIMAL),
            "status": one_of(*(status.value for status in Status)),
            "extended_hours": BOOLEAN,
            "legs": described(
                nullable(array(ref("Order"))), "The other orders of its class, where they are asked for."
            ),
            "trail_percent": nullable(DECIMAL),
            "trail_price": nullable(DECIMAL),
            "hwm": described(nullable(DECIMAL), "The best price since submission, of a trailing stop."),
            "subtag": {"type": "null"},
            "source": {"type": "null"},
        },
        example=ORDER_EXAMPLE,
    ),
    "OrderRequest": request(
        "One of `qty` and `notional` is needed, and the prices that the type needs.",
        {
            "symbol": described(STRING, "A symbol or an asset's id."),
            "qty": described(nullable(NUMERIC), "Shares, to nine decimals."),
            "notional": described(nullable(NUMERIC), "Dollars, at least one."),
            "side": nullable(SIDE),
            "type": nullable(TYPE),
            "time_in_force": nullable(TIME_IN_FORCE),
            "limit_price": nullable(NUMERIC),
            "stop_price": nullable(NUMERIC),
            "trail_price": described(nullable(NUMERIC), "Dollars a share."),
            "trail_percent": nullable(NUMERIC),
            "extended_hours": described(
                {"type": ["boolean", "string", "integer", "null"]}, "A boolean, or a word for one."
            ),
            "client_order_id": described(nullable(_NAME), "Your name for the order; we make one otherwise."),
            "order_class": nullable(CLASS),
            "take_profit": nullable(ref("TakeProfit")),
            "stop_loss": nullable(ref("StopLoss")),
            "legs": described(nullable(array({"type": "object"})), "Of `mleg` orders, which are refused."),
            "position_intent": nullable({**INTENT, "enum": [*INTENT["enum"], ""]}),
            "advanced_instructions": described(nullable({"type": "object"}), "Refused unless empty."),
        },
        required=("symbol", "side", "type", "time_in_force"),
    ),
    "TakeProfit": request("The better exit of an order class.", {"limit_price": nullable(NUMERIC)}),
    "StopLoss": request(
        "The worse exit of an order class; with a limit price it is a stop limit order.",
        {"stop_price": nullable(NUMERIC), "limit_price": nullable(NUMERIC)},
    ),
    "ReplaceRequest": request(
        "What is to change; one term at least must. What is absent stays.",
        {
            "qty": described(nullable(NUMERIC), "Whole shares, in total."),
            "time_in_force": nullable(TIME_IN_FORCE),
            "limit_price": nullable(NUMERIC),
            "stop_price": nullable(NUMERIC),
            "trail": described(nullable(NUMERIC), "Dollars or percent, whichever the order trails by."),
            "client_order_id": nullable(_NAME),
        },
    ),
}
