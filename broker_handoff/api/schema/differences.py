"""/raxx/v1/live/differences. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    INSTANT,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    array,
    described,
    nullable,
    one_of,
    record,
    ref,
)

TAG = "Live orders"
_SAID: Schema = {"type": "object", "additionalProperties": {"type": "string"}}

SCHEMAS: dict[str, Schema] = {
    "LiveDifference": record(
        "Where your account at the broker is not as Raxx knows it. Nothing repairs it: look at the broker.",
        {
            "id": UUID,
            "connection_id": UUID,
            "kind": one_of(
                "order_not_ours",
                "order_missing",
                "order_after_end",
                "terms_differ",
                "fills_shrank",
                "position_differs",
            ),
            "subject": described(STRING, "The broker's id of an order, or a symbol."),
            "ours": described(_SAID, "What Raxx knows."),
            "theirs": described(_SAID, "What the broker says."),
            "first_seen_at": INSTANT,
            "last_seen_at": INSTANT,
            "ended_at": described(nullable(INSTANT), "When it was there no more; null while it is."),
        },
    ),
}

OPERATIONS = {
    ("GET", "/raxx/v1/live/differences"): Operation(
        name="listLiveDifferences",
        tag=TAG,
        summary="List where the broker differs",
        description="Found by a comparison every half minute. An order of yours that moved there is no difference.",
        answers={
            OK: Answer(
                description="The 100 newest, those that are there now first.",
                schema=array(ref("LiveDifference")),
            )
        },
        needs_session=True,
    ),
}
