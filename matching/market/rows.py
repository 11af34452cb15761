"""What the market's rows in PostgreSQL say, as values: the clock, the calendar, the shards' progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Max, Min
from django.db.utils import InterfaceError, OperationalError

from matching.market import locks
from matching.market.calendar import Calendar
from matching.market.clock import ClockState
from matching.market.errors import FeedUnavailable
from matching.models import CalendarDay, Market, Shard

if TYPE_CHECKING:
    from datetime import date

DATABASE_DOWN = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """One market's row at one moment."""

    market_id: int
    calendar: str
    config: dict[str, Any]
    clock: ClockState
    is_active: bool = True
    shard_count: int = 1


def active_market_ids() -> list[int]:
    """Return the markets that are run, the default one first: each has a hub, and a matcher a shard."""
    active = Market.objects.filter(is_active=True).order_by("-is_default", "pk")
    return list(active.values_list("pk", flat=True))


def default_market_id() -> int:
    """Return the market of whoever names none: the default one, or the oldest active one where that is closed.

    Raises FeedUnavailable when none is active.
    """
    active = active_market_ids()
    if not active:
        raise FeedUnavailable("there is no active market; run `manage.py seed` first")
    return active[0]


def market_state(market_id: int) -> MarketState:
    """Read a market's row. Raises FeedUnavailable when it is gone."""
    market = Market.objects.filter(pk=market_id).first()
    if market is None:
        raise FeedUnavailable(f"there is no market {market_id}")
    return MarketState(
        market_id=market.pk,
        calendar=market.calendar,
        config=market.config,
        clock=ClockState.of_row(market),
        is_active=market.is_active,
        shard_count=market.shard_count,
    )


def calendar(name: str, first: date | None = None, last: date | None = None) -> Calendar:
    """Return a stored calendar, or its part from `first` to `last`."""
    rows = CalendarDay.objects.filter(calendar=name)
    if first is not None:
        rows = rows.filter(date__gte=first)
    if last is not None:
        rows = rows.filter(date__lte=last)
    return Calendar.of_rows(rows)


def progress(market_id: int, run: int) -> int | None:
    """Return the market time that every shard of this run has reached, None when there is no shard."""
    at: int | None = Shard.objects.filter(market=market_id, run=run).aggregate(at=Min("at"))["at"]
    return at


def furthest(market_id: int) -> tuple[int, int]:
    """Return the highest sequence and market time that any shard has committed; 0, 0 at first."""
    found = Shard.objects.filter(market=market_id).aggregate(seq=Max("seq"), at=Max("at"))
    return found["seq"] or 0, found["at"] or 0


class HubLock:
    """Says that this process runs a market's hub: an advisory lock that ends with the connection."""

    def __init__(self, market_id: int) -> None:
        self._market_id = market_id
        self._held_on: object = None

    def hold(self) -> bool:
        """Take the lock, or make sure that it is still ours; False when another process has it."""
        connection.ensure_connection()
        if self._held_on is connection.connection:
            return True
        with connection.cursor() as cursor:
            cursor.execute("select pg_try_advisory_lock(%s, %s)", list(locks.hub_lock(self._market_id)))
            row = cursor.fetchone()
        if row is None or not row[0]:
            return False
        self._held_on = connection.connection
        return True
