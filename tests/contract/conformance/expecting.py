"""What a case says when something is not as it must be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from alpaca.common.exceptions import APIError

if TYPE_CHECKING:
    from collections.abc import Callable


class NotAsExpected(AssertionError):
    """The broker did something else; the text says what."""


def same(told: Any, wanted: Any) -> None:
    """Raise NotAsExpected unless both are equal."""
    if told != wanted:
        raise NotAsExpected(f"expected {wanted!r}, got {told!r}")


def holds(is_so: object, words: str) -> None:
    """Raise NotAsExpected with the words unless it is so."""
    if not is_so:
        raise NotAsExpected(words)


def refused(status: int, code: int, call: Callable[..., Any], *args: Any, **options: Any) -> dict[str, Any]:
    """Return the body of a refusal, which must have this status and code."""
    try:
        answer = call(*args, **options)
    except APIError as error:
        same((error.status_code, error.code), (status, code))
        body: dict[str, Any] = json.loads(str(error))
        holds(body["message"], "a refusal without a message")
        return body
    raise NotAsExpected(f"expected {status} ({code}), got {answer!r}")
