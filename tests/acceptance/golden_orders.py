"""Seeded owners for a recorded tape: a few thousand wishes of every kind, near where the market stood.

What they wish depends on the tape and the seed alone, never on what the engine decides, so that every
way to play a tape is given the very same wishes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.engine.ticks import tick_of
from matching.engine.types import (
    DOLLAR,
    PLAIN,
    SHARE,
    Kind,
    Model,
    Order,
    OrderId,
    OrderType,
    Profile,
    Role,
    Side,
    TimeInForce,
)
from matching.market.batch import concatenate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.engine.types import Items
    from matching.market.calendar import Calendar
    from matching.market.tape import TapeFeed

MINUTE = 60 * 10**9
DAY = 24 * 60 * MINUTE
ACCOUNTS = ("ann", "bob", "cat", "dan", "eve")
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
LASTING = (TimeInForce.DAY, TimeInForce.GTC)
BRIEF = (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.OPG, TimeInForce.CLS)
MODELS: tuple[tuple[Model, Profile], ...] = (
    *[(Model.DISPLAYED, PLAIN)] * 4,
    (Model.DISPLAYED, Profile(slippage_bps=10, commission=50)),
    (Model.DISPLAYED, Profile(latency_ms=250, seed=3)),
    (Model.DISPLAYED, Profile(reject_rate=1_000, partial_rate=4_000, seed=5)),
    (Model.INSTANT, PLAIN),
    (Model.INSTANT, Profile(slippage_bps=3, partial_rate=2_000, seed=7)),
    (Model.BARS, Profile(participation=1_000)),
    (Model.BARS, Profile(participation=5_000, slippage_bps=5, latency_ms=1_500)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One command, stamped with the last row seen before it: a place, a cancel or a replace."""

    seq: int
    order: Order | None = None
    legs: tuple[Order, ...] = ()
    target: OrderId | None = None  # the order to cancel, or to replace by `order`


class Owners:
    """Draws wishes for one tape."""

    def __init__(self, feed: TapeFeed, calendar: Calendar, seed: int, *, until: int | None = None) -> None:
        """Draw by `seed`, up to the sequence `until`."""
        self._feed, self._calendar, self._random = feed, calendar, Random(seed)
        self._last_seq = until or feed.last_seq
        self._ends_at = self._at(self._last_seq)
        self._tracks = {symbol: _Track(items) for symbol, items in _items_of(feed).items()}
        self._placed: list[Order] = []
        self._number = 0

    def wishes(self, count: int) -> list[Wish]:
        """Return `count` wishes in their order, most of them where most happens."""
        stamps = sorted(self._stamp() for _ in range(count))
        found = [self._wish(seq) for seq in stamps]
        return [wish for wish in found if wish is not None]

    def _stamp(self) -> int:
        feed, random = self._feed, self._random
        kind, at = random.random(), random.randrange(feed.starts_at, self._ends_at)
        if kind < 0.05:  # about the cut-offs of the auctions
            turn = self._calendar.next_close(at) if kind < 0.03 else self._calendar.next_open(at)
            return min(feed.seq_at(turn - random.randrange(12 * MINUTE)), self._last_seq)
        if kind < 0.3:  # at any time, also when the market is quiet or closed
            return feed.seq_at(at)
        return random.randrange(1, self._last_seq + 1)

    def _wish(self, seq: int) -> Wish | None:
        kind = self._random.random()
        if self._placed and kind < 0.2:
            recent = self._placed[-150:]
            auctions = [order for order in recent if order.cut_off_at is not None]
            if auctions and kind < 0.02:  # which may be too late for them
                return Wish(seq=seq, target=self._random.choice(auctions).order_id)
            old = self._random.choice(recent)
            if kind < 0.07:
                return Wish(seq=seq, target=old.order_id)
            successor = self._successor(old, seq)
            self._placed.append(successor)
            return Wish(seq=seq, target=old.order_id, order=successor)
        symbol = self._random.choice(sorted(self._tracks))
        price = self._tracks[symbol].price_at(seq)
        if price is None:  # nobody has shown or traded anything yet
            return None
        members = self._class(symbol, price, seq) if kind > 0.8 else [self._lone(symbol, price, seq)]
        self._placed += members
        return Wish(seq=seq, order=members[0], legs=tuple(members[1:]))

    def _order(self, seq: int, **terms: Any) -> Order:
        self._number += 1
        return Order(order_id=f"o{self._number}", priority=(seq, self._number), **terms)

    def _lone(self, symbol: str, price: int, seq: int) -> Order:
        random = self._random
        order_type = random.choice(
            (*[OrderType.LIMIT] * 5, OrderType.MARKET, *STOPS, *[OrderType.TRAILING_STOP] * 2)
        )
        may_be_brief = order_type in (OrderType.LIMIT, OrderType.MARKET)
        tif = random.choice(LASTING * 2 + BRIEF if may_be_brief else LASTING)
        side = random.choice(tuple(Side))
        terms = self._common(symbol) | self._prices(order_type, side, price)
        terms |= {"side": side, "order_type": order_type, "time_in_force": tif}
        if may_be_brief and random.random() < 0.15:
            terms |= {"quantity": None, "notional": random.randrange(50, 90_000) * DOLLAR * SHARE}
        if order_type is OrderType.LIMIT and tif in LASTING:
            terms["extended_hours"] = random.random() < 0.4
        if order_type is OrderType.MARKET and tif not in BRIEF[2:] and random.random() < 0.3:
            terms["collar"] = _moved(price, 1 if side is Side.BUY else -1, random.randrange(1, 50))
        return self._order(seq, **terms | self._times(tif, seq))

    def _class(self, symbol: str, price: int, seq: int) -> list[Order]:
        random = self._random
        tif = random.choice(LASTING)
        side = random.choice(tuple(Side))  # of the exits
        sign = 1 if side is Side.SELL else -1  # the way in which the take-profit lies
        shared = (
            self._common(symbol) | self._times(tif, seq) | {"group": f"g{self._number}", "time_in_force": tif}
        )
        entry_type = random.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.MARKET, *STOPS))
        entry: dict[str, Any] = {
            "role": Role.ENTRY,
            "side": Side.SELL if side is Side.BUY else Side.BUY,
            "order_type": entry_type,
        }
        entry |= self._prices(entry_type, Side.SELL if side is Side.BUY else Side.BUY, price)
        target: dict[str, Any] = {
            "role": Role.TAKE_PROFIT,
            "side": side,
            "order_type": OrderType.LIMIT,
            "limit_price": _moved(price, sign, random.randrange(1, 30)),
        }
        stop_type = random.choice(STOPS)
        stop_price = _moved(price, -sign, random.randrange(1, 30))
        stop: dict[str, Any] = {
            "role": Role.STOP_LOSS,
            "side": side,
            "order_type": stop_type,
            "stop_price": stop_price,
        }
        if stop_type is OrderType.STOP_LIMIT:
            stop["limit_price"] = _moved(stop_price, -sign, random.randrange(10))
        shape: list[dict[str, Any]] = random.choice(
            ([entry, target, stop], [entry, target, stop], [entry, target], [entry, stop], [target, stop])
        )
        return [self._order(seq, **shared | member) for member in shape]

    def _common(self, symbol: str) -> dict[str, Any]:
        random = self._random
        model, profile = random.choice(MODELS)
        shares = random.choice((random.randrange(1, 50), 100, random.randrange(1, 30) * 100))
        fraction = random.randrange(SHARE) if random.random() < 0.1 else 0
        return {
            "account": random.choice(ACCOUNTS),
            "symbol": symbol,
            "quantity": shares * SHARE + fraction,
            "model": model,
            "profile": profile,
        }

    def _prices(self, order_type: OrderType, side: Side, price: int) -> dict[str, Any]:
        random, sign = self._random, 1 if side is Side.BUY else -1
        found: dict[str, Any] = {}
        if order_type is OrderType.TRAILING_STOP:
            if random.random() < 0.5:
                return {"trail_price": max(tick_of(price), price * random.randrange(1, 40) // 10_000)}
            return {"trail_percent": random.randrange(100, 10_000)}
        if order_type in STOPS:
            found["stop_price"] = _moved(price, sign, random.randrange(1, 30))
        if order_type is OrderType.STOP_LIMIT:
            found["limit_price"] = _moved(found["stop_price"], sign, random.randrange(-5, 15))
        if order_type is OrderType.LIMIT:
            found["limit_price"] = _moved(price, -sign, random.randrange(-4, 30))
        return found

    def _times(self, tif: TimeInForce, seq: int) -> dict[str, Any]:
        at = self._at(seq)
        if tif is TimeInForce.GTC:  # now and then one that ages out on the tape
            days = 90 if self._random.random() < 0.8 else self._random.randrange(3)
            return {"expires_at": at + days * DAY + MINUTE}
        if tif is TimeInForce.OPG:
            return {"cut_off_at": self._calendar.next_open(at) - 2 * MINUTE}
        if tif is TimeInForce.CLS:
            return {"cut_off_at": self._calendar.next_close(at) - 10 * MINUTE}
        return {}

    def _at(self, seq: int) -> int:
        return self._feed.next_at(seq - 1) or self._feed.ends_at

    def _successor(self, old: Order, seq: int) -> Order:
        """Return a successor that wants less, or at another price."""
        random = self._random
        change: dict[str, Any] = {}
        if old.quantity is not None and random.random() < 0.5:
            change["quantity"] = max(SHARE, old.quantity * random.randrange(1, 12) // 10)
        for name in ("limit_price", "stop_price"):
            if (price := getattr(old, name)) is not None and random.random() < 0.6:
                change[name] = _moved(price, random.choice((-1, 1)), random.randrange(12))
        if old.trail_price is not None:
            change["trail_price"] = old.trail_price * random.randrange(5, 20) // 10 + tick_of(old.trail_price)
        self._number += 1
        return replace(old, order_id=f"o{self._number}", priority=(seq, self._number), **change)


class _Track:
    """One symbol's prices: the middle of the quote that stands, else the last print."""

    def __init__(self, items: Items) -> None:
        self._seq = items.seq
        middle = np.where((items.bid > 0) & (items.ask > 0), (items.bid + items.ask) // 2, 0)
        known = np.where(middle > 0, middle, np.where(items.kind == Kind.TRADE, items.price, 0))
        places = np.maximum.accumulate(np.where(known > 0, np.arange(len(known)), -1))
        self._price = np.where(places >= 0, known[places], 0)

    def price_at(self, seq: int) -> int | None:
        place = int(self._seq.searchsorted(seq, side="right")) - 1
        price = int(self._price[place]) if place >= 0 else 0
        return price - price % tick_of(price) if price else None


def _moved(price: int, sign: int, bps: int) -> int:
    """Return a price moved by some 1/10,000, on the tick, and at least one tick."""
    tick = tick_of(price)
    moved = price + sign * max(tick, price * abs(bps) // 10_000) * (1 if bps >= 0 else -1)
    return max(tick, moved - moved % tick)


def _items_of(feed: TapeFeed) -> dict[str, Items]:
    pieces: dict[str, list[Items]] = {}
    seq = 0
    while (chunk := feed.read(seq, feed.ends_at, feed.last_seq)) is not None:
        seq = chunk.seq
        for symbol, items in chunk.items.items():
            pieces.setdefault(symbol, []).append(items)
    return {symbol: concatenate(parts) for symbol, parts in pieces.items()}


def of_symbols(wishes: Sequence[Wish], symbols: Sequence[str]) -> list[Wish]:
    """Return the wishes that belong to some symbols, cancels by the order that they name."""
    owned: set[OrderId] = set()
    found = []
    for wish in wishes:
        order = wish.order
        if order is not None and order.symbol in symbols:
            owned |= {order.order_id, *(leg.order_id for leg in wish.legs)}
            found.append(wish)
        elif order is None and wish.target in owned:
            found.append(wish)
    return found
