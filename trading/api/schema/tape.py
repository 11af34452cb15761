"""/raxx/v1/market/tape: an operator's hand on a recorded market's clock. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.failures import INVALID
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    OK,
    STRING,
    Answer,
    described,
    nullable,
    one_of,
    record,
    ref,
    request,
)

TAG = "Tape"
_PATH = "/raxx/v1/market/tape"

SCHEMAS = {
    "Tape": record(
        "A market's clock, and how far its processes have come.",
        {
            "market": STRING,
            "feed": one_of("replay", "synthetic", "alpaca"),
            "now": INSTANT,
            "paused": BOOLEAN,
            "speed": described(
                nullable(STRING), "Market seconds per second, or `max`; null where it is the wall clock's."
            ),
            "run": described(INTEGER, "Counts the restarts."),
            "starts_at": nullable(INSTANT),
            "ends_at": nullable(INSTANT),
            "decided_at": described(nullable(INSTANT), "Up to here every decision is committed."),
            "published_at": described(nullable(INSTANT), "Up to here the market data is shown."),
            "version": described(INTEGER, "Counts every change."),
        },
        example={
            "market": "sample day",
            "feed": "replay",
            "now": "2013-10-08T14:30:00Z",
            "paused": True,
            "speed": "1",
            "run": 1,
            "starts_at": "2013-10-08T08:00:00Z",
            "ends_at": "2013-10-09T00:00:00Z",
            "decided_at": "2013-10-08T14:30:00Z",
            "published_at": "2013-10-08T14:30:00Z",
            "version": 3,
        },
    ),
    "AdvanceRequest": request("Where the tape is to stand.", {"to": nullable(INSTANT)}),
    "SpeedRequest": request(
        "Market seconds per second.",
        {
            "speed": {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0},
                    {"type": "string", "description": "The same as text, or `max`."},
                ]
            }
        },
    ),
}

_NOW = {OK: Answer(description="Where the tape stands now.", schema=ref("Tape"))}


def _control(
    verb: str, summary: str, description: str = "", body: str = "", example: object = None
) -> Operation:
    return Operation(
        name=f"{verb}Tape",
        tag=TAG,
        summary=summary,
        description=description,
        body=body,
        body_examples={"example": example} if body else {},
        answers=_NOW,
        refusals=(INVALID,),
        scopes=("operator",),
        is_stepped_up=True,
    )


OPERATIONS = {
    ("GET", _PATH): Operation(
        name="getTape", tag=TAG, summary="Read where the tape stands", answers=_NOW, scopes=("operator",)
    ),
    ("POST", f"{_PATH}/play"): _control("play", "Let the tape run"),
    ("POST", f"{_PATH}/pause"): _control("pause", "Stop the tape"),
    ("POST", f"{_PATH}/advance"): _control(
        "advance",
        "Move the paused tape to an instant",
        "Answered when every decision up to it is committed.",
        "AdvanceRequest",
        {"to": "2013-10-08T14:31:00Z"},
    ),
    ("POST", f"{_PATH}/restart"): _control(
        "restart",
        "Begin the tape anew",
        "As a new run; answered when it has begun and what was open is canceled.",
    ),
    ("POST", f"{_PATH}/speed"): _control(
        "setSpeedOf", "Set the tape's speed", body="SpeedRequest", example={"speed": "60"}
    ),
}
