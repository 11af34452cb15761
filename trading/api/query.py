"""Parameters of a query string, as clients write them. Spec of the wire: 2.3."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

from matching.market.times import parse_rfc3339, to_datetime
from trading.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TRUE_WORDS = frozenset({"true", "1", "t"})
FALSE_WORDS = frozenset({"false", "0", "f", ""})


def boolean(value: bool | int | str | None, name: str) -> bool:
    """Read a boolean, which Python clients write as `True`; absent is false. Raises ValueInvalid."""
    word = "" if value is None else str(value).lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise ValueInvalid(f"{name} is not a boolean")


def choice(query: Mapping[str, str], name: str, allowed: Collection[str], default: str) -> str:
    """Read one of the allowed words. Raises ValueInvalid."""
    word = query.get(name) or default
    if word not in allowed:
        raise ValueInvalid(f"{name} must be one of {', '.join(filter(None, allowed))}")
    return word


def whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Read a whole number from 1 to `most`. Raises ValueInvalid."""
    text = query.get(name)
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(most)) else 0
    if not 1 <= number <= most:
        raise ValueInvalid(f"{name} must be a number from 1 to {most}")
    return number


def words(query: Mapping[str, str], name: str) -> list[str]:
    """Read a comma-separated list; absent and empty are the same."""
    return [word.strip() for word in query.get(name, "").split(",") if word.strip()]


def moment(query: Mapping[str, str], name: str) -> int | None:
    """Read an instant as nanoseconds: RFC 3339, one without zone (UTC), or a date. Raises ValueInvalid."""
    text = query.get(name, "").strip()
    if not text:
        return None
    text = text[:11] + text[11:].replace(" ", "+")  # a zone's `+` that the client did not encode
    for candidate in (text, f"{text}Z", f"{text}T00:00:00Z"):
        try:
            ns = parse_rfc3339(candidate)
            to_datetime(ns)  # a zone may shift an instant out of the years that there are
        except (ValueError, OverflowError):
            continue
        return ns
    raise ValueInvalid(f"{name} is neither an RFC 3339 instant nor a date")


def day(query: Mapping[str, str], name: str) -> date | None:
    """Read a date; an instant counts as its day in UTC. Raises ValueInvalid."""
    text = query.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        ns = moment(query, name)
    return None if ns is None else to_datetime(ns).date()


def identifier(query: Mapping[str, str], name: str) -> UUID | None:
    """Read a UUID. Raises ValueInvalid."""
    text = query.get(name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise ValueInvalid(f"{name} is not a UUID") from None
