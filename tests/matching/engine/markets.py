"""A market that a test tells what to do in one line each. Prices in cents, quantities in shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from matching.engine.engine import Engine
from matching.engine.types import (
    CENT,
    SHARE,
    Auction,
    Bar,
    Chunk,
    Decision,
    Halt,
    Order,
    OrderType,
    Quote,
    Session,
    SessionChange,
    Side,
    TimeInForce,
    Trade,
)
from tests.matching.engine.tapes import Columns, Item, What

SECOND = 10**9
Short = tuple[object, ...]


class Market:
    """One engine and its tape; each call returns the decisions as short tuples.

    A fill is (event, order, rule, shares, cents); anything else is (event, order, rule).
    """

    def __init__(self, session: Session | None = Session.REGULAR, **options: Any) -> None:
        self.engine = Engine(**options)
        self._columns = Columns()
        self._number = 0
        self.decisions: list[Decision] = []
        if session is not None:
            self.enter(session)

    def enter(self, session: Session) -> list[Short]:
        change = SessionChange(seq=self.engine.seq + 1, at=self.engine.at, session=session)
        return self._advance(seq=change.seq, session=change)

    def quote(self, bid: int, bid_size: int, ask: int, ask_size: int, symbol: str = "IBM") -> list[Short]:
        """Show a quote one nanosecond later."""
        what = Quote(
            **self._moment(),
            bid=bid * CENT,
            bid_size=bid_size * SHARE,
            ask=ask * CENT,
            ask_size=ask_size * SHARE,
        )
        return self._item(symbol, what)

    def quotes_at_once(self, shown: list[tuple[str, int]]) -> list[Short]:
        """Show 999 x 1001 with each (symbol, size) in one chunk, a nanosecond apart."""
        seq, at, items = self.engine.seq, self.engine.at, []
        for symbol, size in shown:
            seq, at = seq + 1, at + 1
            sides = {"bid": 999 * CENT, "ask": 1001 * CENT}
            sizes = {"bid_size": size * SHARE, "ask_size": size * SHARE}
            items.append(Item(symbol, Quote(seq=seq, at=at, **sides, **sizes)))
        return self._advance(seq=seq, at=at, items=self._columns.of(items))

    def trades_at_once(self, prices: list[int]) -> list[Short]:
        """Print one share at each price in one chunk, a nanosecond apart."""
        seq, at, items = self.engine.seq, self.engine.at, []
        for price in prices:
            seq, at = seq + 1, at + 1
            items.append(Item("IBM", Trade(seq=seq, at=at, price=price * CENT, size=SHARE)))
        return self._advance(seq=seq, at=at, items=self._columns.of(items))

    def trade(self, price: int, size: int, symbol: str = "IBM", *, eligible: bool = True) -> list[Short]:
        """Print a trade one nanosecond later."""
        sizes = {"price": price * CENT, "size": size * SHARE}
        return self._item(symbol, Trade(**self._moment(), **sizes, eligible=eligible))

    def auction(self, price: int, size: int, *, is_opening: bool = True) -> list[Short]:
        """Print the official opening or closing price one nanosecond later."""
        sizes = {"price": price * CENT, "size": size * SHARE}
        return self._item("IBM", Auction(**self._moment(), **sizes, is_opening=is_opening))

    def bar(self, opened: int, high: int, low: int, closed: int, *, each: int) -> list[Short]:
        """Print a bar as a tape does (B1): four prints of `each` shares and, before its extremes, which they are."""
        seq, at = self.engine.seq, self.engine.at + 1
        ends = (high, low) if opened - low >= high - opened else (low, high)
        prints: list[What] = [
            Trade(seq=seq + place, at=at, price=price * CENT, size=each * SHARE)
            for place, price in ((1, opened), (3, ends[0]), (4, ends[1]), (5, closed))
        ]
        extremes = Bar(seq=seq + 2, at=at, nearer=ends[0] * CENT, farther=ends[1] * CENT)
        items = [Item("IBM", what) for what in (prints[0], extremes, *prints[1:])]
        return self._advance(seq=seq + 5, at=at, items=self._columns.of(items))

    def halt(self) -> list[Short]:
        return self._item("IBM", Halt(seq=self.engine.seq + 1, at=self.engine.at + 1))

    def resume(self) -> list[Short]:
        return self._item("IBM", Halt(seq=self.engine.seq + 1, at=self.engine.at + 1, is_over=True))

    def wait(self, seconds: float) -> list[Short]:
        return self._advance(seq=self.engine.seq, at=self.engine.at + round(seconds * SECOND))

    def place(
        self, order_id: str, side: str, quantity: float | None = None, limit: int | None = None, **terms: Any
    ) -> list[Short]:
        return self._tell(self.engine.place(self.order(order_id, side, quantity, limit, **terms)))

    def buy(
        self, order_id: str, quantity: float | None = None, limit: int | None = None, **terms: Any
    ) -> list[Short]:
        return self.place(order_id, Side.BUY, quantity, limit, **terms)

    def sell(
        self, order_id: str, quantity: float | None = None, limit: int | None = None, **terms: Any
    ) -> list[Short]:
        return self.place(order_id, Side.SELL, quantity, limit, **terms)

    def cancel(self, order_id: str) -> list[Short]:
        return self._tell(self.engine.cancel(order_id))

    def replace(
        self,
        old_id: str,
        order_id: str,
        side: str,
        quantity: float | None = None,
        limit: int | None = None,
        **terms: Any,
    ) -> list[Short]:
        successor = self.order(order_id, side, quantity, limit, **terms)
        return self._tell(self.engine.replace(old_id, successor))

    def order(
        self, order_id: str, side: str, quantity: float | None = None, limit: int | None = None, **terms: Any
    ) -> Order:
        """Return an order accepted now: day unless told, of the type that its prices make it.

        `stop`, `trail` are cents like `limit`, `percent` is a trail in percent.
        """
        self._number += 1
        stop, trail, percent = (terms.pop(name, None) for name in ("stop", "trail", "percent"))
        return Order(
            order_id=order_id,
            side=Side(side),
            quantity=None if quantity is None else round(quantity * SHARE),
            order_type=_type_of(limit, stop, trail or percent),
            limit_price=None if limit is None else limit * CENT,
            stop_price=None if stop is None else stop * CENT,
            trail_price=None if trail is None else trail * CENT,
            trail_percent=None if percent is None else round(percent * 10_000),
            priority=(self.engine.seq, self._number),
            **{"account": "ann", "symbol": "IBM", "time_in_force": TimeInForce.DAY} | terms,
        )

    def place_class(self, *members: Order) -> list[Short]:
        """Place orders as a bracket, oto or oco, by the roles that they have."""
        first, *legs = [replace(member, group="g") for member in members]
        return self._tell(self.engine.place(first, legs))

    def _moment(self) -> dict[str, int]:
        return {"seq": self.engine.seq + 1, "at": self.engine.at + 1}

    def _item(self, symbol: str, what: What) -> list[Short]:
        items = self._columns.of([Item(symbol, what)])
        return self._advance(seq=what.seq, at=what.at, items=items)

    def _advance(self, *, seq: int, at: int | None = None, **parts: Any) -> list[Short]:
        at = self.engine.at if at is None else at
        return self._tell(self.engine.advance(Chunk(seq=seq, at=at, **parts)))

    def _tell(self, decisions: list[Decision]) -> list[Short]:
        self.decisions += decisions
        return [_short(decision) for decision in decisions]


def _type_of(limit: int | None, stop: int | None, trail: float | None) -> OrderType:
    if trail is not None:
        return OrderType.TRAILING_STOP
    if stop is not None:
        return OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return OrderType.MARKET if limit is None else OrderType.LIMIT


def _short(decision: Decision) -> Short:
    head = (str(decision.event), decision.order_id, str(decision.rule))
    if not decision.quantity:
        return head
    return (*head, decision.quantity / SHARE, decision.price / CENT)
