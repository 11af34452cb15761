"""Numbers of a JSON body, read from their text: no binary float ever stands in between.

A client may send a JSON number or a string. A number that passed through a float on the client's
side carries noise (0.30000000000000004); a size is freed of it, a price is judged as it was sent.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import msgspec

from trading.errors import ValueInvalid
from trading.services.ticket import NOTIONAL_LIMIT, PRICE_LIMIT, QUANTITY_LIMIT
from trading.wire import EXACT

if TYPE_CHECKING:
    from collections.abc import Mapping

ABSENT = msgspec.Raw(b"null")

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TEXT_MAX = 64  # characters
_QUOTED_MAX = 40  # characters of a refused number that its refusal repeats
_PLACES = Decimal("1e-9")
_FLOAT_NOISE = Decimal("1e-14")  # of the number: several units in the last place of a binary double
_FLOAT_DIGITS = 20  # that a client prints of one, at most
_DOLLAR = Decimal(1)


def of_query(query: Mapping[str, str], name: str) -> msgspec.Raw:
    """Return a query's parameter as the body's numbers come: the text of JSON."""
    text = query.get(name)
    return ABSENT if text is None else msgspec.Raw(msgspec.json.encode(text))


def quantity(raw: msgspec.Raw, name: str = "qty") -> Decimal | None:
    """Read a number of shares: positive, up to nine decimals. None when absent. Raises ValueInvalid."""
    number = _positive(raw, name, QUANTITY_LIMIT)
    return None if number is None else _sized(number, raw, name)


def notional(raw: msgspec.Raw) -> Decimal | None:
    """Read an amount of dollars: at least one, up to nine decimals. None when absent. Raises ValueInvalid."""
    number = _positive(raw, "notional", NOTIONAL_LIMIT)
    if number is None:
        return None
    number = _sized(number, raw, "notional")
    if number < _DOLLAR:
        raise ValueInvalid("notional must be >= 1.00")
    return number


def price(raw: msgspec.Raw, name: str) -> Decimal | None:
    """Read a positive price, whatever its decimals. None when absent. Raises ValueInvalid."""
    return _positive(raw, name if "." in name else name.replace("_", " "), PRICE_LIMIT)


def _positive(raw: msgspec.Raw, name: str, limit: Decimal) -> Decimal | None:
    number = decimal(raw, name)
    if number is None:
        return None
    if number <= 0:
        raise ValueInvalid(f"{name} must be > 0")
    if number >= limit:
        raise ValueInvalid(f"{name} must be < {limit}")
    return number


def decimal(raw: msgspec.Raw, name: str) -> Decimal | None:
    """Read a JSON number, or a string that holds one. None when absent. Raises ValueInvalid."""
    if bytes(raw) in {b"null", b'""'}:
        return None
    text = _text(raw)
    if len(text) > _TEXT_MAX and not text.startswith(("{", "[")):
        raise ValueInvalid(f"{name} has more than {_TEXT_MAX} characters")
    if not _NUMBER.fullmatch(text):
        raise ValueInvalid(f"{name} is not a number")
    return Decimal(text)


def _text(raw: msgspec.Raw) -> str:
    encoded = bytes(raw)
    if encoded[:1] == b'"':
        text: str = msgspec.json.decode(encoded)
        return text
    return encoded.decode()


def _sized(number: Decimal, raw: msgspec.Raw, name: str) -> Decimal:
    rounded = number.quantize(_PLACES, rounding=ROUND_HALF_EVEN, context=EXACT)
    noise = abs(EXACT.subtract(number, rounded))
    digits = len(number.as_tuple().digits)
    if noise and (digits > _FLOAT_DIGITS or noise > EXACT.multiply(number, _FLOAT_NOISE)):
        raise ValueInvalid(f"{name} {_quoted(_text(raw))} has more than 9 decimals")
    return rounded


def _quoted(text: str) -> str:
    return text if len(text) <= _QUOTED_MAX else f"{text[:_QUOTED_MAX]}..."
