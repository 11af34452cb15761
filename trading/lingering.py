"""Orders of the day that outlived it: the matcher ends them by market time, and none is ever left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from matching.market.times import SECOND, new_york_date, to_datetime, to_ns
from matching.models import Market
from trading import reference
from trading.models import Order
from trading.models.order import OPEN_STATUSES

if TYPE_CHECKING:
    from datetime import date

ENDS_WITH_THE_DAY = ("day", "opg", "cls", "ioc", "fok")
GRACE = 15 * 60 * SECOND  # of market time, after the last session of a day
LOOKED_BACK = timedelta(days=14)  # the longest that markets were ever closed, and some


@dataclass(frozen=True, slots=True, kw_only=True)
class Lingering:
    """How many orders of a day are open after it, in one market; the day is New York's."""

    market_id: int
    date: date
    orders: int


def lingering_orders() -> list[Lingering]:
    """Return the active markets' orders that should have ended with the last day that is over.

    What was submitted after that day's close is meant for the next one. A market that nobody runs ends nothing.
    """
    found = []
    for market_id in Market.objects.filter(is_active=True).values_list("pk", flat=True):
        now = to_ns(reference.market_now(market_id))
        today = new_york_date(now)
        days = reference.calendar_of(market_id).days(today - LOOKED_BACK, today)
        over = [day for day in days if day.session_close + GRACE <= now]
        if not over:
            continue
        last = over[-1]
        orders = Order.objects.across_owners().filter(
            market=market_id,
            status__in=OPEN_STATUSES,
            time_in_force__in=ENDS_WITH_THE_DAY,
            submitted_at__lt=to_datetime(last.close),
        )
        if count := orders.count():
            found.append(Lingering(market_id=market_id, date=last.date, orders=count))
    return found
