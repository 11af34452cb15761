"""A journal in memory behind the real matcher and the real books, with a small edge before it.

The edge admits what the product's would (no crossing zero, shares that are free, no long and short
at once) and reserves by the same words, so that what the books do with it can be judged.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from matching.engine.states import Status
from matching.engine.types import Order, Role, Side
from matching.matcher import Matcher
from matching.ports import Command, Progress, Reading
from trading.bookkeeping import Books, OrderBook, PositionBook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.engine.types import Chunk
    from matching.ports import Batch

WISHES = {Status.PENDING_CANCEL, Status.PENDING_REPLACE}
CLASSES: dict[tuple[Role | None, ...], str] = {
    (Role.ENTRY, Role.TAKE_PROFIT, Role.STOP_LOSS): "bracket",
    (Role.ENTRY, Role.TAKE_PROFIT): "oto",
    (Role.ENTRY, Role.STOP_LOSS): "oto",
    (Role.TAKE_PROFIT, Role.STOP_LOSS): "oco",
}


@dataclass
class Row:
    """One stored order: its terms, its figures, and what the inbox goes by."""

    order: Order
    book: OrderBook
    number: int
    stamp: int | None = None
    working_seq: int | None = None
    replaced_by: Any = None


@dataclass
class Memory:
    """Implements `matching.ports.Journal`."""

    inbox_limit: int = 500
    rows: dict[Any, Row] = field(default_factory=dict)
    positions: dict[Any, PositionBook] = field(default_factory=dict)
    held: dict[Any, int] = field(default_factory=dict)
    cash: dict[Any, int] = field(default_factory=dict)
    cash_held: dict[Any, int] = field(default_factory=dict)
    fills: list[dict[str, Any]] = field(default_factory=list)
    postings: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers, self._fill_ids = count(1), count(1)

    def give(self, account: Any, symbol: Any, quantity: int, price: int) -> None:
        """Give an account a position as if it had traded before."""
        money = quantity * price
        self.positions[account, symbol] = PositionBook(quantity=quantity, cost=money)
        self.cash[account] = self.cash.get(account, 0) - money
        owner = {"account_id": account, "asset_id": symbol, "order_id": None}
        side = "buy" if quantity > 0 else "sell"
        self.fills.append({**owner, "side": side, "quantity": abs(quantity), "price": price})
        self.postings.append({**owner, "ledger": "cash", "amount": -money})
        self.postings.append({**owner, "ledger": "securities", "amount": money})

    # What the matcher asks for

    def claim(self) -> Progress:
        return Progress(run=1, seq=0, at=0)

    def lease_kept(self) -> Any:
        return nullcontext()

    def open_orders(self) -> Iterator[Order]:
        return iter(())

    def taken(self, offers: Any) -> Iterator[Any]:
        return iter(())

    def inbox(self) -> list[Command]:
        waiting = [
            row
            for row in self.rows.values()
            if row.book.status in {Status.PENDING_NEW, Status.PENDING_CANCEL}
        ]
        return [self._command(row) for row in sorted(waiting, key=lambda row: row.number)][: self.inbox_limit]

    def _command(self, row: Row) -> Command:
        book: Any = row.book
        order = row.order
        legs = [
            replace(leg.order, priority=(0, leg.number))
            for leg in self.rows.values()
            if leg.book.parent == book.id and leg.stamp is None and leg.book.replaces is None and not leg.book.is_over
        ]  # fmt: skip
        named: dict[str, Any] = {"number": row.number, "symbol": order.symbol}
        if book.status is Status.PENDING_CANCEL:
            is_new = row.stamp is None
            return Command(
                **named, action="cancel", order_id=book.id, legs=legs if is_new else (),
                replaced_id=book.replaces if is_new else None,
            )  # fmt: skip
        if book.replaces is None:
            return Command(**named, action="place", order_id=book.id, order=order, legs=legs)
        left = book.quantity - (self.rows[book.replaces].book.filled_quantity - book.replaced_filled_quantity)
        successor = replace(order, quantity=left) if left > 0 else None
        return Command(
            **named, action="replace", order_id=book.replaces, order=successor, successor_id=book.id
        )

    def commit(self, batch: Batch) -> None:
        named: set[Any] = {decision.order_id for decision in batch.decisions} | set(batch.stamps)
        entries_of = [i for i in named if self.rows[i].book.role is Role.ENTRY]
        named |= {
            i for i, row in self.rows.items()
            if row.book.parent in entries_of and row.book.status in {Status.HELD, *WISHES}
        }  # fmt: skip
        books = Books(
            [self._read(self.rows[i]) for i in sorted(named)],
            {key: replace(position) for key, position in self.positions.items()},
            self._new_id,
        )
        for decision in batch.decisions:
            books.enter(decision)
        stamps: dict[Any, int] = batch.stamps
        for order_id in stamps:
            books.stamp(order_id, batch.progress.at)
        self._write(books, batch)

    @staticmethod
    def _read(row: Row) -> OrderBook:
        """Return the row as the adapter would: what a wish hides is told from the rest."""
        book = row.book
        is_exit = book.role in {Role.TAKE_PROFIT, Role.STOP_LOSS}
        is_held = book.status is Status.HELD or (
            is_exit and book.status in WISHES and row.working_seq is None
        )
        return replace(book, is_held=is_held, is_active=row.working_seq is not None)

    def _new_id(self) -> Any:
        return next(self._fill_ids)

    def _write(self, books: Books, batch: Batch) -> None:
        entries = books.entries
        for order_id, change in entries.orders.items():
            row, new = self.rows[order_id], books.orders[order_id]
            old = row.book
            assert old.filled_quantity == change.prior_filled
            assert not old.is_over, f"{order_id} was over"
            status = old.status if change.keeps_wish and old.status in WISHES else change.status
            row.book = replace(
                new, status=status, quantity=old.quantity if change.quantity is None else change.quantity
            )
            assert row.book.quantity == new.quantity
            row.stamp = batch.stamps.get(order_id, row.stamp)
            row.working_seq = row.working_seq if change.working_seq is None else change.working_seq
            row.replaced_by = change.replaced_by or row.replaced_by
        for parent, successor in entries.reparents.items():
            for row in self.rows.values():
                if row.book.parent == parent:
                    row.book = replace(row.book, parent=successor)
        for key, held in entries.held_changes.items():
            self.positions[key] = books.positions[key]
            self.held[key] = self.held.get(key, 0) + held
        for account, cash in entries.cash_changes.items():
            self.cash[account] = self.cash.get(account, 0) + cash
            self.cash_held[account] = self.cash_held.get(account, 0) + entries.cash_held_changes[account]
        self.fills += entries.fills
        self.postings += [
            {"account_id": fill["account_id"], "ledger": ledger, "amount": amount}
            for fill in entries.fills
            for ledger, amount in fill["amounts"].items()
            if amount
        ]
        self.events += entries.events

    # What owners ask for

    def place(self, order: Order, legs: tuple[Order, ...] = ()) -> bool:
        """Store an order or a class with what it reserves; False when the edge refuses it."""
        opens = self._position(order).quantity * _sign(order) >= 0
        order_class = CLASSES[tuple(each.role for each in (order, *legs))] if legs else ""
        if order_class in {"bracket", "oto"} and not opens:
            return False
        if opens and (order_class == "oco" or not self._may_open(order)):
            return False
        if not opens and (shares := self._shares(order)) is None:
            return False
        reserve = 0 if not opens else order.limit_price or 10
        cash = 0 if not opens else (order.notional or reserve * (order.quantity or 0))
        if not opens and order.notional is not None:
            order = replace(order, quantity_max=shares)
        self._store(order, opens=opens, order_class=order_class, reserve_price=reserve, cash_held=cash,
                    quantity_held=0 if opens else shares)  # fmt: skip
        for leg in legs:
            self._store(leg, opens=False, order_class=order_class, parent=order.order_id, is_held=True,
                        status=Status.HELD)  # fmt: skip
        return True

    def _may_open(self, order: Order) -> bool:
        if order.side is Side.SELL and order.notional is not None:
            return False
        return not any(
            row.book.opens and not row.book.is_over and row.book.is_buy != (order.side is Side.BUY)
            for row in self.rows.values()
            if (row.book.account_id, row.book.asset_id) == (order.account, order.symbol)
        )

    def _shares(self, order: Order) -> int | None:
        """Return the shares that a closing order reserves, None when they are not free."""
        free = abs(self._position(order).quantity) - self.held.get((order.account, order.symbol), 0)
        if order.notional is not None:
            return free if order.side is Side.SELL and free else None
        assert order.quantity is not None
        return order.quantity if order.quantity <= free else None

    def _position(self, order: Order) -> PositionBook:
        return self.positions.get((order.account, order.symbol), PositionBook())

    def _store(self, order: Order, **figures: Any) -> None:
        key = (order.account, order.symbol)
        book = OrderBook(
            **{
                "id": order.order_id, "user_id": order.account, "account_id": order.account, "asset_id": order.symbol,
                "symbol": order.symbol, "is_buy": order.side is Side.BUY, "status": Status.PENDING_NEW,
                "quantity": order.quantity, "notional": order.notional, "reserve_price": 0, "cash_held": 0,
                "quantity_held": 0, "filled_quantity": 0, "filled_money": 0, "replaces": None,
                "replaced_filled_quantity": None, "request_id": "", "updated_at": 0, "role": order.role,
            } | figures
        )  # fmt: skip
        number = next(self._numbers)
        self.rows[order.order_id] = Row(replace(order, priority=(0, number)), book, number)
        self.held[key] = self.held.get(key, 0) + book.quantity_held
        self.cash_held[order.account] = self.cash_held.get(order.account, 0) + book.cash_held

    def cancel(self, order_id: Any) -> bool:
        row = self.rows.get(order_id)
        if row is None or row.book.is_over or row.book.status in WISHES:
            return False
        row.book = replace(row.book, status=Status.PENDING_CANCEL)
        row.number = next(self._numbers)
        return True

    def replace(self, order_id: Any, successor: Order) -> bool:
        row = self.rows.get(order_id)
        if row is None or row.book.quantity is None:
            return False
        old: Any = row.book
        if old.status not in {Status.NEW, Status.PARTIALLY_FILLED, Status.HELD}:
            return False
        wanted = old.quantity if old.role is not None else successor.quantity
        leaves = wanted - old.filled_quantity
        if leaves <= 0:
            return False
        reserve = (successor.limit_price or old.reserve_price) if old.opens else 0
        more = max(reserve * leaves - old.cash_held, 0) if old.opens else 0
        shares = 0 if old.opens or old.role is not None else max(leaves - old.quantity_held, 0)
        if shares > abs(self._position(successor).quantity) - self.held.get(
            (old.account_id, old.asset_id), 0
        ):
            return False
        row.book = replace(old, status=Status.PENDING_REPLACE)
        self._store(replace(successor, quantity=leaves, group=row.order.group, role=old.role), opens=old.opens,
                    order_class=old.order_class, parent=old.parent, reserve_price=reserve, cash_held=more,
                    quantity_held=shares, replaces=old.id, replaced_filled_quantity=old.filled_quantity)  # fmt: skip
        return True


def _sign(order: Order) -> int:
    return 1 if order.side is Side.BUY else -1


class Tape:
    """A feed that gives what a test puts into it. Implements `matching.ports.Feed`."""

    replayable = False
    without_prints: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []

    def read(self, after: int, until: int, limit: int) -> Chunk | None:
        return self.chunks.pop(0) if self.chunks else None


class Dial:
    """Implements the Clock and the Bell of `matching.ports`."""

    def __init__(self) -> None:
        self.run = 1
        self.until = 0

    def read(self) -> Reading:
        return Reading(run=self.run, until=self.until, is_moving=False)

    def wait(self, timeout: float) -> None:
        """Return at once."""


class House:
    """A matcher over a memory: a test says what comes next."""

    def __init__(self) -> None:
        self.memory, self.tape, self.dial = Memory(), Tape(), Dial()
        self.matcher = Matcher(
            journal=self.memory, open_feed=lambda _: self.tape, clock=self.dial, bell=self.dial
        )
        self.matcher.recover()

    def play(self, *chunks: Chunk) -> None:
        """Let the matcher empty its inbox and then decide the chunks."""
        self.tape.chunks += chunks
        self.matcher.round()
