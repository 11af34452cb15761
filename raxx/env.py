"""Typed access to environment variables: a missing or bad one stops the start and names itself.

A secret may instead come as a file of the variable's name in $CREDENTIALS_DIRECTORY (systemd's LoadCredential).
"""

from __future__ import annotations

import os
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from accounts.addresses import networks_of

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class SettingError(ImproperlyConfigured):
    """A setting is missing or its value cannot be used; the text names it."""


class Url(str):
    """A URL with a scheme and something after it."""

    __slots__ = ()


class Origins(list[str]):
    """Where people reach us: each one scheme://host[:port], as a browser says it in `Origin`."""

    __slots__ = ()


class Networks(list[str]):
    """IP addresses and networks."""

    __slots__ = ()


def _boolean(text: str) -> bool:
    word = text.lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    message = f"{text!r} is neither true nor false"
    raise ValueError(message)


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        message = f"{text!r} is not a whole number"
        raise ValueError(message) from None


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        message = f"{text!r} is not a decimal number"
        raise ValueError(message)
    return number


def _url(text: str) -> Url:
    # The value is not repeated in the message: a URL may carry a password.
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        message = f"the value is not a URL ({error})"
        raise ValueError(message) from None
    if not parts.scheme or not (parts.netloc or parts.path.startswith("/")):
        message = "the value is not a URL; it needs a scheme, e.g. redis://host:6379/0"
        raise ValueError(message)
    return Url(text)


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def _origins(text: str) -> Origins:
    origins = Origins(_words(text))
    for origin in origins:
        try:
            parts = urlsplit(origin)
            is_origin = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_origin = False
        if not is_origin or origin != f"{parts.scheme}://{parts.netloc}" or "@" in parts.netloc:
            message = f"{origin!r} is not an origin; write scheme://host[:port], e.g. http://localhost:8000"
            raise ValueError(message)
    return origins


def _networks(text: str) -> Networks:
    return Networks(networks_of(_words(text)))


PARSERS: dict[type, Callable[[str], Any]] = {
    str: str,
    bool: _boolean,
    int: _integer,
    Decimal: _decimal,
    Url: _url,
    list: _words,
    Origins: _origins,
    Networks: _networks,
}


def required(name: str, kind: type[Value]) -> Value:
    """Return the variable's value as `kind`: str, bool, int, Decimal, Url, list or Origins (comma-separated).

    An empty variable counts as absent. Raises SettingError.
    """
    value = _read(name, kind)
    if value is None:
        message = f"{name} is required and is not set"
        raise SettingError(message)
    return value


def optional(name: str, kind: type[Value], default: Value) -> Value:
    """Return the variable's value as `kind`, or `default` when it is absent or empty.

    Raises SettingError when the value is there and bad.
    """
    value = _read(name, kind)
    return default if value is None else value


def choice(name: str, allowed: tuple[str, ...], default: str) -> str:
    """Return the variable's value, one of `allowed`. Raises SettingError."""
    value = optional(name, str, default)
    if value not in allowed:
        message = f"{name}: {value!r} is not one of {', '.join(allowed)}"
        raise SettingError(message)
    return value


def fraction(name: str, default: Decimal) -> Decimal:
    """Return the variable's value, a decimal number from 0 to 1. Raises SettingError."""
    value = optional(name, Decimal, default)
    if not 0 <= value <= 1:
        message = f"{name}: {value} is not between 0 and 1; 0.0625 is 6.25 %"
        raise SettingError(message)
    return value


def at_least(name: str, least: int, default: int) -> int:
    """Return the variable's value, a whole number from `least` on. Raises SettingError."""
    value = optional(name, int, default)
    if value < least:
        message = f"{name}: {value} is less than {least}"
        raise SettingError(message)
    return value


def _read(name: str, kind: type[Value]) -> Value | None:
    text = os.environ.get(name, "").strip() or _credential(name)
    if not text:
        return None
    try:
        return cast("Value", PARSERS[kind](text))
    except ValueError as error:
        message = f"{name}: {error}"
        raise SettingError(message) from None


def _credential(name: str) -> str:
    """Return what the service manager hands over in a file of the variable's name, or nothing.

    Unlike the environment no child inherits it, and `systemctl show` does not tell it: systemd.exec(5), LoadCredential.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    try:
        return (Path(folder) / name).read_text(encoding="utf-8").strip() if folder else ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise SettingError(f"{name}: its credential cannot be read: {error.strerror}") from None


def load_file(path: Path) -> None:
    """Add the NAME=value lines of a file to the environment; a variable already there wins.

    A missing file is fine. Blank lines and lines that begin with # are skipped; matching quotes
    around a value are removed, and nothing is expanded. Raises SettingError for any other line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            message = f"{path}, line {number}: not NAME=value"
            raise SettingError(message)
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        os.environ.setdefault(name, value)
