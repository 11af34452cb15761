"""/raxx/v1/live/limits and /raxx/v1/live/kill-switch. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
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
    described,
    nullable,
    one_of,
    record,
    ref,
    request,
)

TAG = "Live guards"
_LIMITS = "/raxx/v1/live/limits"
_SWITCH = "/raxx/v1/live/kill-switch"

_CLOSED: dict[str, Schema] = {
    "is_closed": described(BOOLEAN, "Whether anything is stopped: one closing is enough."),
    "closings": array(ref("LiveClosing")),
}
SCHEMAS: dict[str, Schema] = {
    "LiveLimitFigures": record(
        "Limits of live orders.",
        {
            "notional_max": described(DECIMAL, "Dollars of one order."),
            "day_notional_max": described(DECIMAL, "Dollars of all orders of a New York day."),
            "open_orders_max": INTEGER,
            "price_distance_max_bps": described(INTEGER, "Of an order's price from the market's."),
        },
    ),
    "LiveLimits": record(
        "The limits of your connection.",
        {
            "connection_id": UUID,
            "own": ref("LiveLimitFigures"),
            "installation": ref("LiveLimitFigures"),
            "in_force": described(ref("LiveLimitFigures"), "The stricter of both, each by itself."),
        },
    ),
    "LiveLimitsRequest": request(
        "What is left out stays as it is.",
        {
            "notional_max": NUMERIC,
            "day_notional_max": NUMERIC,
            "open_orders_max": INTEGER,
            "price_distance_max_bps": INTEGER,
        },
    ),
    "LiveClosing": record(
        "Why no live order of yours is sent.",
        {
            "id": UUID,
            "scope": one_of("global", "user", "connection"),
            "connection_id": nullable(UUID),
            "is_own": described(BOOLEAN, "By yourself; else by the staff, which opens it too."),
            "reason": STRING,
            "closed_at": INSTANT,
        },
    ),
    "LiveSwitch": record("The kill switch, as far as it stops you.", _CLOSED),
    "LiveSwitchClosed": record(
        "The kill switch, now closed.",
        {
            **_CLOSED,
            "being_sent": described(
                nullable(INTEGER),
                "Orders of yours that were on their way already, and may reach the broker; null: not known.",
            ),
        },
    ),
    "LiveSwitchRequest": request("Why.", {"reason": {**STRING, "minLength": 1, "maxLength": 200}}),
}
_SHOWN = {OK: Answer(description="The limits.", schema=ref("LiveLimits"))}
_SWITCHED = {OK: Answer(description="How it stands.", schema=ref("LiveSwitch"))}

OPERATIONS = {
    ("GET", _LIMITS): Operation(
        name="getLiveLimits",
        tag=TAG,
        summary="Read your limits of live orders",
        answers=_SHOWN,
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
    ("PUT", _LIMITS): Operation(
        name="setLiveLimits",
        tag=TAG,
        summary="Set your limits of live orders",
        description="Never wider than the installation's. They hold for orders that wait to be sent, too.",
        body="LiveLimitsRequest",
        body_examples={"narrow": {"notional_max": "500", "open_orders_max": 3}},
        answers=_SHOWN,
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("GET", _SWITCH): Operation(
        name="getLiveSwitch", tag=TAG, summary="Read the kill switch", answers=_SWITCHED, needs_session=True
    ),
    ("POST", _SWITCH): Operation(
        name="closeLiveSwitch",
        tag=TAG,
        summary="Stop all your live orders",
        description="At once, for every order that is not on its way yet. Cancels still go. Needs no step-up.",
        body="LiveSwitchRequest",
        is_body_needed=False,
        answers={OK: Answer(description="How it stands.", schema=ref("LiveSwitchClosed"))},
        refusals=(INVALID,),
        needs_session=True,
    ),
    ("DELETE", _SWITCH): Operation(
        name="openLiveSwitch",
        tag=TAG,
        summary="Let your live orders go again",
        description="Opens what you closed; what the staff has closed takes two of them.",
        answers=_SWITCHED,
        needs_session=True,
        is_stepped_up=True,
    ),
}
