"""/raxx/v1/passkeys and /raxx/v1/recovery-codes: how a person gets in. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    CREATED,
    INSTANT,
    INTEGER,
    NO_CONTENT,
    OK,
    STRING,
    Answer,
    Schema,
    array,
    at_path,
    described,
    nullable,
    record,
    ref,
    request,
)

TAG = "Access"
_PATH = "/raxx/v1/passkeys"
_ONE = f"{_PATH}/{{passkey_id}}"
_CODES = "/raxx/v1/recovery-codes"
_ID = at_path("passkey_id", INTEGER, "The passkey's id.")
_NAME = {**STRING, "maxLength": 64}
_OBJECT: Schema = {"type": "object", "additionalProperties": True}

SCHEMAS: dict[str, Schema] = {
    "Passkey": record(
        "One way in.",
        {
            "id": INTEGER,
            "name": STRING,
            "is_on": described(BOOLEAN, "One that is off opens nothing: a recovery or a copy ended it."),
            "is_current": described(BOOLEAN, "The session was begun with it."),
            "is_synchronized": described(
                BOOLEAN, "Its provider keeps a copy, so that it outlives the device."
            ),
            "created_at": INSTANT,
            "last_used_at": nullable(INSTANT),
        },
    ),
    "PasskeyOptions": {
        **_OBJECT,
        "description": "For `PublicKeyCredential.parseCreationOptionsFromJSON`; to be answered within two minutes.",
    },
    "NewPasskeyRequest": request(
        "What the device has made.",
        {
            "credential": described(_OBJECT, "As `PublicKeyCredential.toJSON()` writes it."),
            "name": described(_NAME, "Empty: the device's, as the browser tells it."),
        },
        required=("credential",),
    ),
    "PasskeyNameRequest": request("Another name.", {"name": _NAME}, required=("name",)),
    "RecoveryCodesLeft": record(
        "What there is of recovery codes.",
        {"left": INTEGER, "made_at": described(nullable(INSTANT), "Null: none were ever made.")},
    ),
    "RecoveryCodes": record(
        "New codes; each works once.",
        {"codes": described(array(STRING), "They are in this answer and in no other.")},
    ),
}

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="listPasskeys",
        tag=TAG,
        summary="List passkeys",
        answers={OK: Answer(description="The passkeys, oldest first.", schema=array(ref("Passkey")))},
        needs_session=True,
    ),
    ("POST", f"{_PATH}/begin"): Operation(
        name="beginPasskey",
        tag=TAG,
        summary="Begin to add a passkey",
        answers={OK: Answer(description="Options for the browser.", schema=ref("PasskeyOptions"))},
        refusals=(INVALID,),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("POST", f"{_PATH}/complete"): Operation(
        name="completePasskey",
        tag=TAG,
        summary="Add the passkey that was made",
        body="NewPasskeyRequest",
        answers={CREATED: Answer(description="The passkey.", schema=ref("Passkey"))},
        refusals=(INVALID,),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("PATCH", _ONE): Operation(
        name="renamePasskey",
        tag=TAG,
        summary="Rename a passkey",
        parameters=(_ID,),
        body="PasskeyNameRequest",
        body_examples={"a name": {"name": "The blue key"}},
        answers={OK: Answer(description="The passkey.", schema=ref("Passkey"))},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("DELETE", _ONE): Operation(
        name="removePasskey",
        tag=TAG,
        summary="Remove a passkey",
        description="Its sessions end at once. The last one cannot be removed.",
        parameters=(_ID,),
        answers={NO_CONTENT: Answer(description="It opens nothing any more.")},
        refusals=(NOT_FOUND, INVALID),
        needs_session=True,
        is_stepped_up=True,
    ),
    ("GET", _CODES): Operation(
        name="countRecoveryCodes",
        tag=TAG,
        summary="Count recovery codes",
        answers={OK: Answer(description="How many are left.", schema=ref("RecoveryCodesLeft"))},
        needs_session=True,
    ),
    ("POST", _CODES): Operation(
        name="makeRecoveryCodes",
        tag=TAG,
        summary="Make recovery codes",
        description="Ten; the old ones open nothing from then on.",
        answers={CREATED: Answer(description="The codes.", schema=ref("RecoveryCodes"))},
        needs_session=True,
        is_stepped_up=True,
    ),
}
