"""How an account has done over a period: every figure of the performance page, each defined once.

The return and the falls are those of `figures`, the trades those of `trades`. A period ends now; its first
mark is the close before it, or the account's beginning, or that of the market's present run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from matching.market.times import to_datetime
from matching.models import Market
from trading import reference
from trading.models import EquitySnapshot
from trading.review.days import course_of, day_of
from trading.review.figures import by_month, chained, deepest_fall, falls, growth, total_return
from trading.review.trades import Wanted, totals_of
from trading.selectors import account_figures
from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trading.principal import Principal
    from trading.review.figures import Mark, MonthReturn
    from trading.review.trades import Totals

PERIODS = {"1M": 1, "3M": 3, "6M": 6, "1A": 12, "all": 0}  # months
_ZERO = Decimal(0)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of the plots: nanoseconds, dollars, and the fall from the high so far, 0.25 being a quarter."""

    at: int
    day: date
    equity: Decimal
    below: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """The deepest fall: from the high of one day to the low of another."""

    depth: Decimal
    high: date
    low: date


@dataclass(frozen=True, slots=True, kw_only=True)
class YearReturns:
    """The months of a year, None for one without a mark, and what they come to together."""

    year: int
    months: tuple[MonthReturn | None, ...]
    growth: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """An account over a period. Fractions are of one; None is what cannot be told."""

    period: str
    first: date | None
    last: date | None
    opening: Decimal | None
    equity: Decimal | None
    flows: Decimal
    growth: Decimal | None
    fall: Fall | None
    trades: Totals
    exposure: Decimal | None  # now
    average_exposure: Decimal | None  # at the closes that are written down
    years: tuple[YearReturns, ...]
    points: tuple[Point, ...]

    @property
    def profit(self) -> Decimal | None:
        """What the account gained in dollars, without what was paid in."""
        if self.opening is None or self.equity is None:
            return None
        return EXACT.subtract(EXACT.subtract(self.equity, self.opening), self.flows)

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to tell: no trade was closed, and nothing has moved."""
        return not self.trades.count and not self.profit and not self.exposure and self.fall is None


def performance_of(principal: Principal, period: str) -> Performance:
    """Return the account's figures; `period` is one of PERIODS."""
    months = PERIODS[period]
    today = day_of(reference.market_now(principal.market_id))
    course = course_of(principal, months_before(today, months) if months else None)
    marks = course.marks
    index = growth(marks)
    known = [value for value in index if value is not None]
    fall = deepest_fall(known)
    now = account_figures(principal)
    span = Wanted(first=to_datetime(course.begins), end=to_datetime(course.ends) + _MICROSECOND)
    return Performance(
        period=period,
        first=marks[0].day if marks else None,
        last=marks[-1].day if marks else None,
        opening=marks[0].equity if marks else None,
        equity=marks[-1].equity if marks else None,
        flows=_sum(mark.flow for mark in marks),
        growth=total_return(marks),
        fall=None
        if fall is None
        else Fall(depth=fall.depth, high=marks[fall.high].day, low=marks[fall.low].day),
        trades=totals_of(principal, span),
        exposure=ratio(now.position_market_value, now.equity) if now.equity > 0 else None,
        average_exposure=_average_exposure(principal, marks[0].day) if marks else None,
        years=tuple(_years(by_month(marks))),
        points=tuple(_points(marks, known)),
    )


def months_before(day: date, count: int) -> date:
    """Return the day after the same date so many months earlier, or after that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 - count, 12)
    first_of_next = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    last = (first_of_next - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last)) + timedelta(days=1)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def _average_exposure(principal: Principal, first: date) -> Decimal | None:
    """Return how much of the equity was in positions, long or short, on average of the closes that are kept."""
    run = Market.objects.values_list("run", flat=True).get(pk=principal.market_id)
    kept = EquitySnapshot.objects.owned_by(principal, principal.account_id).filter(run=run, date__gte=first)
    rows = kept.filter(equity__gt=0).values_list("long_market_value", "short_market_value", "equity")
    shares = [ratio(EXACT.subtract(longs, shorts), equity) for longs, shorts, equity in rows]
    return ratio(sum(shares, _ZERO), Decimal(len(shares))) if shares else None


def _years(months: Sequence[MonthReturn]) -> list[YearReturns]:
    """Return the months by year, the newest first."""
    found = []
    for year in sorted({each.month.year for each in months}, reverse=True):
        of_year = {each.month.month: each for each in months if each.month.year == year}
        found.append(
            YearReturns(
                year=year,
                months=tuple(of_year.get(number) for number in range(1, 13)),
                growth=chained([each.growth for each in of_year.values()]),
            )
        )
    return found


def _points(marks: Sequence[Mark], known: Sequence[Decimal]) -> list[Point]:
    """Return the first mark, and the last one of each day."""
    below = [*falls(known), *[None] * (len(marks) - len(known))] if known else [None] * len(marks)
    points = [
        Point(at=mark.at, day=mark.day, equity=mark.equity, below=fallen)
        for mark, fallen in zip(marks, below, strict=True)
    ]
    return points[:1] + [
        point
        for point, following in zip(points[1:], (*points[2:], None), strict=False)
        if following is None or following.day != point.day
    ]
