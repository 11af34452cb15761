"""Sessions of a market: which one an instant lies in, and when the next one begins.

Rows are computed once (`matching.market.sessions`) and stored; running code reads rows.
A day has up to three sessions, pre [session_open, open), regular [open, close) and
post [close, session_close), and is closed outside them. An always-open market has one regular
session from midnight to midnight in New York, so that day orders have an end.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from matching.engine.types import Session
from matching.market.errors import CalendarExhausted
from matching.market.times import rfc3339, to_datetime, to_ns

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Protocol

    class DayRow(Protocol):
        """What a stored calendar row offers; instants are aware datetimes."""

        date: dt.date
        open: dt.datetime
        close: dt.datetime
        session_open: dt.datetime
        session_close: dt.datetime
        settlement_date: dt.date


XNYS = "XNYS"
ALWAYS_OPEN = "ALWAYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One trading day; instants in nanoseconds."""

    date: dt.date
    session_open: int
    open: int
    close: int
    session_close: int
    settlement_date: dt.date

    @classmethod
    def of_row(cls, row: DayRow) -> Self:
        """Return the value of a stored row."""
        return cls(
            date=row.date,
            session_open=to_ns(row.session_open),
            open=to_ns(row.open),
            close=to_ns(row.close),
            session_close=to_ns(row.session_close),
            settlement_date=row.settlement_date,
        )

    def as_row(self) -> dict[str, dt.date | dt.datetime]:
        """Return the fields of a stored row, less the calendar's name."""
        return {
            "date": self.date,
            "session_open": to_datetime(self.session_open),
            "open": to_datetime(self.open),
            "close": to_datetime(self.close),
            "session_close": to_datetime(self.session_close),
            "settlement_date": self.settlement_date,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The market enters `session` at `at`; `ends_at` is None where the calendar ends."""

    at: int
    session: Session
    ends_at: int | None


def changes_of(days: Sequence[Day], *, after_last: int | None = None) -> Iterator[Change]:
    """Yield the session changes of these days in order; `after_last` ends the last closed time.

    Sessions without length are left out, so an always-open market closes and opens again at
    one instant: two changes with the same time, in this order.
    """
    for number, day in enumerate(days):
        following = days[number + 1].session_open if number + 1 < len(days) else after_last
        bounds = (
            (Session.PRE, day.session_open, day.open),
            (Session.REGULAR, day.open, day.close),
            (Session.POST, day.close, day.session_close),
        )
        for session, begins_at, ends_at in bounds:
            if begins_at < ends_at:
                yield Change(at=begins_at, session=session, ends_at=ends_at)
        yield Change(at=day.session_close, session=Session.CLOSED, ends_at=following)


class Calendar:
    """A market's trading days, in order; made from rows and never changed."""

    def __init__(self, days: Iterable[Day]) -> None:
        self._days = tuple(sorted(days, key=lambda day: day.date))
        self._dates = [day.date for day in self._days]
        self._session_opens = [day.session_open for day in self._days]
        self._opens = [day.open for day in self._days]
        self._closes = [day.close for day in self._days]

    @classmethod
    def of_rows(cls, rows: Iterable[DayRow]) -> Self:
        """Make a calendar of stored rows."""
        return cls(Day.of_row(row) for row in rows)

    def __len__(self) -> int:
        return len(self._days)

    def day(self, on: dt.date) -> Day | None:
        """Return the trading day of this date, None when the market does not open."""
        place = bisect_right(self._dates, on) - 1
        return self._days[place] if place >= 0 and self._dates[place] == on else None

    def days(self, first: dt.date, last: dt.date) -> tuple[Day, ...]:
        """Return the trading days from `first` to `last`, both included."""
        return tuple(day for day in self._days if first <= day.date <= last)

    def day_at(self, at: int) -> Day | None:
        """Return the day whose sessions, pre to post, contain this instant."""
        place = bisect_right(self._session_opens, at) - 1
        if place < 0 or at >= self._days[place].session_close:
            return None
        return self._days[place]

    def session_at(self, at: int) -> Session:
        """Return the session that an instant lies in. Raises CalendarExhausted."""
        self._check(at)
        day = self.day_at(at)
        if day is None:
            return Session.CLOSED
        if at < day.open:
            return Session.PRE
        return Session.REGULAR if at < day.close else Session.POST

    def change_in_force(self, at: int) -> Change:
        """Return the session change that the market is in at this instant. Raises CalendarExhausted."""
        self._check(at)
        place = bisect_right(self._session_opens, at) - 1
        upcoming = self._session_opens[place + 1] if place + 1 < len(self._days) else None
        if place < 0:
            return Change(at=at, session=Session.CLOSED, ends_at=upcoming)
        changes = changes_of((self._days[place],), after_last=upcoming)
        return [change for change in changes if change.at <= at][-1]

    def next_open(self, at: int) -> int:
        """Return the first regular open after this instant. Raises CalendarExhausted."""
        return self._first_after(self._opens, at)

    def next_close(self, at: int) -> int:
        """Return the first regular close after this instant. Raises CalendarExhausted."""
        return self._first_after(self._closes, at)

    def changes(self, after: int, until: int) -> list[Change]:
        """Return the session changes with `after` < at <= `until`, in order."""
        first = max(0, bisect_right(self._session_opens, after) - 1)
        last = bisect_right(self._session_opens, until)
        upcoming = self._session_opens[last] if last < len(self._days) else None
        found = changes_of(self._days[first:last], after_last=upcoming)
        return [change for change in found if after < change.at <= until]

    def _first_after(self, instants: list[int], at: int) -> int:
        place = bisect_right(instants, at)
        if place == len(instants):
            raise CalendarExhausted(f"the calendar has no session after {rfc3339(at)}")
        return instants[place]

    def _check(self, at: int) -> None:
        if not self._days or at >= self._days[-1].session_close:
            raise CalendarExhausted(f"the calendar ends before {rfc3339(at)}")
