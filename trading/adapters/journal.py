"""The matcher's memory on PostgreSQL: the inbox of wishes in, batches of decisions out.

Runs as `raxx_worker` on one connection of its own, each statement its own transaction. The
shard's advisory lock lives as long as that connection; the epoch fences what a lock cannot: a
matcher that was frozen, taken over and woken again.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec
import psycopg
from psycopg.rows import namedtuple_row

from accounts.models.user import new_id
from matching.engine.states import Status
from matching.engine.types import DOLLAR, MONEY, SHARE, Model, Order, OrderType, Side, TimeInForce
from matching.market.times import to_datetime, to_ns
from matching.ports import Command, Disturbed, Fenced, Progress
from trading.bookkeeping import Books, OrderBook, PositionBook
from trading.doorbells import ring_account, ring_progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

    from matching.engine.types import Account
    from matching.ports import Batch

LEASE = timedelta(seconds=10)  # a shard whose owner has been silent for so long may be taken over
OFFER_AGE = timedelta(days=7)  # a quote that stands over a long weekend, and some
CLAIM_PATIENCE_MS = 5_000  # a killed owner's connection needs a moment to be noticed
GTC_AGE_NS = 90 * 86_400 * 10**9  # spec of the wire, 3.2

_ORDER_COLUMNS = """o.id, o.account_id, o.symbol, o.side, o.type, o.time_in_force, o.quantity, o.notional,
    o.limit_price, o.extended_hours, o.fill_model, o.filled_quantity, o.filled_money, o.queue_ahead,
    o.stamp_seq, o.command_no, o.queue_seq, o.queue_no, o.status, o.submitted_at, o.quantity_held"""

OPEN_ORDERS = f"""select {_ORDER_COLUMNS} from trading_order o
  where o.market_id = %s and o.symbol = any(%s) and o.stamp_seq is not null
    and o.status in ('accepted', 'new', 'partially_filled', 'pending_cancel', 'pending_replace')
  order by o.stamp_seq, o.command_no"""

INBOX = f"""select {_ORDER_COLUMNS}, o.replaces, o.replaced_filled_quantity, r.filled_quantity as replaced_filled_now
  from trading_order o left join trading_order r on r.id = o.replaces
  where o.market_id = %s and o.symbol = any(%s) and o.status in ('pending_new', 'pending_cancel')
  order by o.command_no limit %s"""

BOOKS = """select o.id, o.user_id, o.account_id, o.asset_id, o.symbol, o.side, o.status, o.quantity, o.notional,
    o.reserve_price, o.cash_held, o.quantity_held, o.filled_quantity, o.filled_money, o.fill_model, o.replaces,
    o.replaced_filled_quantity, o.request_id
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

    def __init__(self, conninfo: str, *, market_id: int, symbols: Sequence[str], shard: int = 0
    ) -> None:
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
        connection = psycopg.connect(self._conninfo, autocommit=True, row_factory=namedtuple_row)
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
        if row.silence < LEASE:
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
                yield _order(row, priority=(row.stamp_seq, row.command_no))

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
        return [_command(row) for row in rows]

    def commit(self, batch: Batch) -> None:
        """Make the batch durable, then ring for the accounts it touched."""
        books = self._enter(batch)
        documents = _documents(books, batch) if books else [None] * 6
        progress = batch.progress
        queues = [
            {"id": order_id, "queue_ahead": None if ahead is None else decimal_text(ahead, 9)}
            for order_id, ahead in batch.queues.items()
        ]
        try:
            self._session.execute(
                COMMIT,
                [self._market_id, self._shard, self._epoch, progress.run, progress.seq, progress.at, *documents,
                 _json(queues) if queues else None],
            )
        except psycopg.Error as error:
            if error.sqlstate == "RX001":
                raise Fenced(str(error)) from None
            if error.sqlstate == "RX002":
                raise Disturbed(str(error)) from None
            raise
        self._run = progress.run
        if books:
            ring_account(books.entries.cash_changes)
        ring_progress(self._market_id)

    def _enter(self, batch: Batch) -> Books | None:
        if not batch.decisions:
            return None
        ids = list({decision.order_id for decision in batch.decisions})
        with self._session.pipeline():
            orders = self._session.execute(BOOKS, [ids])
            positions = self._session.execute(POSITIONS, [ids])
        books = Books(
            [_order_book(row) for row in orders.fetchall()],
            {
                (row.account_id, row.asset_id): PositionBook(
                    quantity=scaled(row.quantity, SHARE), cost=scaled(row.cost, MONEY)
                )
                for row in positions.fetchall()
            },
            new_id,
        )
        for decision in batch.decisions:
            books.enter(decision)
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


def scaled(number: Decimal, unit: int) -> int:
    """Return a stored decimal as the engine's integer of `unit`; exact, as the columns hold no more."""
    return int(number * unit)


def decimal_text(number: int, places: int) -> str:
    """Return the engine's integer as decimal text with `places` decimals."""
    sign, digits = ("-", -number) if number < 0 else ("", number)
    whole, part = divmod(digits, 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def _lock_space(market_id: int) -> int:
    return 0x72780000 | market_id  # "rx" and the market: beside other users of advisory locks


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _order(row: Any, *, priority: tuple[int, int], quantity: int | None = None) -> Order:
    stored = None if row.quantity is None else scaled(row.quantity, SHARE)
    is_gtc = row.time_in_force == TimeInForce.GTC
    return Order(
        order_id=row.id,
        account=row.account_id,
        symbol=row.symbol,
        side=Side(row.side),
        order_type=OrderType(row.type),
        time_in_force=TimeInForce(row.time_in_force),
        priority=priority,
        quantity=stored if quantity is None else quantity,
        notional=None if row.notional is None else scaled(row.notional, MONEY),
        limit_price=None if row.limit_price is None else scaled(row.limit_price, DOLLAR),
        extended_hours=row.extended_hours,
        expires_at=to_ns(row.submitted_at) + GTC_AGE_NS if is_gtc else None,
        model=Model(row.fill_model),
        filled_quantity=scaled(row.filled_quantity, SHARE),
        filled_money=scaled(row.filled_money, MONEY),
        queue_ahead=None if row.queue_ahead is None else scaled(row.queue_ahead, SHARE),
        queue_priority=None if row.queue_seq is None else (row.queue_seq, row.queue_no),
        is_active=row.status not in {"pending_new", "accepted"},
    )


def _command(row: Any) -> Command:
    if row.status == "pending_cancel":
        never_taken = row.stamp_seq is None
        return Command(
            number=row.command_no,
            action="cancel",
            order_id=row.id,
            symbol=row.symbol,
            replaced_id=row.replaces if never_taken else None,
        )
    priority = (0, row.command_no)  # the loop stamps it with the sequence at which it is taken
    if row.replaces is None:
        return Command(
            number=row.command_no, action="place", order_id=row.id, symbol=row.symbol, order=_order(row, priority=priority)
        )
    filled_since = row.replaced_filled_now - row.replaced_filled_quantity
    left = scaled(row.quantity - filled_since, SHARE)
    return Command(
        number=row.command_no,
        action="replace",
        order_id=row.replaces,
        symbol=row.symbol,
        order=_order(row, priority=priority, quantity=left) if left > 0 else None,
        successor_id=row.id,
    )


def _order_book(row: Any) -> OrderBook:
    return OrderBook(
        id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        asset_id=row.asset_id,
        symbol=row.symbol,
        is_buy=row.side == "buy",
        status=Status(row.status),
        quantity=None if row.quantity is None else scaled(row.quantity, SHARE),
        notional=None if row.notional is None else scaled(row.notional, MONEY),
        reserve_price=scaled(row.reserve_price, DOLLAR),
        cash_held=scaled(row.cash_held, MONEY),
        quantity_held=scaled(row.quantity_held, SHARE),
        filled_quantity=scaled(row.filled_quantity, SHARE),
        filled_money=scaled(row.filled_money, MONEY),
        fill_model=row.fill_model,
        replaces=row.replaces,
        replaced_filled_quantity=(
            None if row.replaced_filled_quantity is None else scaled(row.replaced_filled_quantity, SHARE)
        ),
        request_id=row.request_id,
    )


def _documents(books: Books, batch: Batch) -> list[str]:
    """Return the six JSON documents of the commit function: money and quantities as decimal text."""
    entries = books.entries
    orders = []
    for order_id, change in entries.orders.items():
        order = books.orders[order_id]
        orders.append({
            "id": order_id,
            "prior_filled": decimal_text(change.prior_filled, 9),
            "status": change.status.value,
            "keeps_wish": change.keeps_wish,
            "quantity": None if change.quantity is None else decimal_text(change.quantity, 9),
            "filled_quantity": decimal_text(order.filled_quantity, 9),
            "filled_money": decimal_text(order.filled_money, 13),
            "cash_held": decimal_text(order.cash_held, 13),
            "quantity_held": decimal_text(order.quantity_held, 9),
            "at": to_datetime(change.at),
            "stamp_seq": batch.stamps.get(order_id),
            "queue_seq": change.queue_priority and change.queue_priority[0],
            "queue_no": change.queue_priority and change.queue_priority[1],
            "replaced_by": change.replaced_by,
            "reason": change.reason,
        })
    fills = [
        {**fill, "quantity": decimal_text(fill["quantity"], 9), "price": decimal_text(fill["price"], 4),
         "at": to_datetime(fill["at"])}
        for fill in entries.fills
    ]
    postings = [{**line, "amount": decimal_text(line["amount"], 13)} for line in entries.postings]
    positions = [_position_document(books, key, held, batch) for key, held in entries.held_changes.items()]
    accounts = [
        {
            "account_id": account_id,
            "cash_change": decimal_text(cash, 13),
            "held_change": decimal_text(entries.cash_held_changes[account_id], 13),
        }
        for account_id, cash in entries.cash_changes.items()
    ]
    events = [_event_document(number, event) for number, event in enumerate(entries.events)]
    return [_json(orders), _json(fills), _json(postings), _json(positions), _json(accounts), _json(events)]


def _position_document(books: Books, key: tuple[UUID, UUID], held_change: int, batch: Batch) -> dict[str, Any]:
    account_id, asset_id = key
    user_id, symbol = books.entries.owners[key]
    position = books.positions[key]
    return {
        "user_id": user_id,
        "account_id": account_id,
        "asset_id": asset_id,
        "symbol": symbol,
        "quantity": decimal_text(position.quantity, 9),
        "cost": decimal_text(position.cost, 13),
        "held_change": decimal_text(held_change, 9),
        "at": to_datetime(books.entries.touched_at.get(key, batch.progress.at)),
    }


def _event_document(number: int, event: dict[str, Any]) -> dict[str, Any]:
    document = {
        **event,
        "n": number,
        "at": to_datetime(event["at"]),
        "filled_quantity": decimal_text(event["filled_quantity"], 9),
        "filled_money": decimal_text(event["filled_money"], 13),
    }
    if "fill_id" in event:
        document |= {
            "quantity": decimal_text(event["quantity"], 9),
            "price": decimal_text(event["price"], 4),
            "position_quantity": decimal_text(event["position_quantity"], 9),
        }
    return document


