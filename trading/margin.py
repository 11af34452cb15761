"""Margin: what an account must have of its own, and what it may still spend. Pure arithmetic, in dollars.

Source: spec of the wire, 3.13. One formula says what may be spent, here and in `trading_power` of
trading/sql: multiplier x equity, less all that is held, long and short, and less what open orders hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from trading.wire import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable

EQUITY_MIN = Decimal(2_000)  # below it nothing is lent, and nothing sold short
OVERNIGHT = 2  # the most that Regulation T lends beyond a day

_ZERO = Decimal(0)
_WHOLE = Decimal(1)
_INITIAL = Decimal("0.5")
_LONG_RATES = ((Decimal("2.5"), _WHOLE), (Decimal(6), Decimal("0.5")))  # below this price that rate,
_LONG_RATE = Decimal("0.3")  # and from the last of them on this one
_SHORT_CHEAP_BELOW = Decimal(5)
_SHORT_CHEAP_MIN, _SHORT_MIN = Decimal("2.5"), Decimal(5)  # dollars a share
_SHORT_RATE = Decimal("0.3")
_CONCENTRATED = Decimal("0.7")  # of an account of
_CONCENTRATED_FROM = Decimal(100_000)  # dollars at least
_CONCENTRATED_RATE = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Signed shares at a price."""

    quantity: Decimal
    price: Decimal
    is_marginable: bool = True

    @property
    def value(self) -> Decimal:
        """Signed dollars."""
        return EXACT.multiply(self.quantity, self.price)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    return reduce(EXACT.add, amounts, _ZERO)


def multiplier_of(lent: int, equity: Decimal) -> int:
    """Return by how much equity counts for an account that is lent up to `lent` times its own."""
    return 1 if equity < EQUITY_MIN else lent


def power(multiplier: int, equity: Decimal, gross: Decimal, cash_held: Decimal) -> Decimal:
    """Return what new orders may cost, never negative. `gross` is what is held, long and short, without sign."""
    bound = EXACT.add(gross, cash_held)
    return max(EXACT.subtract(EXACT.multiply(Decimal(multiplier), equity), bound), _ZERO)


def initial_margin(holdings: Iterable[Holding]) -> Decimal:
    """Return what Regulation T asks for to have opened these positions."""
    return total(
        EXACT.multiply(abs(one.value), _INITIAL if one.is_marginable else _WHOLE) for one in holdings
    )


def maintenance_margin(holdings: Iterable[Holding], equity: Decimal) -> Decimal:
    """Return what must be there to keep these positions in an account worth `equity`."""
    return total(_maintenance(one, equity) for one in holdings)


def _maintenance(one: Holding, equity: Decimal) -> Decimal:
    value = abs(one.value)
    if not one.is_marginable:
        return value
    least = _ZERO
    if one.quantity > 0:
        rate = next((rate for below, rate in _LONG_RATES if one.price < below), _LONG_RATE)
    elif one.price < _SHORT_CHEAP_BELOW:
        rate, least = _WHOLE, _SHORT_CHEAP_MIN
    else:
        rate, least = _SHORT_RATE, _SHORT_MIN
    if equity >= _CONCENTRATED_FROM and value > EXACT.multiply(equity, _CONCENTRATED):
        rate = max(rate, _CONCENTRATED_RATE)
    return max(EXACT.multiply(value, rate), EXACT.multiply(least, abs(one.quantity)))
