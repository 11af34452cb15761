"""/raxx/v1/privacy: a copy of all that is kept of a person, and the end of it. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    ACCEPTED,
    INSTANT,
    INTEGER,
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
)

TAG = "Your data"
_PATH = "/raxx/v1/privacy"
_ONE = f"{_PATH}/exports/{{export_id}}"
_ID = at_path("export_id", UUID, "The archive's id.")
_FILE: Schema = {"type": "string", "format": "binary"}

SCHEMAS: dict[str, Schema] = {
    "Export": record(
        "An archive of all that is kept of you.",
        {
            "id": UUID,
            "status": one_of(
                "waiting",
                "ready",
                "downloaded",
                "expired",
                "failed",
                description="When it is `ready`, its link was mailed.",
            ),
            "asked_at": INSTANT,
            "ready_at": nullable(INSTANT),
            "expires_at": described(nullable(INSTANT), "Until when its link is good."),
            "downloaded_at": nullable(INSTANT),
            "size_bytes": nullable(INTEGER),
        },
    ),
    "Erasure": record(
        "Your wish to be forgotten.",
        {
            "status": one_of("waiting", "canceled"),
            "asked_at": INSTANT,
            "due_at": described(INSTANT, "Until then it can be withdrawn."),
            "canceled_at": nullable(INSTANT),
        },
    ),
}

OPERATIONS = {
    ("POST", f"{_PATH}/export"): Operation(
        name="askForExport",
        tag=TAG,
        summary="Ask for your data",
        description=(
            "A ZIP with each table as JSON and as CSV, made in the background. A link is mailed when it is ready; it works"
            " once, for 24 hours. Who waits for one already is answered with that."
        ),
        answers={ACCEPTED: Answer(description="It will be made.", schema=ref("Export"))},
        needs_session=True,
        is_stepped_up=True,
    ),
    ("GET", f"{_PATH}/exports"): Operation(
        name="listExports",
        tag=TAG,
        summary="List your archives",
        answers={
            OK: Answer(description="Those of the last 30 days, newest first.", schema=array(ref("Export")))
        },
        needs_session=True,
    ),
    ("GET", _ONE): Operation(
        name="getExport",
        tag=TAG,
        summary="Read how an archive stands",
        parameters=(_ID,),
        answers={OK: Answer(description="The archive.", schema=ref("Export"))},
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
    ("GET", f"{_ONE}/download"): Operation(
        name="downloadExport",
        tag=TAG,
        summary="Fetch an archive",
        description="By the link that was mailed, in a browser where you are signed in. It works once.",
        parameters=(
            _ID,
            query("token", {**STRING, "maxLength": 100}, "As in the link that was mailed.", required=True),
        ),
        answers={OK: Answer(description="The ZIP.", schema=_FILE, content_type="application/zip")},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
    ),
    ("GET", f"{_PATH}/erase"): Operation(
        name="getErasure",
        tag=TAG,
        summary="Read until when your erasure can be withdrawn",
        answers={OK: Answer(description="The wish that waits.", schema=ref("Erasure"))},
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
    ("POST", f"{_PATH}/erase"): Operation(
        name="askForErasure",
        tag=TAG,
        summary="Ask to be forgotten",
        description=(
            "All sessions, keys and streams end at once, open orders are canceled, and a broker's token is shredded. After"
            " 30 days everything that is kept of you is deleted, but for the audit log, which names you by an id alone and"
            " goes after two years. Until then you can log in, to withdraw it or to ask for your data, and for nothing else."
        ),
        answers={ACCEPTED: Answer(description="You are signed out.", schema=ref("Erasure"))},
        needs_session=True,
        is_stepped_up=True,
    ),
    ("POST", f"{_PATH}/erase/cancel"): Operation(
        name="cancelErasure",
        tag=TAG,
        summary="Withdraw your wish to be forgotten",
        description="Your accounts are as they were. Keys that have ended stay so.",
        answers={OK: Answer(description="It was withdrawn.", schema=ref("Erasure"))},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
    ),
}
