"""/raxx/v1: simulation profiles and explanations of orders. Not Alpaca's."""

from __future__ import annotations

from matching.engine.states import Status
from matching.engine.types import Model
from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.orders import ORDER_ID
from trading.api.schema.parts import (
    BOOLEAN,
    DECIMAL,
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
    request,
)

TAG = "Simulation"
_MODEL = one_of(*(model.value for model in Model))
_PARAMETERS: Schema = record(
    "What makes a version fill as it does, beside its model.",
    {
        "participation": described(DECIMAL, "The share of the volume that an order may take, of one."),
        "slippage_bps": INTEGER,
        "latency_ms": described(INTEGER, "Of market time."),
        "commission": described(DECIMAL, "Dollars a share."),
        "reject_rate": described(DECIMAL, "Of one."),
        "partial_rate": described(DECIMAL, "Of one."),
    },
)
_PROFILE: dict[str, Schema] = {
    "name": STRING,
    "version": INTEGER,
    "model": _MODEL,
    "parameters": ref("ProfileParameters"),
    "description": STRING,
    "is_offered": described(BOOLEAN, "Whether accounts may choose it now."),
    "created_at": INSTANT,
}
_PROFILE_NAME = at_path("name", STRING, "The profile's name.", example="alpaca")
_EVIDENCE: Schema = {
    "type": "object",
    "description": "The figures behind the sentence: numbers as decimal strings, instants as RFC 3339.",
}
_TOLD: dict[str, Schema] = {
    "rule": described(nullable(STRING), "The fill model's rule."),
    "sentence": STRING,
    "evidence": _EVIDENCE,
}

SCHEMAS: dict[str, Schema] = {
    "ProfileParameters": _PARAMETERS,
    "Profile": record("One version of a simulation profile.", _PROFILE),
    "ChosenProfile": record(
        "What the account's new orders are filled by.",
        {
            **_PROFILE,
            "newest_version": described(
                nullable(INTEGER), "What the name means now; null when it is offered no more."
            ),
        },
    ),
    "ProfileRequest": request("The profile's name.", {"name": nullable(STRING)}),
    "ExplainedStep": record(
        "One thing that happened to the order.", {"event": STRING, "at": INSTANT, **_TOLD}
    ),
    "ExplainedWait": record(
        "What an open order waits for.", {"reason": described(STRING, "A stable word."), **_TOLD}
    ),
    "ExplainedModel": record(
        "By what the order is filled.",
        {
            "name": STRING,
            "version": INTEGER,
            "model": _MODEL,
            "parameters": ref("ProfileParameters"),
            "engine_version": INTEGER,
        },
    ),
    "Explanation": record(
        "Why an order filled as it did, or what it waits for.",
        {
            "order_id": UUID,
            "status": one_of(*(status.value for status in Status)),
            "summary": STRING,
            "model": ref("ExplainedModel"),
            "steps": array(ref("ExplainedStep")),
            "waiting_for": nullable(ref("ExplainedWait")),
        },
    ),
}

OPERATIONS = {
    ("GET", "/raxx/v1/orders/{order_id}/explanation"): Operation(
        name="explainOrder",
        tag=TAG,
        summary="Explain an order",
        parameters=(ORDER_ID,),
        answers={OK: Answer(description="The order's story.", schema=ref("Explanation"))},
        refusals=(NOT_FOUND,),
    ),
    ("GET", "/raxx/v1/profiles"): Operation(
        name="listProfiles",
        tag=TAG,
        summary="List simulation profiles",
        parameters=(query("all", BOOLEAN, "Every version that ever was, too."),),
        answers={OK: Answer(description="The newest version of each.", schema=array(ref("Profile")))},
        refusals=(INVALID,),
    ),
    ("GET", "/raxx/v1/profiles/{name}"): Operation(
        name="getProfile",
        tag=TAG,
        summary="Read a simulation profile",
        parameters=(
            _PROFILE_NAME,
            query("version", {**INTEGER, "minimum": 1, "maximum": 32_767}, "The newest when absent."),
        ),
        answers={OK: Answer(description="The profile.", schema=ref("Profile"))},
        refusals=(NOT_FOUND, INVALID),
    ),
    ("GET", "/raxx/v1/account/profile"): Operation(
        name="getAccountProfile",
        tag=TAG,
        summary="Read the account's profile",
        answers={OK: Answer(description="The profile.", schema=ref("ChosenProfile"))},
    ),
    ("PATCH", "/raxx/v1/account/profile"): Operation(
        name="chooseProfile",
        tag=TAG,
        summary="Choose the account's profile",
        description="For new orders; those that were accepted keep theirs.",
        body="ProfileRequest",
        body_examples={"by name": {"name": "alpaca"}},
        answers={OK: Answer(description="The profile.", schema=ref("ChosenProfile"))},
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
}
