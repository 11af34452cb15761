"""/raxx/v1/keys: the API keys of a person's accounts. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from accounts.models.api_key import Scope
from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    CREATED,
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

TAG = "API keys"
_PATH = "/raxx/v1/keys"
_ONE = f"{_PATH}/{{key_id}}"
_ID = at_path("key_id", STRING, "The public part, `PK...`.")
_NAME = {**STRING, "maxLength": 64}
_SCOPES = array(one_of(*Scope.values))
_ADDRESSES = described(
    array(STRING), "IP addresses and networks from which alone it opens anything; none: anywhere."
)
_OVERLAP = {**INTEGER, "minimum": 0, "maximum": 7 * 24 * 3600}

_FIELDS: dict[str, Schema] = {
    "key_id": described(STRING, "The public part."),
    "account_id": UUID,
    "name": STRING,
    "scopes": _SCOPES,
    "addresses": _ADDRESSES,
    "status": one_of("active", "expired", "revoked"),
    "created_at": INSTANT,
    "last_used_at": described(nullable(INSTANT), "To about a minute."),
    "expires_at": nullable(INSTANT),
    "revoked_at": nullable(INSTANT),
}

SCHEMAS: dict[str, Schema] = {
    "ApiKey": record("A bot's way into one paper account.", _FIELDS),
    "ApiKeyWithSecret": record(
        "A key just made.",
        {
            **_FIELDS,
            "secret": described(STRING, "It is in this answer and in no other."),
            "token": described(STRING, "Both in one word, for clients that send a bearer token."),
        },
    ),
    "ApiKeyRequest": request(
        "A new key.",
        {
            "account_id": UUID,
            "name": _NAME,
            "scopes": described(
                _SCOPES,
                "`read`, `trade` and `data` unless told otherwise; `read` and `data` make it read-only.",
            ),
            "addresses": _ADDRESSES,
            "expires_at": described(
                nullable(INSTANT), "When it ends by itself; else, and without days, never."
            ),
            "expires_in_days": nullable({**INTEGER, "minimum": 1, "maximum": 3650}),
        },
        required=("account_id",),
    ),
    "ApiKeyChangeRequest": request(
        "What is to change.", {"name": nullable(_NAME), "addresses": nullable(_ADDRESSES)}
    ),
    "ApiKeyRotationRequest": request(
        "How the old key ends.",
        {"overlap_s": described(_OVERLAP, "How long it stays good beside its successor.")},
    ),
}

_READ = {OK: Answer(description="The key.", schema=ref("ApiKey"))}
_MADE = {CREATED: Answer(description="The key and its secret.", schema=ref("ApiKeyWithSecret"))}
_NOT_COOLING = "Not while access that was recovered cools down."

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="listKeys",
        tag=TAG,
        summary="List keys",
        parameters=(query("account_id", UUID, "Those of one account."),),
        answers={OK: Answer(description="The keys, newest first.", schema=array(ref("ApiKey")))},
        refusals=(INVALID,),
        needs_session=True,
    ),
    ("POST", _PATH): Operation(
        name="createKey",
        tag=TAG,
        summary="Make a key",
        description=f"For one of your accounts. {_NOT_COOLING}",
        body="ApiKeyRequest",
        body_examples={
            "read-only": {
                "account_id": "01a206b7-bd3b-75cc-90b2-57bc5c83bf58",
                "name": "My chart",
                "scopes": ["read", "data"],
                "expires_in_days": 90,
            }
        },
        answers=_MADE,
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("GET", _ONE): Operation(
        name="getKey",
        tag=TAG,
        summary="Read a key",
        parameters=(_ID,),
        answers=_READ,
        refusals=(NOT_FOUND,),
        needs_session=True,
    ),
    ("PATCH", _ONE): Operation(
        name="changeKey",
        tag=TAG,
        summary="Rename a key, or limit it to other networks",
        description=_NOT_COOLING,
        parameters=(_ID,),
        body="ApiKeyChangeRequest",
        body_examples={"limit": {"addresses": ["203.0.113.0/24"]}},
        answers=_READ,
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("DELETE", _ONE): Operation(
        name="revokeKey",
        tag=TAG,
        summary="Revoke a key",
        description="At once and for good; its open streams close.",
        parameters=(_ID,),
        answers=_READ,
        refusals=(NOT_FOUND,),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("POST", f"{_ONE}/rotate"): Operation(
        name="rotateKey",
        tag=TAG,
        summary="Put a new key in its place",
        description=f"It may do the same. {_NOT_COOLING}",
        parameters=(_ID,),
        body="ApiKeyRotationRequest",
        body_examples={"an hour for both": {"overlap_s": 3600}},
        answers=_MADE,
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
        is_stepped_up=True,
    ),
}
