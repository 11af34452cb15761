"""/v2/clock and /v2/calendar: the market's time and its trading days. Spec of the wire: 1.4, 4.5."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from accounts.api.bodies import json_response
from matching.engine.types import Session
from matching.market.times import NEW_YORK, to_datetime, to_ns
from trading import reference
from trading.api import query
from trading.api.base import ApiView
from trading.errors import ValueInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse
    from rest_framework.request import Request

    from matching.market.calendar import Day

_MINUTE = timedelta(minutes=1)


class Clock(ApiView):
    """The market's time, which of a recorded day is the tape's."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it. The three instants carry New York's offset."""
        now = reference.market_now(self.principal.market_id)
        calendar = reference.calendar_of(self.principal.market_id)
        at = to_ns(now)
        return json_response(
            {
                "timestamp": _new_york(now),
                "is_open": calendar.session_at(at) is Session.REGULAR,
                "next_open": _new_york(to_datetime(calendar.next_open(at))),
                "next_close": _new_york(to_datetime(calendar.next_close(at))),
            }
        )


class Calendar(ApiView):
    """The market's trading days."""

    def get(self, request: Request) -> HttpResponse:
        """List them from `start` to `end`, both included; all that are known without these."""
        by_settlement = (
            query.choice(request.GET, "date_type", ("TRADING", "SETTLEMENT"), "TRADING") == "SETTLEMENT"
        )
        start, end = query.day(request.GET, "start") or date.min, query.day(request.GET, "end") or date.max
        if start > end:
            raise ValueInvalid("start must not be after end")
        calendar = reference.calendar_of(self.principal.market_id)
        if not by_settlement:
            return json_response([day_body(day) for day in calendar.days(start, end)])
        days = calendar.days(date.min, end)  # what settles by `end` was traded before it
        return json_response([day_body(day) for day in days if start <= day.settlement_date <= end])


def day_body(day: Day) -> dict[str, str]:
    """Return a trading day as the wire shows it; hours are New York's."""
    return {
        "date": str(day.date),
        "open": _hour(day.open, day.date),
        "close": _hour(day.close, day.date),
        "session_open": _hour(day.session_open, day.date).replace(":", ""),
        "session_close": _hour(day.session_close, day.date).replace(":", ""),
        "settlement_date": str(day.settlement_date),
    }


def _new_york(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()


def _hour(at: int, on: date) -> str:
    """Return "HH:MM" in New York; a day that ends at midnight ends a minute before it.

    Clients read the hour as one of the same date, so that 00:00 would be the day's beginning.
    """
    local = to_datetime(at).astimezone(NEW_YORK)
    if local.date() > on:
        local -= _MINUTE
    return f"{local.hour:02}:{local.minute:02}"
