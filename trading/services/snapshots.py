"""Write down what accounts were worth at the close of each trading day.

A snapshot follows from the ledger and the market's prices, so that it may be taken at any time after
the close, again and again; only the first is kept. It is kept only when every price was the market's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from matching.market.times import SECOND, new_york_date, to_datetime, to_ns
from matching.models import Market
from trading import reference
from trading.errors import RuleBroken
from trading.history.worth import worth_at
from trading.models import EquitySnapshot, TradingAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime
    from decimal import Decimal
    from uuid import UUID

    from matching.market.calendar import Day
    from trading.history.worth import Worth
    from trading.principal import Principal

ACCOUNTS_AT_ONCE = 500
MADE_UP_FOR = timedelta(days=7)
SETTLED_AFTER = 15 * 60 * SECOND  # a live market's last prints of a minute arrive late


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was done for one day: accounts with a new snapshot, with one from before, and without prices."""

    date: date
    taken: int
    known: int
    unpriced: int


def equity_at_closes(*, principal: Principal, days: Sequence[Day], now: datetime) -> dict[date, Decimal]:
    """Return what the account was worth at the close of each day, all of them over; keep what was not kept."""
    if not days:
        return {}
    run = Market.objects.values_list("run", flat=True).get(pk=principal.market_id)
    mine = EquitySnapshot.objects.owned_by(principal, principal.account_id)
    equity = dict(
        mine.filter(run=run, date__gte=days[0].date, date__lte=days[-1].date).values_list("date", "equity")
    )
    missing = [day for day in days if day.date not in equity]
    worths = worth_at(
        principal=principal,
        account_ids=[principal.account_id],
        market_id=principal.market_id,
        instants=[day.close for day in missing],
        now=now,
    ).get(principal.account_id, [])
    found = list(zip(missing, worths, strict=True))
    equity |= {day.date: worth.equity for day, worth in found}
    settled = [(day, worth) for day, worth in found if day.close + SETTLED_AFTER <= to_ns(now)]
    _keep((principal.account_id, principal.user_id, run, day, worth) for day, worth in settled)
    return equity


def take_snapshots(
    *,
    market_id: int,
    day: Day,
    is_dry: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Taken:
    """Write down every open account of a market at the close of a day; dry, only count them. May be repeated.

    `progress` is told how many accounts of how many are done. Raises RuleBroken when the day is not over.
    """
    now = reference.market_now(market_id)
    if to_ns(now) < day.close:
        raise RuleBroken(f"{day.date} has not closed yet in this market")
    run = Market.objects.values_list("run", flat=True).get(pk=market_id)
    close = to_datetime(day.close)
    accounts = TradingAccount.objects.across_owners().filter(
        Q(reset_at=None, created_at__lte=close) | Q(reset_at__lte=close),
        Q(history_run=None)
        | Q(history_run__lt=run)
        | Q(history_at__lte=close),  # else it cannot be told any more
        market=market_id,
        status=TradingAccount.Status.ACTIVE,
    )
    kept = EquitySnapshot.objects.across_owners().filter(run=run, date=day.date)
    known = set(kept.filter(account__market=market_id).values_list("account_id", flat=True))
    owners = [each for each in accounts.order_by("pk").values_list("pk", "user_id") if each[0] not in known]
    taken = 0
    for start in range(0, len(owners), ACCOUNTS_AT_ONCE):
        progress(start, len(owners))
        some = dict(owners[start : start + ACCOUNTS_AT_ONCE])
        worths = worth_at(
            principal=None, account_ids=list(some), market_id=market_id, instants=[day.close], now=now
        )
        taken += _keep(((pk, some[pk], run, day, worth) for pk, (worth,) in worths.items()), is_dry=is_dry)
    return Taken(date=day.date, taken=taken, known=len(known), unpriced=len(owners) - taken)


def take_due_snapshots() -> list[Taken]:
    """Write down every market's accounts at the closes of the last days, as soon as those are settled.

    May run twice, or beside itself. Days that were left out, for want of a price or of a worker, are made up for.
    """
    found: list[Taken] = []
    # The clock of a tape that was replaced while it played goes on, and tells of days that nobody has played.
    played = Market.objects.exclude(feed=Market.FeedKind.REPLAY, is_active=False, paused=False)
    for market_id in played.order_by("pk").values_list("pk", flat=True):
        now = reference.market_now(market_id)
        settled, today = to_ns(now) - SETTLED_AFTER, new_york_date(to_ns(now))
        lately = reference.calendar_of(market_id).days(today - MADE_UP_FOR, today)
        found += [take_snapshots(market_id=market_id, day=day) for day in lately if day.close <= settled]
    return found


def _keep(found: Iterable[tuple[UUID, UUID, int, Day, Worth]], *, is_dry: bool = False) -> int:
    """Insert the snapshots whose prices are the market's, unless dry, and return how many those are."""
    recorded_at = timezone.now()
    rows = [
        EquitySnapshot(
            account_id=account_id,
            user_id=user_id,
            run=run,
            date=day.date,
            at=to_datetime(day.close),
            cash=worth.cash,
            long_market_value=worth.long_market_value,
            short_market_value=worth.short_market_value,
            equity=worth.equity,
            recorded_at=recorded_at,
        )
        for account_id, user_id, run, day, worth in found
        if worth.is_exact
    ]
    if rows and not is_dry:
        with transaction.atomic(durable=True):
            EquitySnapshot.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)
