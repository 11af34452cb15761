"""/raxx/v1/first-steps: how a person begins. Not Alpaca's, and not for API keys."""

from __future__ import annotations

from trading.api.schema.failures import INVALID
from trading.api.schema.operation import Operation
from trading.api.schema.parts import (
    BOOLEAN,
    DECIMAL,
    INTEGER,
    OK,
    STRING,
    Answer,
    Schema,
    described,
    mapping,
    nullable,
    one_of,
    record,
    ref,
    request,
)
from trading.first_steps import BY_NAME, QUESTIONS

TAG = "First steps"
_PATH = "/raxx/v1/first-steps"
_ANSWERS: Schema = {
    "type": "object",
    "description": "An answer to each question, or none at all.",
    "properties": {question: one_of(*answers) for question, answers in QUESTIONS.items()},
}
_PROFILE = one_of(*BY_NAME)
_ALL = {"horizon": "some_years", "fall": "wait", "aim": "income", "experience": "some"}

SCHEMAS: dict[str, Schema] = {
    "FirstSteps": record(
        "How you began.",
        {
            "answers": _ANSWERS,
            "comes_to": nullable(
                record(
                    "The investor profile that the answers come to: with what an account may begin.",
                    {
                        "name": _PROFILE,
                        "cash": described(DECIMAL, "Dollars of paper money."),
                        "profile": described(STRING, "A simulation profile."),
                        "multiplier": described(INTEGER, "How many times its equity the account may hold."),
                    },
                )
            ),
            "profile": described(nullable(_PROFILE), "The one that was taken."),
            "is_dismissed": described(BOOLEAN, "Whether the list of first steps is to be shown no more."),
            "done": record(
                "What of the first steps is done.",
                {
                    "account": BOOLEAN,
                    "watchlist": BOOLEAN,
                    "order": BOOLEAN,
                    "way_back": described(BOOLEAN, "Recovery codes or a second passkey."),
                    "key": BOOLEAN,
                },
            ),
        },
    ),
    "FirstStepsRequest": request(
        "What is absent stays.",
        {
            "answers": nullable(mapping(STRING, "To all questions; an empty object forgets them.")),
            "profile": nullable(STRING),
            "is_dismissed": nullable(BOOLEAN),
        },
    ),
}

_NOW = {OK: Answer(description="They are so now.", schema=ref("FirstSteps"))}

OPERATIONS = {
    ("GET", _PATH): Operation(
        name="getFirstSteps", tag=TAG, summary="Read how you began", answers=_NOW, needs_session=True
    ),
    ("PUT", _PATH): Operation(
        name="keepFirstSteps",
        tag=TAG,
        summary="Keep your answers, or dismiss the list",
        description="It opens nothing and changes no account: it is what the pages ask when somebody begins.",
        body="FirstStepsRequest",
        body_examples={"example": {"answers": _ALL, "profile": "income_builder"}},
        answers=_NOW,
        refusals=(INVALID,),
        needs_session=True,
    ),
}
