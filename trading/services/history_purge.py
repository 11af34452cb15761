"""Let go of what is older than its owner's tier keeps, so that no figure changes.

The work is done by `trading_purge_history`, one short transaction a batch, under the account's lock:
killed between two of them, the next run goes on. Old is what the wall clock says, as a tape's time may be of
any year. Why so, and what stays: trading/decisions/0015-kept-history.md.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connection, transaction

from accounts.tiers import ALLOWANCES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from uuid import UUID

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 1_000  # of one transaction, which keeps the account's own orders waiting
PATIENCE = "5s"  # for the account's lock
# Of market time: what fills of the present run are still reckoned with (today's figures, what is left of an
# offer that stands; trading.adapters.journal.OFFER_AGE).
MARKET_KEEPS = timedelta(days=7)

_DUE = """
select a.account_id, a.number, matching_now(a.market_id) - %(market_keeps)s
  from trading_tradingaccount a join accounts_user u on u.id = a.user_id
 where u.tier = %(tier)s and (%(account)s::uuid is null or a.account_id = %(account)s::uuid)
   and (exists (select from trading_orderevent e
                 where e.account_id = a.account_id and e.seq = a.history_seq + 1 and e.recorded_at < %(before)s)
        or exists (select from trading_equitysnapshot s
                    where s.account_id = a.account_id and s.recorded_at < %(before)s))
 order by a.account_id"""

_PURGE = "select events, orders, fills, snapshots, is_done from trading_purge_history(%s, %s, %s, %s, %s)"

_WOULD = """
select coalesce(count(e.seq), 0), count(distinct o), coalesce(count(e.fill_id), 0),
       (select count(*) from trading_equitysnapshot s where s.account_id = %(account)s and s.recorded_at < %(before)s)
  from trading_orders_of_the_past(
         %(account)s, trading_history_cut(%(account)s, %(before)s, %(market_from)s, null)) o
  join trading_orderevent e on e.account_id = %(account)s and e.order_id = o"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What went of one account, or would go; `is_whole` is false where it could not be locked in time."""

    account_id: UUID
    account_number: str
    events: int
    orders: int
    fills: int
    snapshots: int
    is_whole: bool = True

    @property
    def is_something(self) -> bool:
        return bool(self.events or self.orders or self.fills or self.snapshots)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """One account whose oldest detail is older than its owner's tier keeps."""

    account_id: UUID
    number: str
    tier: str
    before: datetime
    market_from: datetime | None  # None: its market has no time yet


def purge_histories(
    *,
    now: datetime,
    account_id: UUID | None = None,
    is_dry: bool = False,
    at_once: int = EVENTS_AT_ONCE,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Purged]:
    """Purge everybody's history, or one account's, and return what went; a dry run only counts.

    `now` is the wall's. May run twice, or beside itself. An account that somebody holds for long is left
    for the next time. `progress` is told before each account how many of how many it is.
    """
    found = []
    every_due = list(_all_due(now, account_id))
    for number, due in enumerate(every_due, start=1):
        progress(number, len(every_due))
        purged = _would(due) if is_dry else _purge(due, at_once)
        if purged.is_something or not purged.is_whole:
            found.append(purged)
    return found


def _all_due(now: datetime, account_id: UUID | None) -> Iterator[_Due]:
    for tier, allowance in ALLOWANCES.items():
        if allowance.history_days is None:
            continue
        before = now - timedelta(days=allowance.history_days)
        parameters: dict[str, Any] = {
            "tier": tier.value,
            "before": before,
            "account": account_id,
            "market_keeps": MARKET_KEEPS,
        }
        with connection.cursor() as cursor:
            cursor.execute(_DUE, parameters)
            rows = cursor.fetchall()
        for pk, number, market_from in rows:
            yield _Due(account_id=pk, number=number, tier=tier.value, before=before, market_from=market_from)


def _purge(due: _Due, at_once: int) -> Purged:
    total, is_done = [0, 0, 0, 0], False
    while not is_done:
        try:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                cursor.execute(f"set local lock_timeout = '{PATIENCE}'")
                cursor.execute(_PURGE, [due.account_id, due.tier, due.before, due.market_from, at_once])
                *counts, is_done = cursor.fetchone()
        except (
            OperationalError
        ) as error:  # locked for too long, or in a deadlock: nothing of the batch happened
            logger.warning("the history of account %s waits: %s", due.number, error)
            return _purged(due, total, is_whole=False)
        total = [before + more for before, more in zip(total, counts, strict=True)]
    if any(total):
        logger.info(
            "account %s: %d events, %d orders, %d fills, %d snapshots became history", due.number, *total
        )
    return _purged(due, total)


def _would(due: _Due) -> Purged:
    with connection.cursor() as cursor:
        cursor.execute(
            _WOULD, {"account": due.account_id, "before": due.before, "market_from": due.market_from}
        )
        return _purged(due, list(cursor.fetchone()))


def _purged(due: _Due, counts: list[int], *, is_whole: bool = True) -> Purged:
    events, orders, fills, snapshots = counts
    return Purged(
        account_id=due.account_id,
        account_number=due.number,
        events=events,
        orders=orders,
        fills=fills,
        snapshots=snapshots,
        is_whole=is_whole,
    )
