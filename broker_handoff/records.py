"""What a person's nominated account did, month by month, as the ledger and the daily snapshots have it.

One statement reads the ledger, so that a fill which is committed meanwhile is in every figure or in none.
Months are New York's, and a market says by its own clock which of them is over: that of a live feed is the
wall's. A month that is over and whole is kept (`GateMonth`), as some tiers keep fills and snapshots for less
long than a verdict looks back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from broker_handoff.gate.record import Month, MonthRecord
from broker_handoff.models import GateMonth, GateNomination
from matching.market.times import new_york, new_york_date, to_datetime, to_ns
from trading import reference
from trading.models import TradingAccount
from trading.review.trades import CLOSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date
    from decimal import Decimal
    from uuid import UUID

    from accounts.querysets import Owner
    from matching.market.calendar import Calendar, Day

SETTLED_AFTER = timedelta(
    hours=1
)  # a month's end: the last fills of a market that never closes are committed
_LONGEST_CLOSED = timedelta(days=14)

_LEDGER = f"""
with m as (
  select * from jsonb_to_recordset(%(months)s::jsonb) as m(
    month text, begins_at timestamptz, ends_at timestamptz, opening_at timestamptz, opening_date date, last_date date)),
mine as (
  select a.account_id, k.run from trading_tradingaccount a join matching_market k on k.id = a.market_id
   where a.account_id = %(account)s and a.user_id = %(owner)s),
executions as (
  select m.month, (f.at at time zone 'America/New_York')::date as day, e.position_quantity as after,
         e.position_quantity - case f.side when 'buy' then f.quantity else -f.quantity end as before
    from mine join trading_fill f on f.account_id = mine.account_id and f.run = mine.run
    join m on f.at >= m.begins_at and f.at < m.ends_at
    join trading_orderevent e on e.account_id = f.account_id and e.fill_id = f.id),
flows as (
  select j.at from mine join trading_journal j on j.account_id = mine.account_id and j.kind not in ('fill', 'opening')
  union all
  select coalesce(r.at, r.asked_at) from mine join trading_accountreset r on r.account_id = mine.account_id)
select 'close', m.month, s.date, s.equity
  from mine join trading_equitysnapshot s on s.account_id = mine.account_id and s.run = mine.run
  join m on s.date between m.opening_date and m.last_date
union all
select 'closed', month, null, count(*) from executions
 where {CLOSES} group by month
union all
select distinct 'traded', month, day, null::numeric from executions
union all
select 'flow', m.month, null, count(*)
  from flows join m on flows.at > m.opening_at and flows.at < m.ends_at group by m.month
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominated:
    """The account by which a person is judged; `since` is None for the oldest, which nobody had to choose.

    Its months count only where its market does: one whose feed is in RAXX_GATE_FEEDS.
    """

    account_id: UUID
    account_number: str
    market_id: int
    since: datetime | None
    counts: bool
    history_at: datetime | None  # fills up to then are gone, market time
    last: Month  # the newest that is over
    present: Month

    def is_before(self, month: Month) -> bool:
        """Say whether the account had been chosen when a month began."""
        begins_at = to_datetime(new_york(month.first_day))
        return self.counts and (self.since is None or self.since <= begins_at)


def nominated_by(owner: Owner) -> Nominated | None:
    """Return the account by which somebody is judged; None for who has none in a market that counts.

    Without a choice it is the oldest there ever was, archived or not: else who archives it would choose afterwards.
    """
    chosen = GateNomination.objects.owned_by(owner).order_by("-nominated_at", "-pk").first()
    mine = TradingAccount.objects.owned_by(owner).select_related("market").order_by("created_at", "pk")
    if chosen is None:
        account = mine.filter(market__feed__in=settings.GATE_FEEDS).first()
    else:
        account = mine.get(pk=chosen.account_id)
    if account is None:
        return None
    now = reference.market_now(account.market_id)
    return Nominated(
        account_id=account.pk,
        account_number=account.number,
        market_id=account.market_id,
        since=None if chosen is None else chosen.nominated_at,
        counts=account.market.feed in settings.GATE_FEEDS,
        history_at=account.history_at,
        last=last_month(now),
        present=Month.of(new_york_date(to_ns(now))),
    )


def last_month(now: datetime) -> Month:
    """Return the newest month that is over, by the market's time."""
    return Month.of(new_york_date(to_ns(now - SETTLED_AFTER))).previous


def records_of(owner: Owner, nominated: Nominated, months: Sequence[Month]) -> list[MonthRecord]:
    """Return what the nominated account did in these months, in their order: as it was kept, else as it is now."""
    kept = GateMonth.objects.owned_by(owner, nominated.account_id).filter(month__in=[str(m) for m in months])
    known = {row.month: MonthRecord.of_inputs(row.record) for row in kept}
    missing = [month for month in months if str(month) not in known]
    known |= {str(record.month): record for record in _read(owner, nominated, missing)}
    return [replace(known[str(month)], is_nominated=nominated.is_before(month)) for month in months]


def may_be_kept(nominated: Nominated, record: MonthRecord) -> bool:
    """Say whether a month is over, has all its closes, and nothing of it has been let go yet."""
    begins_at = to_datetime(new_york(record.month.first_day))
    is_all_there = nominated.history_at is None or nominated.history_at < begins_at
    is_whole = record.opening is not None and 0 < len(record.closes) == record.sessions
    return record.month <= nominated.last and is_whole and is_all_there


def _read(owner: Owner, nominated: Nominated, months: Sequence[Month]) -> Iterable[MonthRecord]:
    if not months:
        return []
    calendar = reference.calendar_of(nominated.market_id)
    spans = [_Span.of(month, calendar) for month in months]
    parameters: dict[str, Any] = {
        "months": json.dumps([span.as_row() for span in spans]),
        "account": nominated.account_id,
        "owner": owner.pk,
    }
    found: dict[str, _Found] = {str(month): _Found() for month in months}
    with connection.cursor() as cursor:
        cursor.execute(_LEDGER, parameters)
        for kind, month, day, figure in cursor.fetchall():
            found[month].enter(kind, day, figure)
    return [span.record(found[str(span.month)]) for span in spans]


class _Found:
    """The rows about one month."""

    def __init__(self) -> None:
        self.equities: dict[date, Decimal] = {}
        self.traded: set[date] = set()
        self.closed_trades = 0
        self.flows = 0

    def enter(self, kind: str, day: date, figure: Any) -> None:
        if kind == "close":
            self.equities[day] = figure
        elif kind == "traded":
            self.traded.add(day)
        elif kind == "closed":
            self.closed_trades = int(figure)
        else:
            self.flows = int(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """A month as the calendar has it, and the trading day before it, at whose close it begins to be reckoned."""

    month: Month
    days: tuple[Day, ...]
    before: Day | None

    @classmethod
    def of(cls, month: Month, calendar: Calendar) -> _Span:
        first, last = month.first_day, month.next.first_day - timedelta(days=1)
        earlier = calendar.days(first - _LONGEST_CLOSED, first - timedelta(days=1))
        return cls(month=month, days=calendar.days(first, last), before=earlier[-1] if earlier else None)

    def as_row(self) -> dict[str, str]:
        """Return it as the statement takes it. What came after the close before it moves the month's first close."""
        begins_at = to_datetime(new_york(self.month.first_day))
        opening_at = begins_at if self.before is None else to_datetime(self.before.close)
        return {
            "month": str(self.month),
            "begins_at": _text(begins_at),
            "ends_at": _text(to_datetime(new_york(self.month.next.first_day))),
            "opening_at": _text(opening_at),
            "opening_date": str(self.month.first_day if self.before is None else self.before.date),
            "last_date": str(self.month.next.first_day - timedelta(days=1)),
        }

    def record(self, found: _Found) -> MonthRecord:
        """Return the record. Fills on a day without a session make no trading day."""
        dates = {day.date for day in self.days}
        return MonthRecord(
            month=self.month,
            is_nominated=True,
            opening=None if self.before is None else found.equities.get(self.before.date),
            closes=tuple(found.equities[day.date] for day in self.days if day.date in found.equities),
            sessions=len(self.days),
            flows=found.flows,
            closed_trades=found.closed_trades,
            trading_days=len(found.traded & dates),
        )


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
