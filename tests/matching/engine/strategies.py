"""Random markets that are crowded: few prices, small sizes, so that orders meet, queue and part-fill.

Quantities are single units of 1e-9 share and notionals a few prices' worth, so that every rounding
and every last unit shows.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from matching.engine.types import (
    Model,
    Order,
    OrderType,
    Quote,
    Session,
    SessionChange,
    Side,
    TimeInForce,
    Trade,
)
from tests.matching.engine.tapes import Cancel, Item, Place, Replace, Step, Tick

SECOND = 10**9
PRICES = (7, 8, 9, 10, 11)
SYMBOLS = ("A", "B")

prices = st.sampled_from(PRICES)
sizes = st.integers(0, 6)
symbols = st.sampled_from(("A", "A", "A", "A", "A", "B"))
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
order_types = (*[OrderType.LIMIT] * 5, OrderType.MARKET)


@st.composite
def terms(draw: st.DrawFn) -> dict[str, Any]:
    """Return the terms of an order, without its identity."""
    order_type = draw(st.sampled_from(order_types))
    is_limit = order_type is OrderType.LIMIT
    tif = draw(
        st.sampled_from((*[TimeInForce.DAY] * 4, *[TimeInForce.GTC] * 4, TimeInForce.IOC, TimeInForce.FOK))
    )
    side = draw(st.sampled_from(tuple(Side)))
    passive = (7, 8, 8, 9) if side is Side.BUY else (9, 10, 10, 11)
    may_extend = is_limit and tif in (TimeInForce.DAY, TimeInForce.GTC)
    is_notional = draw(st.sampled_from((False, False, False, True)))
    return {
        "account": draw(st.sampled_from(("ann", "ann", "bob"))),
        "symbol": draw(symbols),
        "side": side,
        "order_type": order_type,
        "time_in_force": tif,
        "quantity": None if is_notional else draw(st.integers(1, 9)),
        "notional": draw(st.integers(1, 80)) if is_notional else None,
        "limit_price": draw(st.sampled_from((*passive, *PRICES))) if is_limit else None,
        "collar": None if is_limit else draw(st.sampled_from((None, *PRICES))),
        "quantity_max": draw(st.sampled_from((None, 1, 3, 5))) if is_notional else None,
        "extended_hours": may_extend and draw(st.booleans()),
        "age": draw(st.sampled_from((None, 10 * SECOND))),
        "model": draw(st.sampled_from((*[Model.DISPLAYED] * 5, Model.INSTANT))),
    }


# How a successor differs: the same terms with another quantity or limit, most of the time.
changes = st.one_of(
    st.fixed_dictionaries({"quantity": st.integers(1, 9)}),
    st.fixed_dictionaries({"limit_price": prices}),
    st.fixed_dictionaries({"quantity": st.just(1), "time_in_force": st.sampled_from(("ioc",))}),
)
targets = st.integers(0, 5)  # which of the last orders

KINDS = {
    "quote": (12, st.tuples(symbols, quotes)),
    "trade": (9, st.tuples(symbols, trades)),
    "place": (9, st.tuples(terms())),
    "replace": (3, st.tuples(targets, changes)),
    "cancel": (1, st.tuples(targets)),
    "session": (1, st.tuples(day_parts)),
    "tick": (1, st.tuples()),
}
# One long weighted list, for `one_of` would offer each alternative just as often.
kinds = st.sampled_from([kind for kind, (weight, _) in KINDS.items() for _ in range(weight)])
steps = kinds.flatmap(lambda kind: KINDS[kind][1].map(lambda values: (kind, *values)))


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

    def quote(self, symbol: str, sides: tuple[tuple[int, int], tuple[int, int]]) -> None:
        (bid, bid_size), (ask, ask_size) = sides
        shown = {"bid": bid, "bid_size": bid_size, "ask": ask, "ask_size": ask_size}
        self.script.append(Item(symbol, Quote(**self._next(), **shown)))

    def trade(self, symbol: str, trade: tuple[int, int, bool]) -> None:
        price, size, eligible = trade
        what = Trade(**self._next(), price=price, size=size, eligible=eligible)
        self.script.append(Item(symbol, what))

    def session(self, session: Session) -> None:
        self.script.append(SessionChange(**self._next(), session=session))

    def tick(self) -> None:
        self.script.append(Tick(self.at))

    def place(self, terms: dict[str, Any]) -> None:
        self.script.append(Place(self._order(terms)))

    def cancel(self, target: int) -> None:
        if self.placed:
            self.script.append(Cancel(self._target(target).order_id))

    def replace(self, target: int, change: dict[str, Any]) -> None:
        if not self.placed:
            return
        old = self._target(target)
        terms = {name: getattr(old, name) for name in _TERMS} | {"age": None}
        for name, value in change.items():
            if terms[name] is not None:
                terms[name] = value
        if terms["time_in_force"] == "ioc":
            terms["time_in_force"], terms["extended_hours"] = TimeInForce.IOC, False
        self.script.append(Replace(old.order_id, self._order(terms)))

    def _target(self, target: int) -> Order:
        return self.placed[-1 - target % len(self.placed)]

    def _order(self, terms: dict[str, Any]) -> Order:
        self.number += 1
        terms = dict(terms)
        age = terms.pop("age")
        order = Order(
            order_id=f"o{self.number}",
            priority=(self.seq, self.number),
            expires_at=None if age is None else self.at + age,
            **terms,
        )
        self.placed.append(order)
        return order


_TERMS = (
    "account",
    "symbol",
    "side",
    "order_type",
    "time_in_force",
    "quantity",
    "notional",
    "limit_price",
    "collar",
    "quantity_max",
    "extended_hours",
    "model",
)


@st.composite
def scripts(draw: st.DrawFn) -> list[Step]:
    """Return a market and its owners' commands as steps with sequences, times and ids."""
    writer = Writer()
    opening = draw(st.sampled_from((*[Session.REGULAR] * 4, Session.PRE, None)))
    if opening is not None:
        writer.write(0, ("session", opening))
    length = draw(st.sampled_from((60, 60, 30, 10)))
    moves = st.lists(st.tuples(pauses, steps), min_size=length // 2, max_size=length)
    for pause, step in draw(moves):
        # A late command is stamped with what the market has seen, so time shows first.
        is_late = pause and step[0] in ("place", "cancel", "replace")
        if is_late:
            writer.write(pause, ("tick",))
        writer.write(0 if is_late else pause, step)
    return writer.script
