"""What stays open: order updates as server-sent events; and the WebSockets, which a document cannot list."""

from __future__ import annotations

from trading.api.schema.failures import AWAY, GONE, INVALID, MANY, NOT_FOUND, UNAUTHORIZED
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    DECIMAL,
    INSTANT,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    at_path,
    described,
    query,
    record,
    ref,
)

TAG = "Streams"
_EVENT_ID = described(STRING, "An event's id.")

SCHEMAS: dict[str, Schema] = {
    "TradeUpdate": record(
        "One event of the account's log. A fill has its price, its quantity and the position after it.",
        {
            "event": described(STRING, "Such as `new`, `partial_fill`, `fill`, `canceled`."),
            "event_id": described(STRING, "Resumes a stream: `since_id`, or the header `Last-Event-ID`."),
            "at": INSTANT,
            "timestamp": INSTANT,
            "order": ref("Order"),
            "price": DECIMAL,
            "qty": DECIMAL,
            "position_qty": DECIMAL,
            "execution_id": UUID,
        },
        optional=("price", "qty", "position_qty", "execution_id"),
    ),
}

OPERATIONS = {
    ("GET", "/v2/events/trades"): Operation(
        name="streamTradeUpdates",
        tag=TAG,
        summary="Follow order updates (server-sent events)",
        description=(
            "Each event has an `id` and, as `data`, a `TradeUpdate`. Begins after `since_id` (or the header "
            "`Last-Event-ID`), or with the first event of `since`, or now. A client that comes again with its last id "
            "misses nothing and hears nothing twice; what is older than the tier keeps is gone. A comment every 15 seconds keeps the connection open; an event "
            "`error` says why it ends."
        ),
        parameters=(
            query(
                "account_id",
                UUID,
                "Of a signed-in person without a key: whose events; the oldest open account's.",
            ),
            query("since_id", _EVENT_ID, "Begin after this event."),
            query("until_id", _EVENT_ID, "End with this event."),
            query("since", INSTANT, "Begin with the first event of this instant of market time."),
            query("until", INSTANT, "End with the last event of this instant."),
            {
                **at_path("Last-Event-ID", STRING, "The same as `since_id`."),
                "in": "header",
                "required": False,
            },
        ),
        answers={
            OK: Answer(
                description="The events, for as long as the connection lasts.",
                schema=STRING,
                content_type="text/event-stream",
            )
        },
        refusals=(UNAUTHORIZED, NOT_FOUND, GONE, INVALID, MANY, AWAY),
    ),
}

SOCKETS = """\
### WebSockets

**Order updates** at `/stream`. Say `{"action": "authenticate", "data": {"key_id": ..., "secret_key": ...}}` (or
`"data": {"oauth_token": ...}`), then `{"action": "listen", "data": {"streams": ["trade_updates"]}}`; with `"since_id"`
beside `streams`, everything that came after that event is told first. Frames are binary JSON; `/stream?frames=text`
chooses text frames, and `Content-Type: application/msgpack` on the upgrade MessagePack.

**Market data** at `/v2/iex`, `/v2/sip` and `/v2/delayed_sip`. Say `{"action": "auth", "key": ..., "secret": ...}`,
then `{"action": "subscribe", "trades": ["IBM"], "quotes": ["IBM"], "bars": ["*"]}`. Every frame is a list of
messages, JSON or, with `Content-Type: application/msgpack`, MessagePack. One connection for each key.

A page of ours needs neither message: the cookie of its person's session opens all of these, for the account that
`?account_id=` names, else the oldest open one. A page of another site is refused with 403.
"""
