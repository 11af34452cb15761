"""/raxx/v1/accounts: a person's accounts, more than the one that the key opens. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    ACCEPTED,
    BOOLEAN,
    CREATED,
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

TAG = "Your accounts"
_PATH = "/raxx/v1/accounts"
_ONE = f"{_PATH}/{{account_id}}"
_ID = at_path("account_id", UUID, "The account's id.")
_NAME = {**STRING, "maxLength": 64}

_FIELDS: dict[str, Schema] = {
    "id": UUID,
    "account_number": STRING,
    "name": STRING,
    "status": one_of("active", "resetting", "closing", "closed"),
    "market": STRING,
    "profile": record("What its new orders are filled by.", {"name": STRING, "version": INTEGER}),
    "multiplier": one_of("1", "2", "4"),
    "currency": STRING,
    "cash": DECIMAL,
    "generation": described(INTEGER, "Raised by each reset."),
    "exits_only": described(BOOLEAN, "More than your tier allows: it takes no order that opens a position."),
    "created_at": INSTANT,
    "reset_at": nullable(INSTANT),
}

SCHEMAS: dict[str, Schema] = {
    "OwnAccount": record("An account of yours.", _FIELDS),
    "OwnAccountHistory": record(
        "An account of yours, with its generations.",
        {
            **_FIELDS,
            "generations": array(
                record(
                    "One generation; its bounds are those of `/v2/events/trades`. Of one that is wholly older than"
                    " what your tier keeps, nothing is told (410).",
                    {
                        "generation": INTEGER,
                        "began_at": nullable(INSTANT),
                        "since_id": STRING,
                        "until_id": nullable(STRING),
                    },
                )
            ),
            "reset": described(
                nullable(
                    record(
                        "A reset that waits.", {"generation": INTEGER, "cash": DECIMAL, "asked_at": INSTANT}
                    )
                ),
                "The reset that waits for orders to end.",
            ),
        },
    ),
    "OwnAccountRequest": request(
        "A new account.",
        {
            "name": _NAME,
            "cash": described(nullable(NUMERIC), "Dollars to begin with."),
            "profile": described(STRING, "A simulation profile's name."),
            "multiplier": one_of(1, 2, 4),
            "market": described(
                nullable(STRING), "Name or number of a market that is run; without it the installation's own."
            ),
        },
    ),
    "OwnAccountChangeRequest": request(
        "What is to change.",
        {"name": nullable(_NAME), "profile": described(nullable(STRING), "A simulation profile's name.")},
    ),
    "ResetRequest": request(
        "How to begin anew.",
        {
            "cash": described(nullable(NUMERIC), "Dollars to begin with."),
            "generation": described(
                nullable(INTEGER), "Which is to end, so that a repeat does not end the next."
            ),
        },
    ),
}

_HISTORY = ref("OwnAccountHistory")
_READ = {OK: Answer(description="The account.", schema=_HISTORY)}
_SETTLING = {
    OK: Answer(description="It is done.", schema=_HISTORY),
    ACCEPTED: Answer(description="Orders are still being ended.", schema=_HISTORY),
}

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="listAccounts",
        tag=TAG,
        summary="List your accounts",
        parameters=(query("status", one_of("open", "closed", "all"), "`open` is the default."),),
        answers={OK: Answer(description="The accounts, oldest first.", schema=array(ref("OwnAccount")))},
        refusals=(INVALID,),
    ),
    ("POST", _PATH): Operation(
        name="openAccount",
        tag=TAG,
        summary="Open an account",
        description="As far as your tier allows. Its keys are made apart.",
        body="OwnAccountRequest",
        body_examples={"a second one": {"name": "Pairs", "cash": "50000"}},
        answers={CREATED: Answer(description="The account.", schema=_HISTORY)},
        refusals=(NOT_FOUND, INVALID),
        scopes=("operator",),
    ),
    ("GET", _ONE): Operation(
        name="getOwnAccount",
        tag=TAG,
        summary="Read one of your accounts",
        parameters=(_ID,),
        answers=_READ,
        refusals=(NOT_FOUND,),
    ),
    ("PATCH", _ONE): Operation(
        name="changeAccount",
        tag=TAG,
        summary="Rename an account, or choose its profile",
        parameters=(_ID,),
        body="OwnAccountChangeRequest",
        body_examples={"name": {"name": "Momentum"}},
        answers=_READ,
        refusals=(NOT_FOUND, INVALID),
        scopes=("operator",),
    ),
    ("POST", f"{_ONE}/reset"): Operation(
        name="resetAccount",
        tag=TAG,
        summary="Begin an account anew",
        description="As a new generation: same keys, older orders and events stay readable.",
        parameters=(_ID,),
        body="ResetRequest",
        is_body_needed=False,
        body_examples={"more money": {"cash": "250000", "generation": 1}},
        answers=_SETTLING,
        refusals=(NOT_FOUND, INVALID),
        scopes=("operator",),
    ),
    ("POST", f"{_ONE}/archive"): Operation(
        name="archiveAccount",
        tag=TAG,
        summary="Close an account",
        description="Its keys end with it.",
        parameters=(_ID,),
        answers=_SETTLING,
        refusals=(NOT_FOUND, INVALID),
        scopes=("operator",),
    ),
}
