"""The matcher's memory on PostgreSQL: the inbox of wishes in, batches of decisions out.

Runs as `raxx_worker` on one connection of its own, each statement its own transaction. The
shard's advisory lock lives as long as that connection; the epoch fences what a lock cannot: a
matcher that was frozen, taken over and woken again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

import psycopg
from psycopg.rows import namedtuple_row

from accounts.models.user import new_id
from matching.engine.states import ImpossibleMove
from matching.engine.types import SHARE, Side
from matching.market.times import to_datetime
from matching.ports import Disturbed, Fenced, Poisoned, Progress
from trading.adapters.journal_rows import (
    ORDER_COLUMNS,
    command_of,
    decimal_text,
    documents_of,
    order_book_of,
    order_of,
    position_book_of,
    scaled,
    to_json,
)
from trading.bookkeeping import Books, BooksDisagree
from trading.doorbells import ring_account, ring_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from matching.engine.types import Account, Decision, Order, OrderId
    from matching.ports import Batch, Command

LEASE = timedelta(seconds=10)  # a shard whose owner has been silent for so long may be taken over
OFFER_AGE = timedelta(days=7)  # a quote that stands over a long weekend, and some
CLAIM_PATIENCE_MS = 5_000  # a killed owner's connection needs a moment to be noticed

OPEN_ORDERS = f"""select {ORDER_COLUMNS} from trading_order o
  where o.market_id = %s and o.symbol = any(%s) and o.stamp_seq is not null
    and o.status in ('accepted', 'new', 'partially_filled', 'pending_cancel', 'pending_replace')
  order by o.stamp_seq, o.command_no"""

INBOX = f"""select {ORDER_COLUMNS}, o.replaces, o.replaced_filled_quantity, r.filled_quantity as replaced_filled_now
  from trading_order o left join trading_order r on r.id = o.replaces
  where o.market_id = %s and o.symbol = any(%s) and o.status in ('pending_new', 'pending_cancel')
  order by o.command_no limit %s"""

BOOKS = """select o.id, o.user_id, o.account_id, o.asset_id, o.symbol, o.side, o.status, o.quantity, o.notional,
    o.reserve_price, o.cash_held, o.quantity_held, o.filled_quantity, o.filled_money, o.replaces,
    o.replaced_filled_quantity, o.request_id, o.updated_at
  from trading_order o where o.id = any(%s)"""

POSITIONS = """select p.account_id, p.asset_id, p.quantity, p.cost from trading_position p
  where (p.account_id, p.asset_id) in (select distinct o.account_id, o.asset_id from trading_order o
                                        where o.id = any(%s))"""

# The time bound is for the block range index: no displayed offer is older than OFFER_AGE.
TAKEN = """select f.account_id, f.symbol, f.side, sum(f.quantity) as quantity
  from unnest(%s::text[], %s::text[], %s::bigint[]) as offer(symbol, side, seq)
  join trading_fill f on f.symbol = offer.symbol and f.side = offer.side and f.offer_seq = offer.seq
  join trading_tradingaccount a on a.account_id = f.account_id
  where a.market_id = %s and f.run = %s and f.at >= %s
  group by f.account_id, f.symbol, f.side"""

COMMIT = """select trading_commit_decisions(%s, %s, %s, %s, %s, %s,
  %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb)"""


class PostgresJournal:
    """The Journal of one shard. Raises psycopg.OperationalError when PostgreSQL is out of reach."""

    inbox_limit = 500

    def __init__(self, conninfo: str, *, market_id: int, symbols: Sequence[str], shard: int = 0) -> None:
        self._conninfo = conninfo
        self._market_id = market_id
        self._shard = shard
        self._symbols = list(symbols)
        self._epoch = 0
        self._run = 0
        self._claimed_at = 0
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def symbols(self) -> list[str]:
        return self._symbols

    def claim(self) -> Progress:
        """Become the shard's only writer. Raises Fenced while a living matcher owns it."""
        self.close()
        connection: psycopg.Connection[Any] = psycopg.connect(
            self._conninfo, autocommit=True, row_factory=namedtuple_row
        )
        self._connection = connection
        connection.execute(
            "insert into matching_shard (market_id, number, epoch, run, seq, at, updated_at) "
            "values (%s, %s, 0, 0, 0, 0, now()) on conflict (market_id, number) do nothing",
            [self._market_id, self._shard],
        )
        if not self._lock(connection):
            self._take_over(connection)
        row = connection.execute(
            "update matching_shard set epoch = epoch + 1, updated_at = clock_timestamp() "
            "where market_id = %s and number = %s returning epoch, run, seq, at",
            [self._market_id, self._shard],
        ).fetchone()
        assert row is not None
        self._epoch, self._run, self._claimed_at = row.epoch, row.run, row.at
        return Progress(run=row.run, seq=row.seq, at=row.at)

    def _lock(self, connection: psycopg.Connection[Any]) -> bool:
        connection.execute(f"set lock_timeout = {CLAIM_PATIENCE_MS}")
        try:
            connection.execute("select pg_advisory_lock(%s, %s)", [_lock_space(self._market_id), self._shard])
        except psycopg.errors.LockNotAvailable:
            return False
        finally:
            connection.execute("set lock_timeout = 0")
        return True

    def _take_over(self, connection: psycopg.Connection[Any]) -> None:
        """End the session of an owner whose lease is over. Raises Fenced when it is alive."""
        row = connection.execute(
            "select clock_timestamp() - updated_at as silence from matching_shard where market_id = %s and number = %s",
            [self._market_id, self._shard],
        ).fetchone()
        if row is not None and row.silence < LEASE:
            message = f"shard {self._market_id}/{self._shard} is owned by a living matcher"
            raise Fenced(message)
        connection.execute(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted "
            "and database = (select oid from pg_database where datname = current_database()) "
            "and classid = %s and objid = %s and pid <> pg_backend_pid()",
            [_lock_space(self._market_id), self._shard],
        )
        if not self._lock(connection):
            message = f"shard {self._market_id}/{self._shard} could not be taken over"
            raise Fenced(message)

    def open_orders(self) -> Iterator[Order]:
        """Stream the orders that were working or waiting, in priority order."""
        with self._session.transaction(), self._session.cursor(name="open_orders") as cursor:
            cursor.execute(OPEN_ORDERS, [self._market_id, self._symbols])
            for row in cursor:
                # The queue in which the order stands is that of its acceptance, not of a later wish.
                yield order_of(row, priority=(row.stamp_seq, row.command_no))

    def taken(self, offers: dict[tuple[str, Side], int]) -> Iterator[tuple[Account, str, Side, int]]:
        """Yield what each account already took from these offers."""
        if not offers:
            return
        symbols, sides = zip(*offers, strict=True)
        since = to_datetime(self._claimed_at) - OFFER_AGE
        rows = self._session.execute(
            TAKEN, [list(symbols), list(sides), list(offers.values()), self._market_id, self._run, since]
        )
        for row in rows:
            yield row.account_id, row.symbol, Side(row.side), scaled(row.quantity, SHARE)

    def inbox(self) -> list[Command]:
        """Return the next commands not yet decided, in the order of their numbers."""
        rows = self._session.execute(INBOX, [self._market_id, self._symbols, self.inbox_limit]).fetchall()
        return [command_of(row) for row in rows]

    def commit(self, batch: Batch) -> None:
        """Make the batch durable, then ring for the accounts it touched."""
        books = self._enter(batch)
        try:
            self._write(batch, books)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            offenders = self._offenders(batch, books) if books else []
            if not offenders:
                raise
            raise Poisoned(offenders, str(error)) from error
        self._run = batch.progress.run
        if books:
            ring_account(books.entries.cash_changes)
        ring_progress(self._market_id)

    def _write(self, batch: Batch, books: Books | None) -> None:
        documents = documents_of(books, batch) if books else [None] * 6
        progress = batch.progress
        queues = [
            {"id": order_id, "queue_ahead": None if ahead is None else decimal_text(ahead, 9)}
            for order_id, ahead in batch.queues.items()
        ]
        try:
            self._session.execute(
                COMMIT,
                [
                    self._market_id,
                    self._shard,
                    self._epoch,
                    progress.run,
                    progress.seq,
                    progress.at,
                    *documents,
                    to_json(queues) if queues else None,
                ],
            )
        except psycopg.Error as error:
            if error.sqlstate == "RX001":
                raise Fenced(str(error)) from None
            if error.sqlstate == "RX002":
                raise Disturbed(str(error)) from None
            raise

    def _offenders(self, batch: Batch, books: Books) -> list[OrderId]:
        """Return the orders of the first account whose decisions are refused even by themselves."""
        by_account: dict[UUID, list[Decision]] = {}
        for decision in batch.decisions:
            by_account.setdefault(books.account_of(decision), []).append(decision)
        for decisions in by_account.values():
            alone = replace(batch, decisions=decisions, queues={})
            try:
                with self._session.transaction(force_rollback=True):
                    self._write(alone, self._enter(alone))
                    self._session.execute("set constraints all immediate")
            except (psycopg.IntegrityError, psycopg.DataError):
                return [decision.order_id for decision in decisions]
        return []

    def _enter(self, batch: Batch) -> Books | None:
        if not batch.decisions:
            return None
        ids = list({decision.order_id for decision in batch.decisions})
        with self._session.pipeline():
            orders = self._session.execute(BOOKS, [ids])
            positions = self._session.execute(POSITIONS, [ids])
        books = Books(
            [order_book_of(row) for row in orders.fetchall()],
            {(row.account_id, row.asset_id): position_book_of(row) for row in positions.fetchall()},
            new_id,
        )
        for decision in batch.decisions:
            try:
                books.enter(decision)
            except (BooksDisagree, ImpossibleMove) as error:
                raise Poisoned([decision.order_id], str(error)) from error
        return books

    @property
    def _session(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise psycopg.OperationalError("the journal has not claimed its shard")
        return self._connection

    def close(self) -> None:
        """Give the shard back by ending the session that holds its lock."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def symbols_of_shard(symbols: Iterable[str], shard: int, shards: int) -> list[str]:
    """Return the symbols that one of `shards` shards owns: by checksum, so the same on every machine."""
    return sorted(symbol for symbol in symbols if crc32(symbol.encode()) % shards == shard)


def _lock_space(market_id: int) -> int:
    return 0x72780000 | market_id  # "rx" and the market: beside other users of advisory locks
