"""/v2/clock and /v2/calendar: the market's time and its trading days. Spec of the wire: 1.4, 4.5."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from matching.engine.types import Session
from matching.market.times import NEW_YORK, to_datetime, to_ns
from matching.models import CalendarDay
from trading import reference
from trading.api import query
from trading.api.base import ApiView, json_response
from trading.errors import ValueInvalid

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse
    from rest_framework.request import Request

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
        column = {"TRADING": "date", "SETTLEMENT": "settlement_date"}[
            query.choice(request.GET, "date_type", ("TRADING", "SETTLEMENT"), "TRADING")
        ]
        start, end = query.day(request.GET, "start"), query.day(request.GET, "end")
        if start is not None and end is not None and start > end:
            raise ValueInvalid("start must not be after end")
        days = CalendarDay.objects.filter(
            calendar=reference.market_terms(self.principal.market_id).calendar,
            **{f"{column}__range": (start or date.min, end or date.max)},
        ).order_by("date")
        return json_response(
            [
                {
                    "date": str(on),
                    "open": _hour(opens),
                    "close": _hour(closes, ends=on),
                    "session_open": _hour(session_opens).replace(":", ""),
                    "session_close": _hour(session_closes, ends=on).replace(":", ""),
                    "settlement_date": str(settles),
                }
                for on, opens, closes, session_opens, session_closes, settles in days.values_list(
                    "date", "open", "close", "session_open", "session_close", "settlement_date"
                )
            ]
        )


def _new_york(at: datetime) -> str:
    return at.astimezone(NEW_YORK).isoformat()


def _hour(at: datetime, *, ends: date | None = None) -> str:
    """Return "HH:MM" in New York; a day that ends at midnight ends a minute before it.

    Clients read the hour as one of the same date, so that 00:00 would be the day's beginning.
    """
    local = at.astimezone(NEW_YORK)
    if ends is not None and local.date() > ends:
        local -= _MINUTE
    return local.strftime("%H:%M")
