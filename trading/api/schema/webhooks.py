"""/raxx/v1/webhooks: signed messages about the account's orders. Not Alpaca's."""

from __future__ import annotations

from trading.api.schema.failures import INVALID, NOT_FOUND
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    ACCEPTED,
    BOOLEAN,
    CREATED,
    INSTANT,
    INTEGER,
    NO_CONTENT,
    NUMBER,
    OK,
    STRING,
    UUID,
    Answer,
    Schema,
    array,
    at_path,
    described,
    nullable,
    query,
    record,
    ref,
    request,
)

TAG = "Webhooks"
_PATH = "/raxx/v1/webhooks"
_ONE = f"{_PATH}/{{endpoint_id}}"
_ID = at_path("endpoint_id", UUID, "The endpoint's id.")
_ENDPOINT: dict[str, Schema] = {
    "id": UUID,
    "url": STRING,
    "description": STRING,
    "enabled": BOOLEAN,
    "disabled_at": nullable(INSTANT),
    "disabled_reason": STRING,
    "last_sequence": described(INTEGER, "The newest event that was delivered."),
    "failures": described(INTEGER, "In a row."),
    "next_attempt_at": nullable(INSTANT),
    "created_at": INSTANT,
}
_SECRET = described(STRING, "Signs the messages; it is in this answer and in no other.")

SCHEMAS: dict[str, Schema] = {
    "Webhook": record("An endpoint that is told of the account's order events.", _ENDPOINT),
    "WebhookWithSecret": record("An endpoint and its new secret.", {**_ENDPOINT, "secret": _SECRET}),
    "WebhookRequest": request(
        "A new endpoint.",
        {
            "url": described(nullable(STRING), "An HTTPS address that is not private."),
            "description": {**STRING, "maxLength": 200},
        },
    ),
    "WebhookChangeRequest": request(
        "What is to change.",
        {
            "url": nullable(STRING),
            "description": nullable({**STRING, "maxLength": 200}),
            "enabled": nullable(BOOLEAN),
        },
    ),
    "WebhookReplayRequest": request(
        "Which messages are sent again.",
        {"from_sequence": described({**INTEGER, "minimum": 1}, "Of the first event, in the account's log.")},
        required=("from_sequence",),
    ),
    "WebhookReplayed": record(
        "An endpoint, and how many events it is told of again.", {**_ENDPOINT, "replays": INTEGER}
    ),
    "WebhookDelivery": record(
        "One attempt.",
        {
            "id": INTEGER,
            "sequence": described(INTEGER, "Of the event in the account's log."),
            "attempt": INTEGER,
            "at": INSTANT,
            "duration_ms": NUMBER,
            "status_code": nullable(INTEGER),
            "delivered": BOOLEAN,
            "error": nullable(STRING),
        },
    ),
}

_ENDPOINT_ANSWER = {OK: Answer(description="The endpoint.", schema=ref("Webhook"))}

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="listWebhooks",
        tag=TAG,
        summary="List endpoints",
        answers={OK: Answer(description="The endpoints, oldest first.", schema=array(ref("Webhook")))},
    ),
    ("POST", _PATH): Operation(
        name="createWebhook",
        tag=TAG,
        summary="Make an endpoint",
        body="WebhookRequest",
        body_examples={"a bot": {"url": "https://bot.example/hook", "description": "My bot"}},
        answers={
            CREATED: Answer(
                description="The endpoint and its secret.",
                schema=ref("WebhookWithSecret"),
                links={
                    name: {"operationId": operation, "parameters": {"endpoint_id": "$response.body#/id"}}
                    for name, operation in (
                        ("read", "getWebhook"),
                        ("change", "changeWebhook"),
                        ("delete", "deleteWebhook"),
                    )
                },
            )
        },
        refusals=(INVALID,),
        scopes=("trade",),
    ),
    ("GET", _ONE): Operation(
        name="getWebhook",
        tag=TAG,
        summary="Read an endpoint",
        parameters=(_ID,),
        answers=_ENDPOINT_ANSWER,
        refusals=(NOT_FOUND,),
    ),
    ("PATCH", _ONE): Operation(
        name="changeWebhook",
        tag=TAG,
        summary="Change an endpoint",
        parameters=(_ID,),
        body="WebhookChangeRequest",
        body_examples={"enable again": {"enabled": True}},
        answers=_ENDPOINT_ANSWER,
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    ("DELETE", _ONE): Operation(
        name="deleteWebhook",
        tag=TAG,
        summary="Delete an endpoint",
        parameters=(_ID,),
        answers={NO_CONTENT: Answer(description="Nothing more is sent.")},
        refusals=(NOT_FOUND,),
        scopes=("trade",),
    ),
    ("POST", f"{_ONE}/rotate"): Operation(
        name="rotateWebhookSecret",
        tag=TAG,
        summary="Make another secret",
        description="It signs from the next message on.",
        parameters=(_ID,),
        answers={OK: Answer(description="The endpoint and its secret.", schema=ref("WebhookWithSecret"))},
        refusals=(NOT_FOUND,),
        scopes=("trade",),
    ),
    ("POST", f"{_ONE}/test"): Operation(
        name="testWebhook",
        tag=TAG,
        summary="Send a test message",
        description="Soon; its attempt appears among the deliveries.",
        parameters=(_ID,),
        answers={ACCEPTED: Answer(description="The endpoint.", schema=ref("Webhook"))},
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    ("POST", f"{_ONE}/replay"): Operation(
        name="replayWebhook",
        tag=TAG,
        summary="Send messages again",
        description="All from one event on, in order. It must be kept, and be delivered or next.",
        parameters=(_ID,),
        body="WebhookReplayRequest",
        body_examples={"from the first": {"from_sequence": 1}},
        answers={ACCEPTED: Answer(description="The endpoint.", schema=ref("WebhookReplayed"))},
        refusals=(NOT_FOUND, INVALID),
        scopes=("trade",),
    ),
    ("GET", f"{_ONE}/deliveries"): Operation(
        name="listWebhookDeliveries",
        tag=TAG,
        summary="List attempts",
        description="Newest first.",
        parameters=(
            _ID,
            query("limit", {**INTEGER, "minimum": 1, "maximum": 200, "default": 50}, "How many."),
            query(
                "before",
                {**INTEGER, "minimum": 1, "maximum": 2**63 - 1},
                "Continues a list: the id of its last attempt.",
            ),
        ),
        answers={OK: Answer(description="The attempts.", schema=array(ref("WebhookDelivery")))},
        refusals=(NOT_FOUND, INVALID),
    ),
}
