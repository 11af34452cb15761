"""/raxx/v1/sessions: where a person is signed in. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from trading.api.schema.failures import NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    NO_CONTENT,
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
    record,
    ref,
)

TAG = "Your sessions"
_PATH = "/raxx/v1/sessions"
_CURRENT = f"{_PATH}/current"
_ONE = f"{_PATH}/{{session_id}}"
_ID = at_path("session_id", UUID, "The session's id.")
_ENDS = (
    "logged_out",
    "revoked",
    "passkey_removed",
    "recovered",
    "enrolled",
    "deactivated",
    "by_staff",
    "expired",
)
_AT_ONCE = "Its open streams close at once. Needs no step-up: it must be possible in an emergency."

SCHEMAS: dict[str, Schema] = {
    "Session": record(
        "A browser in which you are or were signed in.",
        {
            "id": UUID,
            "is_current": described(BOOLEAN, "The one that asks."),
            "status": one_of("living", "ended"),
            "device": described(STRING, "As its browser says: `Firefox on Linux`."),
            "address_prefix": described(STRING, "The network that it signed in from."),
            "passkey": described(
                nullable(record("A passkey.", {"id": INTEGER, "name": STRING})),
                "What it stands and falls with.",
            ),
            "is_enrol_only": described(BOOLEAN, "From a recovery: it may make a passkey, and nothing else."),
            "created_at": INSTANT,
            "last_seen_at": described(INSTANT, "To about a minute."),
            "idle_after_s": described(INTEGER, "Not seen for so long, it ends."),
            "expires_at": described(INSTANT, "When it ends, however often it is seen."),
            "fresh_until": described(nullable(INSTANT), "Until when its last step-up counts."),
            "ended_at": nullable(INSTANT),
            "end_reason": nullable(one_of(*_ENDS)),
        },
    ),
    "EndedSessions": record("What was ended.", {"ended": array(UUID)}),
}

_READ = {OK: Answer(description="The session.", schema=ref("Session"))}

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="listSessions",
        tag=TAG,
        summary="List where you are signed in",
        description="The living sessions, then those that ended in the last 30 days; each newest first.",
        answers={OK: Answer(description="The sessions.", schema=array(ref("Session")))},
        needs_session=True,
    ),
    ("DELETE", _PATH): Operation(
        name="endOtherSessions",
        tag=TAG,
        summary="Sign out everywhere else",
        description=_AT_ONCE,
        answers={OK: Answer(description="Their ids.", schema=ref("EndedSessions"))},
        needs_session=True,
    ),
    ("GET", _CURRENT): Operation(
        name="getCurrentSession", tag=TAG, summary="Read this session", answers=_READ, needs_session=True
    ),
    ("DELETE", _CURRENT): Operation(
        name="endCurrentSession",
        tag=TAG,
        summary="Log out",
        answers={NO_CONTENT: Answer(description="It has ended.")},
        needs_session=True,
    ),
    ("GET", _ONE): Operation(
        name="getSession",
        tag=TAG,
        summary="Read a session",
        parameters=(_ID,),
        answers=_READ,
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
    ("DELETE", _ONE): Operation(
        name="endSession",
        tag=TAG,
        summary="End a session",
        description=_AT_ONCE,
        parameters=(_ID,),
        answers={NO_CONTENT: Answer(description="It has ended.")},
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
}
