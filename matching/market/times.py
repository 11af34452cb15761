"""Market time as integers: nanoseconds since 1970-01-01T00:00:00Z, and New York's wall clock."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
HOUR = 3600 * SECOND

_RFC3339 = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def to_ns(moment: datetime) -> int:
    """Return an aware datetime as nanoseconds; exact, as a datetime holds whole microseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1) * MICROSECOND


def to_datetime(ns: int) -> datetime:
    """Return nanoseconds as an aware UTC datetime, rounded down to the microsecond."""
    return EPOCH + timedelta(microseconds=ns // MICROSECOND)


def parse_rfc3339(text: str) -> int:
    """Read an RFC 3339 instant with up to nine fractional digits. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 instant such as 2013-10-08T14:00:00Z")
    day, clock, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}{zone.upper()}")
    return to_ns(moment) + int((fraction or "").ljust(9, "0"))


def rfc3339(ns: int) -> str:
    """Return nanoseconds as RFC 3339 in UTC with only as many fractional digits as it needs."""
    seconds, fraction = divmod(ns, SECOND)
    text = (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction:09d}".rstrip("0").removesuffix(".") + "Z"


def new_york(day: date, hour: int = 0, minute: int = 0) -> int:
    """Return the instant at which New York's clocks show `hour`:`minute`; hour 24 ends the day."""
    shown_on = day + timedelta(days=hour // 24)
    return to_ns(datetime.combine(shown_on, time(hour % 24, minute), tzinfo=NEW_YORK))


def new_york_date(ns: int) -> date:
    """Return the day that New York's calendars show at this instant."""
    return to_datetime(ns).astimezone(NEW_YORK).date()
