"""/v3/clock and /v3/calendar/{market}: the same time and days, told market by market.

An account trades in one market of ours, whose calendar all of these exchanges share. A bad parameter is
answered 400, which is the only refusal that Alpaca documents for these two paths.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from accounts.api.bodies import json_response
from matching.engine.types import Session
from matching.market.calendar import ALWAYS_OPEN
from matching.market.errors import CalendarExhausted
from matching.market.times import NEW_YORK, new_york_date, to_datetime, to_ns
from trading import reference
from trading.api import query
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.marketdata.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from django.http import HttpResponse
    from rest_framework.request import Request

    from matching.market.calendar import Calendar, Day

# Acronym -> MIC (ISO 10383) and name.
_EXCHANGES = {
    "NYSE": ("XNYS", "New York Stock Exchange"),
    "NASDAQ": ("XNAS", "Nasdaq"),
    "AMEX": ("XASE", "NYSE American"),
    "ARCA": ("ARCX", "NYSE Arca"),
    "BATS": ("BATS", "Cboe BZX"),
    "IEX": ("IEXG", "Investors Exchange"),
}
_OURS = ("RAXX", "XXXX", "A market that never closes")  # XXXX: "no market" in ISO 10383
_PHASES = {Session.CLOSED: "closed", Session.PRE: "pre", Session.REGULAR: "core", Session.POST: "post"}
_DEFAULT_SPAN = timedelta(weeks=1)
_LAST_START = date.max - _DEFAULT_SPAN
_MARKETS_MAX = 20
_MINUTE = timedelta(minutes=1)
_UTC = ZoneInfo("UTC")


class Clock(ApiView):
    """The time, and the phase of each market that is asked for."""

    def get(self, request: Request) -> HttpResponse:
        """Read it, now or at `time`."""
        market_id = self.principal.market_id
        calendar, now = reference.calendar_of(market_id), to_ns(reference.market_now(market_id))
        with _as_bad_request():
            at = query.moment(request.GET, "time")
            names = query.words(request.GET, "markets") or [_first(market_id)]
            if len(names) > _MARKETS_MAX:
                raise ValueInvalid(f"markets names more than {_MARKETS_MAX}")
            clocks = [
                _clock(_market_body(market_id, name), calendar, now if at is None else at) for name in names
            ]
        return json_response({"clocks": clocks})


class MarketCalendar(ApiView):
    """The trading days of one market, with all of their sessions."""

    def get(self, request: Request, market: str) -> HttpResponse:
        """List them from `start` (today) to `end` (a week later), both included."""
        market_id = self.principal.market_id
        with _as_bad_request():
            body = _market_body(market_id, market)
            start = query.day(request.GET, "start") or new_york_date(to_ns(reference.market_now(market_id)))
            end = query.day(request.GET, "end") or min(start, _LAST_START) + _DEFAULT_SPAN
            if start > end:
                raise ValueInvalid("start must not be after end")
            zone = _UTC if query.choice(request.GET, "timezone", ("", "UTC"), "") else NEW_YORK
        days = reference.calendar_of(market_id).days(start, end)
        return json_response({"market": body, "calendar": [_day_body(day, zone) for day in days]})


@contextmanager
def _as_bad_request() -> Iterator[None]:
    """Raise ParameterInvalid for what a parameter has wrong; a time may also lie outside the calendar."""
    try:
        yield
    except (ValueInvalid, CalendarExhausted) as error:
        raise ParameterInvalid(str(error)) from None


def _first(market_id: int) -> str:
    return _OURS[0] if reference.market_terms(market_id).calendar == ALWAYS_OPEN else "NYSE"


def _market_body(market_id: int, name: str) -> dict[str, str]:
    """Return an exchange as the wire names it, by its acronym or MIC. Raises ValueInvalid."""
    acronym, mic, title = _OURS
    if reference.market_terms(market_id).calendar != ALWAYS_OPEN:
        known = {word: (key, *value) for key, value in _EXCHANGES.items() for word in (key, value[0])}
        if name.upper() not in known:
            raise ValueInvalid(f"market not found: {name[:64]}")
        acronym, mic, title = known[name.upper()]
    elif name.upper() not in {acronym, mic}:
        raise ValueInvalid(f"market not found: {name[:64]}")
    return {"mic": mic, "acronym": acronym, "name": title, "timezone": str(NEW_YORK)}


def _clock(market: dict[str, str], calendar: Calendar, at: int) -> dict[str, Any]:
    change = calendar.change_in_force(at)
    return {
        "market": market,
        "timestamp": _written(at, NEW_YORK),
        "is_market_day": calendar.day(new_york_date(at)) is not None,
        "next_market_open": _written(calendar.next_open(at), NEW_YORK),
        "next_market_close": _written(calendar.next_close(at), NEW_YORK),
        "phase": _PHASES[change.session],
        "phase_until": None if change.ends_at is None else _written(change.ends_at, NEW_YORK),
    }


def _day_body(day: Day, zone: tzinfo) -> dict[str, str]:
    """Return a day; what has no length (a market that never closes has no pre-market) is left out."""
    sessions = {
        "pre": (day.session_open, day.open),
        "core": (day.open, day.close),
        "post": (day.close, day.session_close),
    }
    return {
        "date": str(day.date),
        **{
            f"{name}_{bound}": _written(at, zone)
            for name, bounds in sessions.items()
            if bounds[0] < bounds[1]
            for bound, at in zip(("start", "end"), bounds, strict=True)
        },
        "settlement_date": str(day.settlement_date),
    }


def _written(at: int, zone: tzinfo) -> str:
    """Return an instant in the zone; in UTC where the zone's offset, before 1883, has seconds, which RFC 3339 lacks."""
    local = to_datetime(at).astimezone(zone)
    offset = local.utcoffset()
    is_whole = offset is not None and not offset % _MINUTE
    return (local if is_whole else local.astimezone(_UTC)).isoformat()
