"""An account's worth at the closes of its days and at each flow of money: what its figures are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Subquery

from matching.market.times import new_york_date, to_datetime, to_ns
from trading import reference
from trading.history.worth import worth_at
from trading.models import Journal, LedgerAccount, Posting, TradingAccount
from trading.review.figures import Mark
from trading.services.portfolio import history_begins
from trading.services.snapshots import equity_at_closes
from trading.wire import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from trading.principal import Principal

DAYS_MOST = timedelta(days=366 * 5)
FLOWS_MOST = 200  # that are valued one by one; beyond, they count to the next close
_LONGEST_CLOSED = timedelta(days=14)
_NO_FLOWS = (Journal.Kind.FILL, Journal.Kind.OPENING, Journal.Kind.INTEREST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Money that was paid in, or taken out (below zero); dollars, and nanoseconds of market time."""

    at: int
    amount: Decimal
    kind: str
    note: str

    @property
    def instant(self) -> datetime:
        """When, as an instant in UTC."""
        return to_datetime(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """An account from `begins` to `ends`, nanoseconds of market time: its marks, oldest first."""

    begins: int
    ends: int
    marks: tuple[Mark, ...]


def course_of(principal: Principal, first: date | None = None) -> Course:
    """Return the account's marks from the close before `first` on, or from its beginning, up to now."""
    now = reference.market_now(principal.market_id)
    ends = to_ns(now)
    begins = history_begins(principal, now) or ends
    today = new_york_date(ends)
    first = max(first or date.min, new_york_date(begins), today - DAYS_MOST)
    days = [
        day
        for day in reference.calendar_of(principal.market_id).days(first - _LONGEST_CLOSED, today)
        if begins <= day.close <= ends
    ]
    earlier = [day for day in days if day.date < first]
    days = [*earlier[-1:], *(day for day in days if day.date >= first)]
    starts = days[0].close if earlier else begins
    flows = flows_of(principal, starts, ends)
    valued = {flow.at for flow in flows[:FLOWS_MOST]}
    instants = sorted({*valued, *(() if earlier else (starts,)), ends})
    closes = equity_at_closes(principal=principal, days=days, now=now)
    worths = worth_at(
        principal=principal,
        account_ids=[principal.account_id],
        market_id=principal.market_id,
        instants=instants,
        now=now,
    )[principal.account_id]
    equities = {worth.at: worth.equity for worth in worths} | {day.close: closes[day.date] for day in days}
    return Course(begins=starts, ends=ends, marks=tuple(_marks(equities, flows)))


def flows_of(principal: Principal, after: int, until: int) -> Sequence[Flow]:
    """Return the money that came and went after an instant and up to another, in the present generation."""
    cash = Posting.objects.owned_by(principal, principal.account_id).filter(
        journal_id=OuterRef("pk"), ledger=LedgerAccount.CASH
    )
    generation = TradingAccount.objects.owned_by(principal).filter(pk=principal.account_id)
    rows = (
        Journal.objects.owned_by(principal, principal.account_id)
        .exclude(kind__in=_NO_FLOWS)
        .filter(at__gt=to_datetime(after), at__lte=to_datetime(until))
        .filter(generation=Subquery(generation.values("generation")))
        .order_by("at", "pk")
        .values_list("at", Subquery(cash.values("amount")), "kind", "note")
    )
    return [
        Flow(at=to_ns(at), amount=amount, kind=kind, note=note) for at, amount, kind, note in rows if amount
    ]


def change_of(flows: Iterable[Flow]) -> Decimal:
    """Return what flows come to."""
    total = Decimal(0)
    for flow in flows:
        total = EXACT.add(total, flow.amount)
    return total


def _marks(equities: dict[int, Decimal], flows: Sequence[Flow]) -> Iterable[Mark]:
    """Yield the marks from the first on at which there was money."""
    waiting, has_begun = list(flows), False
    for at in sorted(equities):
        flow = change_of(each for each in waiting if each.at <= at)
        waiting = [each for each in waiting if each.at > at]
        if has_begun or equities[at] > 0:
            yield Mark(
                at=at, day=new_york_date(at), equity=equities[at], flow=flow if has_begun else Decimal(0)
            )
            has_begun = True


def day_of(now: datetime) -> date:
    """Return New York's date of an instant."""
    return new_york_date(to_ns(now))
