"""/raxx/v1/live/orders: orders at a person's own broker. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    ACCEPTED,
    BOOLEAN,
    DECIMAL,
    INSTANT,
    INTEGER,
    NUMERIC,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    array,
    at_path,
    described,
    nullable,
    one_of,
    query,
    record,
    ref,
    request,
)

TAG = "Live orders"
_ORDERS = "/raxx/v1/live/orders"
_ONE = f"{_ORDERS}/{{intent_id}}"
_ID = at_path("intent_id", UUID, "The order's id, which is its `client_order_id` at the broker as well.")
_STATUS = one_of(
    "accepted",
    "sending",
    "working",
    "filled",
    "canceled",
    "rejected",
    "expired",
    "replaced",
    "done",
    "refused",
    "blocked",
    "lapsed",
    "unresolved",
    description=(
        "`sending`: nobody knows yet whether the broker has it. `refused`: the broker said no. `blocked`: a guard "
        "said no, and nothing was sent. `lapsed`: the deadline passed, and the broker does not have it. "
        "`unresolved`: it may be there, and we cannot ask any more, because you disconnected: look at the broker."
    ),
)
_TERMS: dict[str, Schema] = {
    "symbol": STRING,
    "side": one_of("buy", "sell"),
    "type": one_of("market", "limit", "stop", "stop_limit"),
    "time_in_force": one_of("day", "gtc", "ioc", "fok"),
    "qty": DECIMAL,
    "notional": DECIMAL,
    "limit_price": DECIMAL,
    "stop_price": DECIMAL,
    "extended_hours": BOOLEAN,
}
_IS_REPEAT = described(BOOLEAN, "The same order as moments ago is meant a second time. Default: false.")
_YES = (
    "The first answer to new terms is 401 with `error` `step_up_required` and a `digest`: show a passkey for that "
    "digest (`begin` and `complete` name the ceremony) and send the same again. A yes is good once, for five minutes."
)
_GUARDS = (
    "403 with `error` `live_refused` names the `guard` that refused: `switch_global`, `switch_user`, "
    "`switch_connection`, `deactivated`, `not_connected`, `needs_reauth`, `consent_expired`, `cooling_down`, `tier`, "
    "`gate`, `market_closed`, `no_price`, `price_distance`, `order_notional`, `day_notional`, `open_orders` or "
    "`duplicate`. They are asked again before anything is sent."
)
_OFF = "404 where this installation has no way to a broker."

SCHEMAS: dict[str, Schema] = {
    "LiveTerms": record(
        "What goes to the broker: of a replacement what it changes, of a cancel nothing.",
        _TERMS,
        optional=_TERMS,
    ),
    "LiveOrder": record(
        "An order, a replacement or a cancel, on its way to the broker or there.",
        {
            "id": described(UUID, "Its `client_order_id` at the broker."),
            "kind": one_of("submit", "cancel", "replace"),
            "replaces_or_cancels": nullable(UUID),
            "status": _STATUS,
            "reason": described(nullable(STRING), "Why it ended so, in one word: a guard's, for `blocked`."),
            "words": described(nullable(STRING), "The same for people; a refusal's are the broker's own."),
            "terms": ref("LiveTerms"),
            "digest": described(STRING, "What the passkey said yes to: SHA-256, in hexadecimal digits."),
            "notional": described(DECIMAL, "Dollars that it may move, estimated when it was accepted."),
            "created_at": INSTANT,
            "deadline_at": described(INSTANT, "Nothing is sent after it."),
            "sent_at": described(nullable(INSTANT), "When it may first have reached the broker."),
            "finished_at": nullable(INSTANT),
            "seen_at": described(nullable(INSTANT), "When the broker last told of it."),
            "broker_order_id": nullable(STRING),
            "broker_status": described(nullable(STRING), "The broker's own word."),
            "filled_qty": DECIMAL,
            "filled_avg_price": nullable(DECIMAL),
        },
    ),
    "LiveOrderEvent": record(
        "One step of it.",
        {
            "at": INSTANT,
            "status": STRING,
            "detail": described({"type": "object"}, "Facts: the reason, the broker's words and figures."),
            "request_id": nullable(STRING),
        },
    ),
    "LiveOrderRequest": request(
        "An order. `qty`, or `notional` for a market order of the day; `limit_price` and `stop_price` as the type has "
        "them; `extended_hours` for limit orders of the day. A field that is not listed is refused (400).",
        {
            **_TERMS,
            **dict.fromkeys(("qty", "notional", "limit_price", "stop_price"), NUMERIC),
            "is_repeat": _IS_REPEAT,
        },
        required=("symbol", "side", "type", "time_in_force"),
    ),
    "LiveReplaceRequest": request(
        "What the replacement changes.",
        {
            **dict.fromkeys(("qty", "limit_price", "stop_price"), NUMERIC),
            "time_in_force": _TERMS["time_in_force"],
            "is_repeat": _IS_REPEAT,
        },
    ),
}
SCHEMAS["LiveOrderWithEvents"] = {
    **SCHEMAS["LiveOrder"],
    "description": "The same, with what became of it.",
    "properties": {**SCHEMAS["LiveOrder"]["properties"], "events": array(ref("LiveOrderEvent"))},
    "required": [*SCHEMAS["LiveOrder"]["required"], "events"],
}
_TAKEN = Answer(description="Accepted, to be sent.", schema=ref("LiveOrder"))

OPERATIONS = {
    ("GET", _ORDERS): Operation(
        name="listLiveOrders",
        tag=TAG,
        summary="List your live orders",
        description="Orders and replacements, newest first; the words are those of `GET /v2/orders`.",
        parameters=(
            query("status", one_of("open", "closed", "all"), "Default: open."),
            query("limit", {**INTEGER, "minimum": 1, "maximum": 500}, "How many at most. Default: 50."),
            query("after", STRING, "Accepted after this instant, or date."),
            query("until", STRING, "Accepted until then."),
            query("direction", one_of("asc", "desc"), "Default: desc."),
            query("before_order_id", UUID, "Accepted before this order of yours."),
            query("after_order_id", UUID, "Accepted after it."),
        ),
        answers={OK: Answer(description="The orders.", schema=array(ref("LiveOrder")))},
        refusals=(INVALID,),
        needs_session=True,
    ),
    ("POST", _ORDERS): Operation(
        name="postLiveOrder",
        tag=TAG,
        summary="Send an order to your broker",
        description=f"{_YES} {_GUARDS} {_OFF}",
        body="LiveOrderRequest",
        body_examples={
            "limit": {
                "symbol": "IBM",
                "side": "buy",
                "type": "limit",
                "time_in_force": "day",
                "qty": "1",
                "limit_price": "99.5",
            }
        },
        answers={ACCEPTED: _TAKEN},
        refusals=(INVALID,),
        needs_session=True,
    ),
    ("GET", _ONE): Operation(
        name="getLiveOrder",
        tag=TAG,
        summary="Read a live order",
        parameters=(_ID,),
        answers={OK: Answer(description="The order.", schema=ref("LiveOrderWithEvents"))},
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
    ("PATCH", _ONE): Operation(
        name="replaceLiveOrder",
        tag=TAG,
        summary="Replace a live order",
        description=f"The answer is the replacement. {_YES} {_GUARDS} {_OFF}",
        parameters=(_ID,),
        body="LiveReplaceRequest",
        body_examples={"price": {"limit_price": "99.25"}},
        answers={ACCEPTED: _TAKEN},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
    ),
    ("DELETE", _ONE): Operation(
        name="cancelLiveOrder",
        tag=TAG,
        summary="Cancel a live order",
        description=f"The answer is the cancel. {_YES} Neither a switch nor a limit stops a cancel. {_OFF}",
        parameters=(_ID,),
        answers={ACCEPTED: _TAKEN},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
    ),
}
