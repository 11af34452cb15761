"""/raxx/v1/live/gate: the way from paper to live, as far as a person's own record goes. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
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
    record,
    ref,
)

TAG = "The gate to live trading"
_PATH = "/raxx/v1/live/gate"
_MONTH = {**STRING, "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2026-03"]}

_VERDICT: dict[str, Schema] = {
    "id": UUID,
    "is_open": BOOLEAN,
    "through": described(
        _MONTH, "The newest month that it knows. When the next one is over it holds no longer."
    ),
    "rules_version": INTEGER,
    "computed_at": INSTANT,
    "report": ref("GateReport"),
}

SCHEMAS: dict[str, Schema] = {
    "GateMonth": record(
        "A calendar month in New York, and whether it counts.",
        {
            "month": _MONTH,
            "counts": BOOLEAN,
            "criteria": array(
                record(
                    "What is asked of it.",
                    {
                        "name": STRING,
                        "required": STRING,
                        "figure": described(nullable(STRING), "Null where there is nothing to measure."),
                        "missing": described(nullable(STRING), "Null where it is met."),
                        "is_met": BOOLEAN,
                    },
                )
            ),
        },
    ),
    "GateReport": record(
        "A record's months, and how many of them count in a row.",
        {
            "is_open": BOOLEAN,
            "in_a_row": described(INTEGER, "Up to the newest month that is over."),
            "required": INTEGER,
            "months": described(array(ref("GateMonth")), "Newest first."),
        },
    ),
    "GateRules": record(
        "What is asked of each month.",
        {
            "months": described(INTEGER, "In a row."),
            "closed_trades_min": described(INTEGER, "Positions that became flat or changed sides."),
            "trading_days_min": described(INTEGER, "Sessions in which an order was filled."),
            "return_above": described(STRING, "Time-weighted, after simulated costs; 0.01 is one percent."),
            "drawdown_below": described(STRING, "Of the daily closes; 0.25 is a quarter."),
        },
    ),
    "GateVerdict": record("A verdict, as it was stored.", _VERDICT),
    "GateVerdictWithInputs": record(
        "A verdict, and what it was computed from.",
        {**_VERDICT, "inputs": {"type": "object", "description": "Account, rules and the months' figures."}},
    ),
    "Gate": record(
        "The gate, as it stands to you.",
        {
            "is_open": BOOLEAN,
            "opened_by": nullable(one_of("record", "override")),
            "override": nullable(
                record(
                    "An exception that two of the staff made.",
                    {"reason": STRING, "approved_at": INSTANT, "expires_at": INSTANT},
                )
            ),
            "verdict": described(
                nullable(ref("GateVerdict")), "The newest. Within an hour after a month's end comes the next."
            ),
            "rules": ref("GateRules"),
            "account": described(
                nullable(
                    record(
                        "By which you are judged.",
                        {
                            "id": UUID,
                            "account_number": STRING,
                            "named_at": described(
                                nullable(INSTANT), "Only whole months after it count. Null: your oldest one."
                            ),
                            "counts": described(BOOLEAN, "Its market's months do."),
                        },
                    )
                ),
                "Null while you have none in a market that counts.",
            ),
            "report": described(nullable(ref("GateReport")), "As your record is now; no verdict."),
            "present_month": described(nullable(ref("GateMonth")), "So far."),
        },
    ),
}

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="getGate",
        tag=TAG,
        summary="Read how far your record goes",
        description=(
            "Each criterion with its figure and what is missing. A month in which money came or went (a reset, a "
            "deposit, the account's opening) does not count, and the months must follow each other."
        ),
        answers={OK: Answer(description="The gate.", schema=ref("Gate"))},
        needs_session=True,
    ),
    ("PUT", f"{_PATH}/accounts/{{account_id}}"): Operation(
        name="nameGateAccount",
        tag=TAG,
        summary="Say by which account you want to be judged",
        description="It counts from the next month on; what another account has earned counts no longer.",
        parameters=(at_path("account_id", UUID, "One of your accounts."),),
        answers={OK: Answer(description="The gate.", schema=ref("Gate"))},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
    ),
    ("GET", f"{_PATH}/verdicts"): Operation(
        name="listGateVerdicts",
        tag=TAG,
        summary="List the verdicts on you",
        answers={
            OK: Answer(description="The 50 newest, newest first.", schema=array(ref("GateVerdictWithInputs")))
        },
        needs_session=True,
    ),
}
