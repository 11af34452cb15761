"""Which instants a portfolio's history is asked for. Pure: the calendar and the market's time are given.

Spec of the wire: 4.3. Where it is silent: a period in days counts trading days and one in weeks, months
or years counts the calendar's; a window of a session begins with the session, so that windows of an
hour are those from 9:30 on.
"""

from __future__ import annotations

import calendar as months
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from matching.market.times import SECOND, new_york, new_york_date
from trading.errors import ValueInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.market.calendar import Calendar, Day

MINUTE = 60 * SECOND
TIMEFRAMES = {"1Min": MINUTE, "5Min": 5 * MINUTE, "15Min": 15 * MINUTE, "1H": 60 * MINUTE, "1D": 0}
DAILY = "1D"
REPORTINGS = ("market_hours", "extended_hours", "continuous")

_UNITS = {"D": 1, "W": 7, "M": 30, "A": 365}  # days, as the limits of the timeframes count them
_MINUTES_BELOW, _INTRADAY_MOST = 7, 30  # days: of the default timeframe, and of any but 1D
_QUARTERS_BELOW = 30
_PERIOD_MAX = 4  # characters
_DAYS_MOST = 366 * 20
_STAMP_HOUR = 20  # New York's, at which a day's item appears


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The parameters of a history, each good alone; instants in nanoseconds."""

    period: str | None = None
    timeframe: str | None = None
    start: int | None = None
    end: int | None = None
    reporting: str = "market_hours"


class Window(NamedTuple):
    """One item: its stamp, when the account is valued, and the trading day that it counts to."""

    stamp: int
    valued_at: int
    day: Day


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The items of a history in order, and the trading day before the first one's."""

    timeframe: str
    windows: tuple[Window, ...]
    day_before: Day | None


def plan(ask: Ask, calendar: Calendar, now: int) -> Plan:
    """Return what to tell of an account up to the market's time `now`. Raises ValueInvalid."""
    first, last, nominal = _range(ask, calendar, now)
    timeframe = ask.timeframe or _timeframe_of(nominal)
    if timeframe not in TIMEFRAMES:
        raise ValueInvalid(f"timeframe must be one of {', '.join(TIMEFRAMES)}")
    if timeframe != DAILY and nominal > _INTRADAY_MOST:
        raise ValueInvalid(f"timeframe must be 1D for more than {_INTRADAY_MOST} days")
    days = calendar.days(first, last)
    if timeframe == DAILY:
        windows = tuple(_daily(days, now))
    else:
        step = TIMEFRAMES[timeframe]
        found = (
            _round_the_clock(days, step, now)
            if ask.reporting == "continuous"
            else _sessions(days, step, now, is_extended=ask.reporting == "extended_hours")
        )
        begin = -1 if ask.start is None else ask.start
        end = now if ask.end is None else ask.end
        windows = tuple(each for each in found if each.stamp + step > begin and each.stamp <= end)
    before = calendar.days(date.min, days[0].date - timedelta(days=1))[-1:] if days else ()
    return Plan(timeframe=timeframe, windows=windows, day_before=before[0] if before else None)


def is_told(day: Day, now: int) -> bool:
    """Say whether a day's item of a daily history has appeared: at 20:00, and never before its close."""
    return now >= max(day.close, new_york(day.date, _STAMP_HOUR))


def _range(ask: Ask, calendar: Calendar, now: int) -> tuple[date, date, int]:
    """Return the first and the last date, and how many days that is for the timeframe's limits."""
    if ask.period and ask.start is not None and ask.end is not None:
        raise ValueInvalid("only two of start, end and period are accepted")
    today = _market_date(calendar, now, is_extended=ask.reporting != "market_hours")
    last = today if ask.end is None else min(new_york_date(ask.end), today)
    if ask.start is not None and ask.period is None:
        first = new_york_date(ask.start)
        if first > last and ask.end is not None and ask.start > ask.end:
            raise ValueInvalid("start must not be after end")
        return first, last, _bounded((last - first).days)
    count, unit = _period(ask.period or "1M")
    nominal = _bounded(count * _UNITS[unit])
    if ask.start is not None:
        first = new_york_date(ask.start)
        return first, min(_later(first, count, unit), last), nominal
    if unit != "D":
        return _earlier(last, count, unit), last, nominal
    # Trading days; at least so many of them are among twice as many and two weeks.
    days = calendar.days(last - timedelta(days=2 * count + 14), last)[-count:]
    return (days[0].date if days else last), last, nominal


def _market_date(calendar: Calendar, now: int, *, is_extended: bool) -> date:
    """Return the trading day that has begun last: with its regular open, or with its first session."""
    today = new_york_date(now)
    days = calendar.days(today - timedelta(days=14), today)
    begun = [day for day in days if (day.session_open if is_extended else day.open) <= now]
    return begun[-1].date if begun else today


def _period(text: str) -> tuple[int, str]:
    count, unit = text[:-1], text[-1:].upper()
    if (
        len(text) > _PERIOD_MAX
        or not (count.isascii() and count.isdigit())
        or unit not in _UNITS
        or not int(count)
    ):
        raise ValueInvalid("period must be a number and one of D, W, M and A, such as 1M")
    return int(count), unit


def _bounded(days: int) -> int:
    if days > _DAYS_MOST:
        raise ValueInvalid(f"a history has at most {_DAYS_MOST} days")
    return days


def _timeframe_of(nominal: int) -> str:
    return "1Min" if nominal < _MINUTES_BELOW else "15Min" if nominal < _QUARTERS_BELOW else DAILY


def _earlier(last: date, count: int, unit: str) -> date:
    """Return the first date of a span of weeks, months or years that ends with `last`."""
    if unit == "W":
        return last - timedelta(days=7 * count - 1)
    return _moved(last, -count * (12 if unit == "A" else 1)) + timedelta(days=1)


def _later(first: date, count: int, unit: str) -> date:
    """Return the last date of a span that begins with `first`."""
    if unit in "DW":
        return first + timedelta(days=count * _UNITS[unit] - 1)
    return _moved(first, count * (12 if unit == "A" else 1)) - timedelta(days=1)


def _moved(on: date, by_months: int) -> date:
    year, month = divmod(on.year * 12 + on.month - 1 + by_months, 12)
    return date(year, month + 1, min(on.day, months.monthrange(year, month + 1)[1]))


def _daily(days: tuple[Day, ...], now: int) -> Iterator[Window]:
    for day in days:
        if is_told(day, now):
            yield Window(new_york(day.date, _STAMP_HOUR), day.close, day)


def _sessions(days: tuple[Day, ...], step: int, now: int, *, is_extended: bool) -> Iterator[Window]:
    for day in days:
        begin, end = (day.session_open, day.session_close) if is_extended else (day.open, day.close)
        for stamp in range(begin, min(end, now + 1), step):
            yield Window(stamp, min(stamp + step, end, now), day)


def _round_the_clock(days: tuple[Day, ...], step: int, now: int) -> Iterator[Window]:
    """Yield the windows of all dates; those between two trading days count to the one before."""
    for day, following in zip(days, (*days[1:], None), strict=True):
        begin = new_york(day.date)
        end = now if following is None else new_york(following.date)
        for stamp in range(begin, min(end, now + 1), step):
            yield Window(stamp, min(stamp + step, now), day)
