"""/raxx/v1/live/connect and /raxx/v1/live/connection: a person's way to their own live account. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.failures import INVALID
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    INSTANT,
    INTEGER,
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

TAG = "Your live broker"
_CONNECT = "/raxx/v1/live/connect"
_CONNECTION = "/raxx/v1/live/connection"
_DOLLARS = described(STRING, "Dollars.")

SCHEMAS: dict[str, Schema] = {
    "LiveConnect": record(
        "Where you say yes.",
        {
            "authorize_url": described(
                STRING, "At the broker. Go there in this browser, and come back in time."
            ),
            "expires_at": described(INSTANT, "Ten minutes from now. An earlier address is void."),
        },
    ),
    "LiveConnection": record(
        "Your latest connection to a live account. Its token is sealed, and never shown.",
        {
            "id": UUID,
            "broker": STRING,
            "broker_account": described(STRING, "Its number there."),
            "status": described(
                one_of("active", "needs_reauth", "disconnected"),
                "`needs_reauth`: the broker no longer takes the token; connect anew.",
            ),
            "scopes": described(array(STRING), "What the broker lets us do."),
            "connected_at": INSTANT,
            "consent_expires_at": described(
                INSTANT, "Nothing new is sent from then on; a week later it is disconnected."
            ),
            "token": described(
                one_of("sealed", "refused", "shredded"),
                "`refused`: the vault did not open it, and no order goes out; connect anew.",
            ),
            "disconnected_at": nullable(INSTANT),
            "disconnect_reason": nullable(STRING),
            "revoked_at_broker": described(
                nullable(one_of("not_asked", "waiting", "done", "refused")),
                "Of one that is over. `not_asked` and `refused`: end our access on the broker's own page.",
            ),
            "limits": described(
                record(
                    "Your own.",
                    {
                        "notional_max": _DOLLARS,
                        "day_notional_max": _DOLLARS,
                        "open_orders_max": INTEGER,
                        "price_distance_max_bps": INTEGER,
                    },
                ),
                "Your own; the installation's may be stricter.",
            ),
        },
    ),
}

_ANSWER = {OK: Answer(description="The connection.", schema=ref("LiveConnection"))}

OPERATIONS = {
    ("GET", _CONNECT): Operation(
        name="beginLiveConnection",
        tag=TAG,
        summary="Begin to connect your live account",
        description=(
            "Needs an open gate and a tier with live trading; 403 with `guard` says what is in the way. The broker "
            "sends you back to `/live/callback`, in the same session."
        ),
        answers={OK: Answer(description="The way to the broker.", schema=ref("LiveConnect"))},
        needs_session=True,
        is_stepped_up=True,
    ),
    ("GET", _CONNECTION): Operation(
        name="getLiveConnection",
        tag=TAG,
        summary="Read your connection",
        description="404 for who never had one.",
        answers=_ANSWER,
        needs_session=True,
    ),
    ("DELETE", _CONNECTION): Operation(
        name="endLiveConnection",
        tag=TAG,
        summary="Disconnect your live account",
        description=(
            "Nothing is sent from then on. The broker is asked to take the token back, for an hour at most, and "
            "then it is shredded. Orders that are open at the broker stay open there."
        ),
        answers=_ANSWER,
        refusals=(INVALID,),
        needs_session=True,
        is_stepped_up=True,
    ),
}
