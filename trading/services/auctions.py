"""When an order for an auction can still be sent, and until when it can be changed.

Spec of the wire: 3.2, New York time: from 19:00 on for the next day's auctions, until two minutes
before the open and ten minutes before the close. Before an early close by the same ten minutes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from matching.engine.types import TimeInForce
from matching.market.times import NEW_YORK, SECOND, new_york, new_york_date, to_datetime
from trading.errors import OrderDenied

if TYPE_CHECKING:
    from datetime import datetime

    from matching.market.calendar import Calendar, Day

BEFORE_OPEN, BEFORE_CLOSE = 120 * SECOND, 600 * SECOND
EVENING_HOUR = 19

_DAYS_MAX = 14  # that a market stays closed at most
_WINDOWS = {  # with the time of the day's own cut-off: 9:28, and 15:50 where no close is early
    TimeInForce.OPG: "opg orders are accepted from 19:00 to {}, two minutes before the open, New York time",
    TimeInForce.CLS: "cls orders are accepted from 19:00 to {}, ten minutes before the close, New York time",
}


def cut_off_of(time_in_force: str, calendar: Calendar, now: int) -> datetime | None:
    """Return from when on the order that is sent at market time `now` (ns) cannot be changed any more.

    None when it is for no auction. Raises OrderDenied between an auction's cut-off and that evening.
    """
    if time_in_force not in _WINDOWS:
        return None
    auction = TimeInForce(time_in_force)
    today = new_york_date(now)
    for ahead in range(_DAYS_MAX):
        day = calendar.day(today + timedelta(days=ahead))
        if day is None:
            continue
        cut_off = _cut_off(auction, day)
        if now < cut_off:
            return to_datetime(cut_off)
        if now < new_york(day.date, EVENING_HOUR):
            there = to_datetime(cut_off).astimezone(NEW_YORK)
            raise OrderDenied(_WINDOWS[auction].format(f"{there.hour}:{there:%M}"))
    raise OrderDenied(f"there is no {auction} auction after {today}")


def _cut_off(auction: TimeInForce, day: Day) -> int:
    return day.open - BEFORE_OPEN if auction is TimeInForce.OPG else day.close - BEFORE_CLOSE
