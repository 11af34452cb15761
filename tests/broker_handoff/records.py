"""Records on the real ledger: orders, fills, snapshots and flows of whole months, in a market whose time stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db.models import F

from broker_handoff.gate.record import Month
from matching.market.calendar import XNYS, Day
from matching.market.sessions import compute_sessions
from matching.market.times import new_york, to_datetime
from tests.factories.calendar import store_season
from tests.factories.desk import Desk, commit, submit, ticket
from tests.factories.rows import make_account, make_asset, make_journal, make_market, make_snapshot
from trading import reference
from trading.models import TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.models import User
    from matching.models import Market
    from tests.factories.sessions import Session
    from trading.models import Asset

NOW = datetime(2026, 5, 4, 16, tzinfo=UTC)  # a Monday; February, March and April are over
FEBRUARY, MARCH, APRIL, MAY = (Month(year=2026, month=number) for number in (2, 3, 4, 5))
MONTHS = (FEBRUARY, MARCH, APRIL)
SEASON = (date(2025, 10, 1), date(2026, 6, 30))
LONG_AGO = datetime(2025, 11, 3, 15, tzinfo=UTC)


def replay_at(now: datetime = NOW, **fields: Any) -> Market:
    """Insert a market whose time stands, and the exchange's days around it."""
    store_season(SEASON, XNYS)
    reference.forget()
    return make_market(**{"anchor_at": now, "is_active": True, **fields})


def sessions_of(month: Month) -> list[Day]:
    """Return the exchange's days of a month of the season, which is computed once: that takes a moment."""
    assert SEASON[0] <= month.first_day < month.next.first_day <= SEASON[1] + timedelta(days=1)
    return [day for day in _days_of_season() if month.first_day <= day.date < month.next.first_day]


@cache
def _days_of_season() -> list[Day]:
    return compute_sessions(*SEASON)


def at(day: date, hour: int = 11) -> datetime:
    """Return an hour of a day in New York."""
    return to_datetime(new_york(day, hour))


@dataclass
class Trader:
    """Somebody whose months can be written: trades go through the ledger, closes are what the caller says."""

    app: Session
    worker: Session
    account: TradingAccount
    asset: Asset
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = Desk(self.worker)

    @classmethod
    def begin(cls, app: Session, worker: Session, market: Market, user: User | None = None) -> Trader:
        """Open an account long ago, with 100,000 dollars."""
        account = make_account(user, market=market, cash=0, created_at=LONG_AGO)
        make_deposit(account, 100_000, LONG_AGO)
        return cls(app, worker, account, make_asset())

    def fill(self, side: str, quantity: str, moment: datetime, *, in_pieces: int = 1) -> UUID:
        """Buy or sell shares at 100 dollars, in one or more equal fills; return the order's id."""
        order = ticket(self.account, self.asset, side=side, quantity=quantity)
        submit(self.app, order)
        self._decide(moment, (order["id"], "new"))
        piece = str(Decimal(quantity) / in_pieces)
        for number in range(1, in_pieces + 1):
            kind = "fill" if number == in_pieces else "partial_fill"
            self._decide(moment, (order["id"], kind, piece, "100"))
        return order["id"]

    def round_trip(self, moment: datetime) -> None:
        """Buy a share and sell it again a minute later."""
        self.fill("buy", "1", moment)
        self.fill("sell", "1", moment + timedelta(minutes=1))

    def close(self, day: Day, equity: Any) -> None:
        """Write down what the account was worth at a close."""
        make_snapshot(self.account, date=day.date, at=to_datetime(day.close), cash=equity, equity=equity)

    def closes(self, month: Month, first: int, last: int) -> None:
        """Write down a month's closes, going evenly from one worth to another, as whole dollars."""
        days = sessions_of(month)
        for number, day in enumerate(days):
            self.close(day, first + (last - first) * number // (len(days) - 1))

    def trades(self, month: Month, *, trips: int = 20, days: int = 15) -> None:
        """Make round trips in a month, spread over the first of its days."""
        sessions = sessions_of(month)[:days]
        for number in range(trips):
            moment = at(sessions[number % days].date) + timedelta(minutes=5 * (number // days))
            self.round_trip(moment)

    def good_month(self, month: Month, first: int, last: int) -> None:
        """Trade enough, and end a month at `last` dollars."""
        self.trades(month)
        self.closes(month, first, last)

    def good_record(self) -> None:
        """Write three months that open the gate, and the close before them."""
        self.close(sessions_of(FEBRUARY.previous)[-1], 100_000)
        for number, month in enumerate(MONTHS):
            self.good_month(month, 100_100 + 1_000 * number, 101_000 + 1_000 * number)

    def _decide(self, moment: datetime, *decisions: Any) -> None:
        """Commit decisions at a moment of the market's."""
        batch = self.desk.batch(*decisions)
        for table in ("orders", "fills", "positions", "events"):
            for row in batch[table]:
                row["at"] = moment
        commit(self.worker, **batch)


def make_deposit(account: TradingAccount, amount: int, moment: datetime) -> None:
    """Have money come from outside: a journal, and the account's cash."""
    make_journal(account, amount=amount, at=moment)
    TradingAccount.objects.filter(pk=account.pk).update(cash=F("cash") + amount)
