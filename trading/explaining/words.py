"""Numbers and instants as a person reads them: dollars with cents, grouped shares, New York's clocks.

The engine's integers become decimals here, exactly; units are those of `matching.engine.units`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from matching.engine.types import DOLLAR, MONEY, SHARE
from matching.market.times import NEW_YORK, to_datetime
from trading.wire import EXACT, plain

if TYPE_CHECKING:
    from datetime import datetime

_CENT_PLACES = 2


def price_of(units: int) -> Decimal:
    """Return a price of the engine in dollars."""
    return EXACT.divide(Decimal(units), Decimal(DOLLAR))


def quantity_of(units: int) -> Decimal:
    """Return a quantity of the engine in shares."""
    return EXACT.divide(Decimal(units), Decimal(SHARE))


def money_of(units: int) -> Decimal:
    """Return an amount of the engine in dollars."""
    return EXACT.divide(Decimal(units), Decimal(MONEY))


def dollars(amount: Decimal) -> str:
    """Return dollars with cents, and with more decimals only where there are any: 187.20, 0.1234."""
    whole, _, places = plain(amount).partition(".")
    return f"{_grouped(whole)}.{places.ljust(_CENT_PLACES, '0')}"


def shares(quantity: Decimal) -> str:
    """Return a number of shares: 1,200 or 0.25."""
    whole, dot, places = plain(quantity).partition(".")
    return f"{_grouped(whole)}{dot}{places}"


def percent(fraction: Decimal) -> str:
    """Return a fraction of one as a percentage: 0.1 is "10 %"."""
    return f"{plain(EXACT.multiply(fraction, Decimal(100)))} %"


def clock(at: datetime) -> str:
    """Return an instant as New York's clocks show it, with seconds only where there are any."""
    local = at.astimezone(NEW_YORK)
    shown = local.strftime("%H:%M")
    if local.second or local.microsecond:
        shown = local.time().isoformat().rstrip("0") if local.microsecond else local.strftime("%H:%M:%S")
    return f"{shown} New York, {local.date()}"


def clock_ns(at: int) -> str:
    """Return `clock` of nanoseconds."""
    return clock(to_datetime(at))


def _grouped(digits: str) -> str:
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return f"{sign}{int(digits):,}"
