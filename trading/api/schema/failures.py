"""What every operation may answer instead of what it was asked for. Spec of the wire: 1.5."""

from __future__ import annotations

from trading.api.schema.parts import INTEGER, JSON, STRING, Schema, described, ref

BAD, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD, LARGE, KIND, INVALID, MANY, BUG, AWAY = (
    400,
    401,
    403,
    404,
    405,
    413,
    415,
    422,
    429,
    500,
    503,
)
GONE = 410
REQUEST_ID = "4bf92f3577b34da6a3ce929d0e0e4736"  # of an example
FOR_ALL = {
    BAD,
    UNAUTHORIZED,
    FORBIDDEN,
    NOT_FOUND,
    MANY,
    BUG,
    AWAY,
}  # 404: of the account that a session names
FOR_BODIES = {LARGE, KIND}

# status -> name, words, code and message of an example
_FAILURES: dict[int, tuple[str, str, int, str]] = {
    BAD: ("BadRequest", "The request cannot be read.", 40010000, "request body format is invalid"),
    UNAUTHORIZED: (
        "Unauthorized",
        "No key, or one that opens nothing (any more).",
        40110000,
        "unauthorized.",
    ),
    FORBIDDEN: (
        "Forbidden",
        "The key may not do this, or the account may not now: money, shares, or its own other orders.",
        40310000,
        "insufficient buying power",
    ),
    NOT_FOUND: (
        "NotFound",
        "There is no such thing, or it is not yours.",
        40410000,
        "position does not exist",
    ),
    GONE: (
        "Gone",
        "There was such a thing, and it is no longer kept.",
        41010000,
        "the account's history begins later: since_id is 4711 at least",
    ),
    LARGE: (
        "BodyTooLarge",
        "The body is longer than 64 KiB.",
        41310000,
        "the request's body is longer than 65536 bytes",
    ),
    KIND: (
        "UnsupportedMediaType",
        "The body is said not to be JSON.",
        41510000,
        "the body must be application/json",
    ),
    INVALID: (
        "Unprocessable",
        "A value is missing or can never be right (40010001), or a rule or the present state forbids it (42210000).",
        40010001,
        "qty or notional is required",
    ),
    MANY: (
        "TooManyRequests",
        "The caller's budget is used up, or their address sent too many wrong keys; see `Retry-After`.",
        42910000,
        "rate limit exceeded",
    ),
    BUG: (
        "InternalError",
        "A mistake of ours; `X-Request-ID` finds it in the log.",
        50010000,
        "internal server error occurred",
    ),
    AWAY: (
        "Unavailable",
        "Something that the answer needs is away. Try again.",
        50310000,
        "service unavailable",
    ),
}

SCHEMAS: dict[str, Schema] = {
    "Error": {
        "type": "object",
        "description": "Every refusal. Further fields give figures, such as `buying_power` and `cost_basis`.",
        "properties": {
            "code": described(INTEGER, "Stable; its first three digits are not always the status."),
            "message": described(STRING, "For people; it may change."),
            "request_id": described(STRING, "The same as `X-Request-ID`: it finds the request in the log."),
        },
        "required": ["code", "message", "request_id"],
        "additionalProperties": True,
        "examples": [
            {
                "code": 40310000,
                "message": "insufficient buying power",
                "buying_power": "1000",
                "cost_basis": "24000",
                "request_id": REQUEST_ID,
            }
        ],
    }
}


def failure(status: int) -> Schema:
    """Return the reference to the answer of this status."""
    return {"$ref": f"#/components/responses/{_FAILURES[status][0]}"}


def responses() -> dict[str, Schema]:
    """Return the answers that operations refer to."""
    return {
        name: {
            "description": words,
            "content": {
                JSON: {
                    "schema": ref("Error"),
                    "example": {"code": code, "message": message, "request_id": REQUEST_ID},
                }
            },
        }
        for name, words, code, message in _FAILURES.values()
    }
