"""Small tapes for the tests: items as values, as columns, and a script played in any chunks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.engine.types import (
    Auction,
    Bar,
    Chunk,
    Decision,
    Halt,
    Items,
    Kind,
    Order,
    Quote,
    SessionChange,
    Trade,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COLUMNS = ("seq", "at", "kind", "bid", "bid_size", "ask", "ask_size", "price", "size", "eligible")
NO_QUOTE = (0, 0, 0, 0)
What = Quote | Trade | Auction | Halt | Bar


@dataclass(frozen=True)
class Item:
    """One quote, print, auction, halt or bar of a symbol."""

    symbol: str
    what: What


@dataclass(frozen=True)
class Place:
    order: Order
    legs: tuple[Order, ...] = ()


@dataclass(frozen=True)
class Cancel:
    order_id: object


@dataclass(frozen=True)
class Replace:
    order_id: object
    successor: Order


@dataclass(frozen=True)
class Tick:
    """Market time passes and nothing else happens."""

    at: int


Command = Place | Cancel | Replace
Step = Item | SessionChange | Tick | Command
Played = Chunk | Command  # what an engine is given


@dataclass
class Columns:
    """Turns items into `Items`, remembering the prevailing quote of each symbol."""

    prevailing: dict[str, tuple[int, int, int, int]] = field(default_factory=dict)

    def of(self, items: list[Item]) -> dict[str, Items]:
        rows: dict[str, list[tuple[int, ...]]] = {}
        for item in items:
            rows.setdefault(item.symbol, []).append(self._row(item.symbol, item.what))
        return {symbol: columns_of(of_symbol) for symbol, of_symbol in rows.items()}

    def _row(self, symbol: str, what: What) -> tuple[int, ...]:
        if isinstance(what, Quote):
            quote = (what.bid, what.bid_size, what.ask, what.ask_size)
            self.prevailing[symbol] = quote
            return (what.seq, what.at, Kind.QUOTE.value, *quote, 0, 0, 1)
        quote = self.prevailing.get(symbol, NO_QUOTE)
        head = (what.seq, what.at, _kind_of(what).value, *quote)
        if isinstance(what, Halt):
            return (*head, 0, 0, 0)
        if isinstance(what, Bar):
            return (*head, what.nearer, what.farther, 0)
        return (*head, what.price, what.size, int(isinstance(what, Trade) and what.eligible))


def _kind_of(what: Trade | Auction | Halt | Bar) -> Kind:
    match what:
        case Trade():
            return Kind.TRADE
        case Auction():
            return Kind.OPENING_AUCTION if what.is_opening else Kind.CLOSING_AUCTION
        case Halt():
            return Kind.RESUME if what.is_over else Kind.HALT
        case Bar():
            return Kind.BAR


def columns_of(rows: list[tuple[int, ...]]) -> Items:
    table = np.array(rows, dtype=np.int64).reshape(-1, len(COLUMNS))
    return Items(**{name: table[:, i].copy() for i, name in enumerate(COLUMNS)})


def items_of(items: Items) -> list[What]:
    """Return the rows as values again."""
    rows = zip(*(getattr(items, name).tolist() for name in COLUMNS), strict=True)
    return [_item_of(Kind(row[2]), row) for row in rows]


def _item_of(kind: Kind, row: tuple[int, ...]) -> What:
    seq, at, _, bid, bid_size, ask, ask_size, price, size, eligible = row
    match kind:
        case Kind.QUOTE:
            return Quote(seq=seq, at=at, bid=bid, bid_size=bid_size, ask=ask, ask_size=ask_size)
        case Kind.TRADE:
            return Trade(seq=seq, at=at, price=price, size=size, eligible=bool(eligible))
        case Kind.HALT | Kind.RESUME:
            return Halt(seq=seq, at=at, is_over=kind is Kind.RESUME)
        case Kind.BAR:
            return Bar(seq=seq, at=at, nearer=price, farther=size)
        case _:
            return Auction(seq=seq, at=at, is_opening=kind is Kind.OPENING_AUCTION, price=price, size=size)


def chunks_and_commands(script: list[Step], is_cut_after: Callable[[int], bool]) -> Iterator[Played]:
    """Yield Chunks and commands; items are gathered until a command, a session or a cut."""
    columns, seq, at = Columns(), 0, 0
    session: SessionChange | None = None
    items: list[Item] = []
    is_empty = True
    for number, step in enumerate(script):
        if not is_empty and isinstance(step, Command | SessionChange):
            yield Chunk(seq=seq, at=at, session=session, items=columns.of(items))
            session, items, is_empty = None, [], True
        if isinstance(step, Command):
            yield step
            continue
        is_empty = False
        if isinstance(step, SessionChange):
            session, seq, at = step, step.seq, step.at
        elif isinstance(step, Item):
            items.append(step)
            seq, at = step.what.seq, step.what.at
        else:
            at = step.at
        if is_cut_after(number):
            yield Chunk(seq=seq, at=at, session=session, items=columns.of(items))
            session, items, is_empty = None, [], True
    if not is_empty:
        yield Chunk(seq=seq, at=at, session=session, items=columns.of(items))


def obey(engine: Any, step: Played) -> list[Decision]:
    """Give an engine a chunk or a command and return its decisions."""
    match step:
        case Chunk():
            return engine.advance(step)
        case Place(order, legs):
            return engine.place(order, legs)
        case Cancel(order_id):
            return engine.cancel(order_id)
        case Replace(order_id, successor):
            return engine.replace(order_id, successor)


def play(
    engine: Any, script: list[Step], is_cut_after: Callable[[int], bool] = lambda _: False
) -> list[Decision]:
    """Play a script and return every decision."""
    decisions: list[Decision] = []
    for step in chunks_and_commands(script, is_cut_after):
        decisions += obey(engine, step)
    return decisions
