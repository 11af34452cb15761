"""Rule N1: the smallest price steps an order may name.

Invariants: a price is exact from the wire to the fill; nothing here rounds.

Source: SEC Rule 612 (sub-penny rule): one cent at or above $1.00, 1/10,000 dollar below.
"""

from __future__ import annotations

from decimal import Decimal

from matching.engine.types import CENT, DOLLAR

DOLLARS_MAX = 1_000_000_000
PLACES_MAX = 100


class OffTick(ValueError):
    """A price that is not a multiple of its tick."""


def tick_of(price: int) -> int:
    """Return the tick of a price, both in 1/10,000 dollar."""
    return CENT if price >= DOLLAR else 1


def price_from_dollars(dollars: Decimal) -> int:
    """Return an order's price in 1/10,000 dollar.

    Raises OffTick when `dollars` is not a multiple of its tick, and ValueError when it is not a
    positive number below `DOLLARS_MAX`. Exact for any number of digits, and quick for any exponent:
    more than `PLACES_MAX` decimal places are off the tick, zeros or not.
    """
    if not dollars.is_finite() or not 0 < dollars < DOLLARS_MAX:
        raise ValueError(f"price {dollars} is not between 0 and {DOLLARS_MAX}")
    tick = CENT if dollars >= 1 else 1
    price, rest = 0, 1
    if int(dollars.as_tuple().exponent) >= -PLACES_MAX:
        numerator, denominator = dollars.as_integer_ratio()
        price, rest = divmod(numerator * DOLLAR, denominator)
    if rest or price % tick:
        raise OffTick(f"price {dollars} is not a multiple of {Decimal(tick) / DOLLAR}")
    return price
