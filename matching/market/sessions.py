"""Compute calendar rows, once, for storage: the New York Stock Exchange, and an always-open market.

Sources: sessions, holidays and early closes from exchange_calendars (XNYS); the settlement cycle
from SEC rule 15c6-1 and its changes; bank holidays on which the exchange trades but nothing
settles (Columbus Day, Veterans Day) from NASD Notices to Members 95-77 and 92-54. Before 1995
more such days existed (NASD 84-10, 85-63); they are not modelled.
"""

from __future__ import annotations

import warnings
from bisect import bisect_right
from datetime import date, timedelta
from typing import TYPE_CHECKING

from matching.market.calendar import Day
from matching.market.times import HOUR, new_york

if TYPE_CHECKING:
    from collections.abc import Sequence

FIRST_DATE = date(1970, 1, 1)  # what Alpaca's calendar serves without a range
LAST_DATE = date(2029, 12, 31)

_PRE_OPEN_HOUR = 4
_POST_CLOSE_HOUR = 20
_POST_LENGTH = 4 * HOUR  # so that an early close at 13:00 ends the day at 17:00

# From this trade date on, a trade settles so many business days later.
_CYCLES = (
    (date.min, 5),
    (date(1995, 6, 7), 3),
    (date(2017, 9, 5), 2),
    (date(2024, 5, 28), 1),
)
_SETTLEMENT_REACH = timedelta(days=30)  # more than five business days around any holiday

_MONDAY = 0
_OCTOBER = 10
_VETERANS_DAY = (11, 11)


def compute_sessions(first: date = FIRST_DATE, last: date = LAST_DATE) -> list[Day]:
    """Return the New York Stock Exchange's trading days from `first` to `last`, both included."""
    # pandas takes a second to import and 60 MB; only this function, run once, needs it.
    import exchange_calendars

    until = last + _SETTLEMENT_REACH
    with warnings.catch_warnings():
        # exchange_calendars 4.13 uses what pandas 3.1 calls outdated; that is between those two.
        warnings.simplefilter("ignore", DeprecationWarning)
        schedule = exchange_calendars.get_calendar("XNYS", start=str(first), end=str(until)).schedule
    dates: list[date] = [stamp.date() for stamp in schedule.index]
    opens, closes = ([int(stamp.value) for stamp in schedule[name]] for name in ("open", "close"))
    settling = [day for day in dates if not _is_bank_holiday(day)]
    return [
        Day(
            date=day,
            session_open=new_york(day, _PRE_OPEN_HOUR),
            open=opened_at,
            close=closed_at,
            session_close=min(new_york(day, _POST_CLOSE_HOUR), closed_at + _POST_LENGTH),
            settlement_date=_settlement(day, settling),
        )
        for day, opened_at, closed_at in zip(dates, opens, closes, strict=True)
        if day <= last
    ]


def always_open_sessions(first: date = FIRST_DATE, last: date = LAST_DATE) -> list[Day]:
    """Return one regular session for every New York day, midnight to midnight, settling next day."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [
        Day(
            date=day,
            session_open=new_york(day),
            open=new_york(day),
            close=new_york(day, 24),
            session_close=new_york(day, 24),
            settlement_date=day + timedelta(days=1),
        )
        for day in days
    ]


def _settlement(traded_on: date, settling: Sequence[date]) -> date:
    cycle = _CYCLES[bisect_right(_CYCLES, traded_on, key=lambda since: since[0]) - 1][1]
    # A trade on a bank holiday settles with those of the business day before it.
    return settling[bisect_right(settling, traded_on) - 1 + cycle]


def _is_bank_holiday(day: date) -> bool:
    is_second_week = (day.day - 1) // 7 == 1
    is_columbus_day = day.month == _OCTOBER and day.weekday() == _MONDAY and is_second_week
    kept = day - timedelta(days=1) if day.weekday() == _MONDAY else day  # a Sunday's is kept on Monday
    is_veterans_day = _VETERANS_DAY in {(day.month, day.day), (kept.month, kept.day)}
    return is_columbus_day or is_veterans_day
