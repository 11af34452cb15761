"""What a row of equities comes to: growth without what was paid in, falls from a high, months. Pure.

The return is time-weighted: each stretch from mark to mark counts by what its money grew by, whatever
the amount of it, and the stretches are multiplied. Money that comes or goes belongs to no stretch, so
that a deposit is no gain. Exact where each flow has a mark of its own, valued at its instant; a flow
between two marks counts as if it had come at the later one.

Known limit: of an account that had nothing, or less, no growth can be told from there on.
Source: CFA Institute, Global Investment Performance Standards 2020, provisions on time-weighted returns.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from trading.review.months import Month
from trading.wire import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

ONE = Decimal(1)
_ZERO = Decimal(0)
_NINE_PLACES = Decimal("1e-9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An account at an instant: dollars, and what came in since the mark before, less what went out.

    `equity` has the flow in it already. `at` is nanoseconds of market time, `day` New York's of it.
    """

    at: int
    day: date
    equity: Decimal
    flow: Decimal = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """The deepest fall from an earlier high, 0.25 being a quarter; places in the row it was found in."""

    depth: Decimal
    high: int
    low: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReturn:
    """What a month grew by, 0.01 being one percent; None where that cannot be told."""

    month: Month
    growth: Decimal | None


def growth(marks: Sequence[Mark]) -> list[Decimal | None]:
    """Return what one dollar at the first mark has become at each; None from where that cannot be told."""
    index: list[Decimal | None] = [ONE] if marks else []
    for factor in _factors(marks):
        last = index[-1]
        if last is None or last <= 0 or factor is None:
            index.append(None)
        else:
            index.append(EXACT.multiply(last, factor))
    return index


def total_return(marks: Sequence[Mark]) -> Decimal | None:
    """Return the time-weighted return over all marks, to nine decimals; None where it cannot be told."""
    index = growth(marks)
    last = index[-1] if index else None
    return None if last is None else _nine(EXACT.subtract(last, ONE))


def by_month(marks: Sequence[Mark]) -> list[MonthReturn]:
    """Return the growth of each month that has a mark after the first, oldest first."""
    steps = zip((mark.day for mark in marks[1:]), _factors(marks), strict=True)
    found = []
    for month, days in groupby(steps, key=lambda step: Month.of(step[0])):
        product: Decimal | None = ONE
        for _, factor in days:
            product = None if product is None or factor is None else EXACT.multiply(product, factor)
        grown = None if product is None else _nine(EXACT.subtract(product, ONE))
        found.append(MonthReturn(month=month, growth=grown))
    return found


def chained(returns: Sequence[Decimal | None]) -> Decimal | None:
    """Return what returns, one after the other, come to; None where one cannot be told."""
    product = ONE
    for each in returns:
        if each is None:
            return None
        product = EXACT.multiply(product, EXACT.add(ONE, each))
    return _nine(EXACT.subtract(product, ONE))


def falls(values: Sequence[Decimal]) -> list[Decimal]:
    """Return by how much of the highest so far each value is below it. The first is above zero."""
    high, found = values[0] if values else ONE, []
    for value in values:
        high = max(high, value)
        found.append(1 - value / high)
    return found


def deepest_fall(values: Sequence[Decimal]) -> Drawdown | None:
    """Return the largest fall from an earlier high, the first of equals; None of nothing, or where none is."""
    below = falls(values)
    depth = max(below, default=_ZERO)
    if not depth:
        return None
    low = below.index(depth)
    high = max(range(low), key=lambda place: (values[place], place))
    return Drawdown(depth=depth, high=high, low=low)


def _factors(marks: Sequence[Mark]) -> Iterator[Decimal | None]:
    """Yield what each stretch multiplies its money by."""
    for before, after in pairwise(marks):
        grown = EXACT.subtract(after.equity, after.flow)
        yield EXACT.divide(grown, before.equity) if before.equity > 0 else None


def _nine(number: Decimal) -> Decimal:
    return number.quantize(_NINE_PLACES, rounding=ROUND_HALF_UP, context=EXACT)
