"""Random markets that are crowded: few prices, small sizes, so that orders meet, queue and part-fill.

Quantities are single units of 1e-9 share and notionals a few prices' worth, so that every rounding
and every last unit shows.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from hypothesis import strategies as st

from matching.engine.types import (
    Auction,
    Bar,
    Halt,
    Order,
    Quote,
    Session,
    SessionChange,
    Trade,
)
from tests.matching.engine.tapes import Cancel, Item, Place, Replace, Step, Tick, What
from tests.matching.engine.terms import SECOND, changed, changes, classes, prices, symbols, terms

sizes = st.integers(0, 6)
pauses = st.sampled_from((*[1] * 12, *[SECOND] * 4, 30 * SECOND, 61 * SECOND, 0, 0))
absent = st.just((0, 0))
bids = st.one_of(st.tuples(st.sampled_from((7, 8, 9)), sizes), absent)
asks = st.one_of(st.tuples(st.sampled_from((9, 10, 11)), sizes), absent)
any_side = st.tuples(prices, sizes)
quotes = st.one_of(
    st.tuples(st.tuples(st.just(8), sizes), st.tuples(st.just(10), sizes)),
    st.tuples(bids, asks),
    st.tuples(any_side, any_side),  # now and then crossed
)
trades = st.tuples(prices, sizes, st.sampled_from((True, True, True, False)))
day_parts = st.sampled_from((*Session, Session.REGULAR, Session.REGULAR))
targets = st.integers(0, 5)  # which of the last orders

KINDS = {
    "quote": st.tuples(symbols, quotes),
    "trade": st.tuples(symbols, trades),
    "place": st.tuples(terms()),
    "place_for_auction": st.tuples(terms(is_for_auction=True)),
    "place_class": st.tuples(classes()),
    "auction": st.tuples(symbols, st.booleans(), prices, sizes),
    "bar": st.tuples(symbols, st.tuples(prices, prices, prices, prices), sizes),
    "halt": st.tuples(symbols, st.sampled_from((True, True, False))),
    "replace": st.tuples(targets, changes),
    "cancel": st.tuples(targets),
    "session": st.tuples(day_parts),
    "tick": st.tuples(),
}
# A market has a little of everything, or much of what needs many things to come together.
FLAVOURS = (
    {"quote": 12, "trade": 9, "place": 8, "place_class": 4, "bar": 2, "replace": 3},
    {"quote": 6, "trade": 4, "place": 2, "place_class": 6, "bar": 6, "replace": 2},
    {"quote": 3, "trade": 2, "place": 2, "place_for_auction": 8, "auction": 8, "session": 5},
)
SELDOM = dict.fromkeys(("auction", "halt", "cancel", "session", "tick"), 1)


def _steps(flavour: dict[str, int]) -> st.SearchStrategy[tuple[Any, ...]]:
    # One long weighted list, for `one_of` would offer each alternative just as often.
    weights = SELDOM | flavour
    kinds = st.sampled_from([kind for kind, weight in weights.items() for _ in range(weight)])
    return kinds.flatmap(lambda kind: KINDS[kind].map(lambda values: (kind, *values)))


moves = [st.tuples(pauses, _steps(flavour)) for flavour in FLAVOURS]


class Writer:
    """Gives steps their sequence, time and ids."""

    def __init__(self) -> None:
        self.seq, self.at, self.number = 0, 0, 0
        self.script: list[Step] = []
        self.placed: list[Order] = []

    def write(self, pause: int, step: tuple[Any, ...]) -> None:
        self.at += pause
        getattr(self, step[0])(*step[1:])

    def _next(self) -> dict[str, int]:
        self.seq += 1
        return {"seq": self.seq, "at": self.at}

    def _item(self, symbol: str, what: What) -> None:
        self.script.append(Item(symbol, what))

    def quote(self, symbol: str, sides: tuple[tuple[int, int], tuple[int, int]]) -> None:
        (bid, bid_size), (ask, ask_size) = sides
        shown = {"bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size}
        self._item(symbol, Quote(**self._next(), **shown))

    def trade(self, symbol: str, trade: tuple[int, int, bool]) -> None:
        price, size, eligible = trade
        self._item(symbol, Trade(**self._next(), price=price, size=size, eligible=eligible))

    def auction(self, symbol: str, is_opening: bool, price: int, size: int) -> None:
        self._item(symbol, Auction(**self._next(), is_opening=is_opening, price=price, size=size))

    def bar(self, symbol: str, reached: tuple[int, int, int, int], size: int) -> None:
        """Write the prints of a bar, and before its extremes which two they are (B1)."""
        opened, closed = reached[0], reached[3]
        low, high = min(reached), max(reached)
        nearer, farther = sorted((high, low), key=lambda price: abs(price - opened))
        self._item(symbol, Trade(**self._next(), price=opened, size=size, eligible=True))
        self._item(symbol, Bar(**self._next(), nearer=nearer, farther=farther))
        for price in (nearer, farther, closed):
            self._item(symbol, Trade(**self._next(), price=price, size=size, eligible=True))

    def halt(self, symbol: str, is_over: bool) -> None:
        self._item(symbol, Halt(**self._next(), is_over=is_over))

    def session(self, session: Session) -> None:
        self.script.append(SessionChange(**self._next(), session=session))

    def tick(self) -> None:
        self.script.append(Tick(self.at))

    def place(self, terms: dict[str, Any]) -> None:
        self.script.append(Place(self._order(terms)))

    def place_for_auction(self, terms: dict[str, Any]) -> None:
        self.place(terms)

    def place_class(self, members: list[dict[str, Any]]) -> None:
        group = f"g{self.number}"
        first, *legs = [self._order(member | {"group": group}) for member in members]
        self.script.append(Place(first, tuple(legs)))

    def cancel(self, target: int) -> None:
        if self.placed:
            self.script.append(Cancel(self._target(target).order_id))

    def replace(self, target: int, change: dict[str, Any]) -> None:
        if not self.placed:
            return
        old = self._target(target)
        terms = {name: getattr(old, name) for name in _TERMS}
        self.script.append(Replace(old.order_id, self._order(changed(terms, change))))

    def _target(self, target: int) -> Order:
        return self.placed[-1 - target % len(self.placed)]

    def _order(self, terms: dict[str, Any]) -> Order:
        """Return an order of these terms, of which an age and a cut-off count from now."""
        self.number += 1
        terms = dict(terms)
        for name, until in (("age", "expires_at"), ("cut_off", "cut_off_at")):
            if (after := terms.pop(name, None)) is not None:
                terms[until] = self.at + after
        order = Order(order_id=f"o{self.number}", priority=(self.seq, self.number), **terms)
        self.placed.append(order)
        return order


_PROGRESS = {
    "order_id",
    "priority",
    "filled_quantity",
    "filled_money",
    "queue_ahead",
    "queue_priority",
    "is_active",
}
_PROGRESS |= {"is_triggered", "watermark", "accepted_at", "expires_at"}
_TERMS = tuple(field.name for field in fields(Order) if field.name not in _PROGRESS)


_COMMANDS = ("place", "place_for_auction", "place_class", "cancel", "replace")


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Return a market and its owners' commands as steps with sequences, times and ids."""
    writer = Writer()
    opening = draw(st.sampled_from((*[Session.REGULAR] * 4, Session.PRE, None)))
    if opening is not None:
        writer.write(0, ("session", opening))
    length = draw(st.sampled_from((60, 60, 30, 10)))
    flavour = draw(st.sampled_from((0, 0, 1, 2)))
    for pause, step in draw(st.lists(moves[flavour], min_size=length // 2, max_size=length)):
        # A late command is stamped with what the market has seen, so time shows first.
        is_late = pause and step[0] in _COMMANDS
        if is_late:
            writer.write(pause, ("tick",))
        writer.write(0 if is_late else pause, step)
    return writer.script
