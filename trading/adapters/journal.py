"""The matcher's memory on PostgreSQL: the inbox of wishes in, batches of decisions out.

Runs as `raxx_worker` on one connection of its own, each statement its own transaction. The
shard's advisory lock lives as long as that connection; the epoch fences what a lock cannot: a
matcher that was frozen, taken over and woken again.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from accounts.models.user import new_id
from matching.engine.states import ImpossibleMove
from matching.engine.types import Role, Side
from matching.market.times import to_datetime
from matching.ports import Disturbed, Fenced, Poisoned, Progress
from trading import metrics
from trading.adapters import array_columns, engine_numbers
from trading.adapters.journal_pieces import PIECE, Stored, pieces_of
from trading.adapters.journal_profiles import Profiles
from trading.adapters.journal_rows import (
    ORDER_COLUMNS,
    command_of,
    order_book_of,
    order_of,
    position_book_of,
)
from trading.adapters.journal_writes import COMMIT, arguments_of
from trading.adapters.lease import KeptLease
from trading.adapters.shards import LEASE, PATIENCE, Claim
from trading.bookkeeping import Books, BooksDisagree
from trading.bookkeeping.books import EXECUTIONS
from trading.doorbells import ring_account, ring_progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from uuid import UUID

    from matching.engine.types import Account, Decision, Order, OrderId
    from matching.ports import Batch, Command

DECISION_AT_MOST = timedelta(milliseconds=1)  # of a large commit, on a slow machine
PIECES_AHEAD = 4  # booked, and not yet written: more would only fill the memory
OFFER_AGE = timedelta(days=7)  # a quote that stands over a long weekend, and some
CLASSES = frozenset({"bracket", "oco", "oto"})
ROWS_AT_ONCE = 2_000  # of a stream of open orders

OPEN_ORDERS = f"""select {ORDER_COLUMNS} from trading_order o
  where o.market_id = %s and o.symbol = any(%s) and o.stamp_seq is not null
    and o.status in ('accepted', 'new', 'partially_filled', 'held', 'pending_cancel', 'pending_replace')
  order by o.stamp_seq, o.command_no"""

INBOX = f"""select {ORDER_COLUMNS}, o.parent, o.replaces, o.replaced_filled_quantity,
    r.filled_quantity as replaced_filled_now
  from trading_order o left join trading_order r on r.id = o.replaces
  where o.market_id = %s and o.symbol = any(%s) and o.status in ('pending_new', 'pending_cancel')
  order by o.command_no limit %s"""

# The legs that stood by their parent when it was submitted, whatever their owner wished since.
LEGS = f"""select {ORDER_COLUMNS}, o.parent from trading_order o
  where o.parent = any(%s) and o.replaces is null and o.stamp_seq is null
    and o.status in ('held', 'pending_cancel', 'pending_replace')
  order by o.command_no"""

BOOK = """select o.id, o.user_id, o.account_id, o.asset_id, o.symbol, o.side, o.position_intent, o.order_class,
    o.status, o.quantity, o.notional, o.reserve_price, o.cash_held, o.quantity_held, o.filled_quantity,
    o.filled_money, o.replaces, o.replaced_filled_quantity, o.request_id, o.cancel_request_id, o.updated_at, o.role, o.parent,
    o.is_triggered, o.working_seq, o.accepted_ns, p.quantity as position_quantity, p.cost as position_cost
  from trading_order o left join trading_position p on p.account_id = o.account_id and p.asset_id = o.asset_id"""
BOOKS = f"{BOOK} where o.id = any(%b::uuid[])"
EXITS = f"""{BOOK}
  where o.parent = any(%b::uuid[]) and o.status in ('held', 'pending_cancel', 'pending_replace')"""

# The time bound is for the block range index: no displayed offer is older than OFFER_AGE.
TAKEN = """select f.account_id, f.symbol, f.side, sum(f.quantity) as quantity
  from unnest(%s::text[], %s::text[], %s::bigint[]) as offer(symbol, side, seq)
  join trading_fill f on f.symbol = offer.symbol and f.side = offer.side and f.offer_seq = offer.seq
  join trading_tradingaccount a on a.account_id = f.account_id
  where a.market_id = %s and f.run = %s and f.at >= %s
  group by f.account_id, f.symbol, f.side"""


class PostgresJournal:
    """The Journal of one shard. Raises psycopg.OperationalError when PostgreSQL is out of reach."""

    inbox_limit = 500

    def __init__(
        self,
        conninfo: str,
        *,
        market_id: int,
        symbols: Sequence[str],
        shard: int = 0,
        shards: int = 1,
        lease: timedelta = LEASE,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._conninfo = conninfo
        self._lease = lease
        self._market_id = market_id
        self._shard = shard
        self._claim = Claim(market_id=market_id, number=shard, shards=shards, lease=lease, patience=patience)
        self._symbols = list(symbols)
        self._epoch = 0
        self._run = 0
        self._claimed_at = 0
        self._profiles = Profiles()
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def symbols(self) -> list[str]:
        return self._symbols

    def claim(self) -> Progress:
        """Become the shard's only writer. Raises Fenced while a living matcher owns it, Disturbed: see Claim."""
        connection = self._opened()
        row = self._claim.take(connection)
        self._epoch, self._run, self._claimed_at = row.epoch, row.run, row.at
        self._profiles.load(connection)
        return Progress(run=row.run, seq=row.seq, at=row.at)

    def _opened(self) -> psycopg.Connection[Any]:
        """Return a session that works, the present one if it does: with it goes the shard's lock."""
        present = self._connection
        if present is not None and present.info.transaction_status == TransactionStatus.IDLE:
            return present
        self.close()
        connection = self._connection = psycopg.connect(
            self._conninfo, autocommit=True, row_factory=namedtuple_row
        )
        array_columns.register(connection)
        engine_numbers.register(connection)
        # All that is read here is found by a key; a plan that was made for an empty table would be kept.
        connection.execute("set enable_seqscan = off")
        return connection

    def lease_kept(self) -> KeptLease:
        """Renew the lease beside the recovery that this is the context of."""
        return KeptLease(
            self._conninfo,
            market_id=self._market_id,
            shard=self._shard,
            epoch=self._epoch,
            lease=self._lease,
        )

    def open_orders(self) -> Iterator[Order]:
        """Stream the orders that were working, waiting or held, in priority order."""
        with self._session.transaction(), self._session.cursor(name="open_orders") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(OPEN_ORDERS, [self._market_id, self._symbols])
            for row in cursor:
                # The queue in which the order stands is that of its acceptance, not of a later wish.
                yield order_of(row, self._profiles, priority=(row.stamp_seq, row.command_no))

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
            yield row.account_id, row.symbol, Side(row.side), row.quantity

    def inbox(self) -> list[Command]:
        """Return the next commands not yet decided, in the order of their numbers."""
        rows = self._session.execute(INBOX, [self._market_id, self._symbols, self.inbox_limit]).fetchall()
        if not self._profiles.knows({row.profile_id for row in rows}):
            self._profiles.load(self._session)
        legs: dict[UUID, list[Any]] = {}
        if parents := [row.id for row in rows if _may_bring_legs(row)]:
            for leg in self._session.execute(LEGS, [parents]):
                legs.setdefault(leg.parent, []).append(leg)
        return [command_of(row, self._profiles, legs.get(row.id, ())) for row in rows]

    def commit(self, batch: Batch) -> None:
        """Make the batch durable, then ring for the accounts it touched."""
        began = time.perf_counter()
        stored = self._stored(batch)
        self._require_stored(batch, stored)
        try:
            if len(batch.decisions) > PIECE:
                self._write_in_pieces(batch, stored)
            else:
                self._write(batch, self._enter(batch, stored))
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            offenders = self._offenders(batch, stored)
            if not offenders:
                raise
            raise Poisoned(offenders, str(error)) from error
        self._run = batch.progress.run
        fills = sum(decision.event in EXECUTIONS for decision in batch.decisions)
        metrics.committed(len(batch.decisions), fills, time.perf_counter() - began)
        ring_account(stored.rows)
        ring_progress(self._market_id)

    def _write_in_pieces(self, batch: Batch, stored: Stored) -> None:
        """Book one piece while PostgreSQL works on the one before: a large batch keeps two processors busy."""
        self._be_patient_with(len(batch.decisions) * DECISION_AT_MOST)
        with self._session.transaction(), ThreadPoolExecutor(1) as writer:
            writing: deque[Future[None]] = deque()
            for piece, part in pieces_of(batch, stored):
                if len(writing) == PIECES_AHEAD:
                    writing.popleft().result()
                arguments = self._arguments(piece, self._enter(piece, part))
                writing.append(writer.submit(self._execute, arguments))  # which leaves the processor to us
            for one in writing:
                one.result()

    def _be_patient_with(self, commit: timedelta) -> None:
        """Prolong the lease for a commit that may outlast it, since its transaction keeps the shard's row meanwhile.

        An owner that dies gives its lock back with its session, and nobody has to wait for its lease.
        """
        if commit > self._lease / 2:
            self._session.execute(
                "update matching_shard set updated_at = clock_timestamp() + %s "
                "where market_id = %s and number = %s and epoch = %s",
                [commit, self._market_id, self._shard, self._epoch],
            )

    def _write(self, batch: Batch, books: Books | None) -> None:
        self._execute(self._arguments(batch, books))

    def _arguments(self, batch: Batch, books: Books | None) -> dict[str, Any]:
        # A new run of the tape knows nothing of how far the last one had come.
        fresh = self._symbols if batch.progress.run != self._run else None
        owner = {"market": self._market_id, "shard": self._shard, "epoch": self._epoch}
        return owner | arguments_of(batch, books, fresh=fresh)

    def _execute(self, arguments: dict[str, Any]) -> None:
        try:
            self._session.execute(COMMIT, arguments)
        except psycopg.Error as error:
            said = error.diag.message_primary
            if error.sqlstate == "RX001":
                raise Fenced(said) from None
            if error.sqlstate == "RX002":
                raise Disturbed(said) from None
            raise

    def _offenders(self, batch: Batch, stored: Stored) -> list[OrderId]:
        """Return the orders of the first account whose decisions are refused even by themselves."""
        by_account: dict[UUID, list[Decision]] = {}
        for decision in batch.decisions:
            by_account.setdefault(stored.account_of[decision.order_id], []).append(decision)
        for account, decisions in by_account.items():
            alone = replace(batch, decisions=decisions, stamps={}, queues={}, watermarks=())
            try:
                with self._session.transaction(force_rollback=True):
                    self._write(alone, self._enter(alone, stored.of([account])))
                    self._session.execute("set constraints all immediate")
            except (psycopg.IntegrityError, psycopg.DataError):
                return [decision.order_id for decision in decisions]
        return []

    def _stored(self, batch: Batch) -> Stored:
        """Read the orders that the batch names, the exits that wait for them, and their positions."""
        stored = Stored()
        if ids := {decision.order_id for decision in batch.decisions} | batch.stamps.keys():
            found = self._session.execute(BOOKS, [array_columns.uuids(cast("set[UUID]", ids))]).fetchall()
            stored.add(found)
            if entries := [row.id for row in found if row.role == Role.ENTRY]:
                stored.add(self._session.execute(EXITS, [array_columns.uuids(entries)]))
        return stored

    @staticmethod
    def _require_stored(batch: Batch, stored: Stored) -> None:
        """Raise Poisoned for a decision about an order that there is not."""
        for decision in batch.decisions:
            if decision.order_id not in stored.account_of:
                raise Poisoned([decision.order_id], f"a decision names the unknown order {decision.order_id}")

    def _enter(self, batch: Batch, stored: Stored) -> Books | None:
        if not batch.decisions:
            return None
        rows = [row for rows in stored.rows.values() for row in rows]
        positions = {
            (row.account_id, row.asset_id): position for row in rows if (position := position_book_of(row))
        }
        books = Books([order_book_of(row) for row in rows], positions, new_id)
        for decision in batch.decisions:
            try:
                books.enter(decision)
            except (BooksDisagree, ImpossibleMove) as error:
                raise Poisoned([decision.order_id], str(error)) from error
        for order_id in batch.stamps:
            books.stamp(cast("UUID", order_id), batch.progress.at)
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


def _may_bring_legs(row: Any) -> bool:
    """Return whether an inbox row is the first order of a class that was never taken."""
    is_first = row.parent is None and row.replaces is None and row.stamp_seq is None
    return is_first and row.order_class in CLASSES
