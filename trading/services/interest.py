"""Charge interest for cash that accounts on margin owe, once a calendar day, as brokers do: debit * rate / 360.

What counts is the cash at New York's midnight, by the ledger, so that a night may be charged late and comes to the
same. Borrowed shares cost nothing: those that can be sold short here are easy to borrow. A tape is not charged, for
its days are played again and again. trading/decisions/0020-margin-interest.md says the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from django.db import connection, transaction
from django.db.models import F

from accounts.services.audit import record
from matching.market.times import NEW_YORK, new_york_date, to_ns
from matching.models import Market
from trading import reference
from trading.doorbells import ring_account
from trading.models import Journal, LedgerAccount, Posting, TradingAccount

if TYPE_CHECKING:
    from datetime import date

MADE_UP_FOR = 7  # nights
DAYS_A_YEAR = 360  # as money markets reckon
CENT = Decimal("0.01")

_OWING = """
select * from (
  select a.account_id, a.generation, a.cash - coalesce((
           select sum(p.amount) from trading_journal j
             join trading_posting p on p.journal_id = j.id and p.ledger = 'cash'
            where j.account_id = a.account_id and j.at > %(midnight)s), 0) as cash
    from trading_tradingaccount a
   where a.market_id = %(market)s and a.multiplier > 1 and a.status = 'ACTIVE'
     and coalesce(a.reset_at, a.created_at) < %(midnight)s
     and (a.history_at is null or a.history_at < %(midnight)s)) a
 where cash < 0 order by account_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Debt:
    """What an account owed at the end of a day of New York's calendar."""

    account_id: UUID
    generation: int
    owed: Decimal
    date: date
    midnight: datetime

    @property
    def journal_id(self) -> UUID:
        return uuid5(self.account_id, f"interest of generation {self.generation}, {self.date}")


def accrue_due(*, rate: Decimal) -> int:
    """Charge the last nights' interest at `rate` a year (0.0625 is 6.25 %) and return how many charges that were.

    May run twice, or beside itself: a night is charged once. At rate 0 nothing is.
    """
    if not rate:
        return 0
    charged = 0
    for market_id in (
        Market.objects.filter(is_active=True)
        .exclude(feed=Market.FeedKind.REPLAY)
        .values_list("pk", flat=True)
    ):
        for day in _nights(market_id):
            charged += sum(_charge(debt, rate) for debt in _debts(market_id, day))
    return charged


def _nights(market_id: int) -> list[date]:
    """Return the last days that are over, oldest first: each night's debit bears the interest of the one before."""
    today = new_york_date(to_ns(reference.market_now(market_id)))
    return [today - timedelta(days=back) for back in range(MADE_UP_FOR, 0, -1)]


def _debts(market_id: int, day: date) -> list[_Debt]:
    midnight = datetime.combine(day + timedelta(days=1), time(), NEW_YORK)
    with connection.cursor() as cursor:
        cursor.execute(_OWING, {"market": market_id, "midnight": midnight})
        rows = cursor.fetchall()
    debts = [
        _Debt(account_id=account_id, generation=generation, owed=-cash, date=day, midnight=midnight)
        for account_id, generation, cash in rows
    ]
    charged = set(
        Journal.objects.across_owners()
        .filter(pk__in=[debt.journal_id for debt in debts])
        .values_list("pk", flat=True)
    )
    return [debt for debt in debts if debt.journal_id not in charged]


@transaction.atomic(durable=True)
def _charge(debt: _Debt, rate: Decimal) -> int:
    """Book one night's interest, unless somebody has, or the account began anew meanwhile; return how many."""
    amount = (debt.owed * rate / DAYS_A_YEAR).quantize(CENT, ROUND_HALF_UP)
    everybodys = TradingAccount.objects.across_owners().filter(
        pk=debt.account_id, generation=debt.generation, status=TradingAccount.Status.ACTIVE
    )
    account = everybodys.select_for_update(of=("self",), no_key=True).first()
    if account is None or not amount or Journal.objects.across_owners().filter(pk=debt.journal_id).exists():
        return 0
    journal = Journal(
        id=debt.journal_id,
        user_id=account.user_id,
        account_id=account.pk,
        kind=Journal.Kind.INTEREST,
        at=debt.midnight,
        generation=account.generation,
        note=f"{debt.date}: {rate * 100:f} % a year on {debt.owed:,.2f} owed",
    )
    journal.save(force_insert=True)
    lines = {LedgerAccount.CASH: -amount, LedgerAccount.FEES: amount}
    Posting.objects.bulk_create(
        Posting(journal=journal, ledger=ledger, user_id=account.user_id, account_id=account.pk, amount=line)
        for ledger, line in lines.items()
    )
    everybodys.update(cash=F("cash") - amount)
    record(
        action="account.interest_charged",
        user_id=account.user_id,
        account_id=account.pk,
        before={"cash": account.cash},
        after={"cash": account.cash - amount, "amount": -amount, "journal": journal.pk},
        details={"date": debt.date, "owed": debt.owed, "rate": rate},
    )
    transaction.on_commit(lambda: ring_account([account.pk]))
    return 1
