"""What must happen to the script's orders, worked out from the raw tape the slow and obvious way.

One list of orders, looked through at every row. Written from the fill model's rules (L1 to L5, R1
to R4, S1, S2, N2) for one account and one symbol; it shares nothing with the product.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from tests.acceptance.rawtape import SYMBOL, Print, Quote, read
from tests.acceptance.script import (
    DAY,
    Action,
    Cancel,
    CancelAll,
    Near,
    Place,
    Replace,
    Step,
    ms_of,
    play,
)

OPENS, CLOSES, DAY_ENDS = ms_of("09:30:00"), ms_of("16:00:00"), ms_of("20:00:00")
STALE_AFTER_MS = 60_000
NOBODY = Decimal(0)


class Told(NamedTuple):
    """One event of one order; `ms` since midnight in New York, fill figures only for fills."""

    label: str
    event: str
    ms: int
    price: Decimal | None = None
    quantity: Decimal | None = None


class Fill(NamedTuple):
    """One execution as text, for a fill list that can be hashed."""

    label: str
    symbol: str
    side: str
    price: str
    quantity: str
    ms: int

    @classmethod
    def of(cls, told: Told, symbol: str, side: str) -> Fill:
        assert told.price is not None
        assert told.quantity is not None
        return cls(told.label, symbol, side, f"{told.price:.4f}", f"{told.quantity:.9f}", told.ms)


def fingerprint(fills: list[Fill]) -> str:
    """Return the hash of a fill list."""
    return hashlib.sha256(json.dumps(fills).encode()).hexdigest()


@dataclass(eq=False)
class Expected:
    """An order and how far it has come."""

    place: Place
    filled: Decimal = NOBODY
    money: Decimal = NOBODY
    is_working: bool = False  # it has met a session it may trade in
    has_rested: bool = False
    queue: Decimal | None = None  # shares ahead of it at its price; None while that is unknown
    status: str = ""
    fills: list[Told] = field(default_factory=list)

    @property
    def is_buy(self) -> bool:
        return self.place.side == "buy"

    @property
    def limit(self) -> Decimal:
        assert isinstance(self.place.limit, Decimal)
        return self.place.limit

    def wants(self, price: Decimal) -> Decimal:
        if self.place.notional is not None:
            return ((self.place.notional - self.money) / price).quantize(Decimal("1e-9"), rounding=ROUND_DOWN)
        assert self.place.quantity is not None
        return self.place.quantity - self.filled

    def reaches(self, price: Decimal) -> bool:
        """Whether the order would trade at this price."""
        if self.place.limit is None:
            return True
        return self.limit >= price if self.is_buy else self.limit <= price


@dataclass
class Side:
    """One displayed side, and what the account has taken of it since it last changed."""

    price: Decimal = NOBODY
    size: Decimal = NOBODY
    taken: Decimal = NOBODY

    def show(self, price: Decimal, size: Decimal) -> None:
        if price and (price, size) != (self.price, self.size):  # L1: a change offers anew
            self.price, self.size, self.taken = price, size, NOBODY


class Expectation:
    """Plays a script against the raw tape. `told` is every event in order, `orders` by label."""

    def __init__(self) -> None:
        self._tape = iter(read())
        self._next = next(self._tape, None)
        self._sessions = [(OPENS, "regular"), (CLOSES, "post"), (DAY_ENDS, "closed")]
        self.session = "pre"
        self.now = 0
        self.quoted_at = 0
        self.bid, self.ask = Side(), Side()
        self.orders: dict[str, Expected] = {}  # in order of acceptance
        self.told: list[Told] = []
        self.asked: list[Action] = []  # what was done, with its prices
        self.successors: dict[str, str] = {}

    @property
    def fills(self) -> list[Fill]:
        """Every execution, in order."""
        return [
            Fill.of(told, SYMBOL, self.orders[told.label].place.side)
            for told in self.told
            if told.price is not None
        ]

    # The market moves

    def advance(self, ms: int) -> None:
        """Read the tape up to an instant, this included; session changes come before rows."""
        while True:
            session_at = self._sessions[0][0] if self._sessions else ms + 1
            row_at = ms + 1 if self._next is None else self._next.ms
            if min(session_at, row_at) > ms:
                break
            self.now = min(session_at, row_at)
            if session_at <= row_at or self._next is None:
                self._change_session(self._sessions.pop(0)[1])
            else:
                row, self._next = self._next, next(self._tape, None)
                self._quote(row) if isinstance(row, Quote) else self._print(row)
        self.now = ms

    def _change_session(self, session: str) -> None:
        before, self.session = self.session, session
        for one in self._open():  # S1
            ends = session == ("closed" if one.place.extended_hours else "post")
            if one.is_working and one.place.time_in_force == "day" and ends:
                self._tell(one, "expired")
        for one in self._open():  # S2
            if self._may_trade(one, session) and not self._may_trade(one, before):
                self._begin(one)
            elif self._may_trade(one, session):
                self._meet(one)

    def _quote(self, row: Quote) -> None:
        self.bid.show(row.bid, row.bid_size)
        self.ask.show(row.ask, row.ask_size)
        self.quoted_at = self.now
        if self._is_crossed():  # L4
            return
        for is_buy in (True, False):
            for one in self._in_market(is_buy):
                if not one.has_rested:
                    self._meet(one)
            offer = self.ask if is_buy else self.bid
            for one in self._by_price(is_buy):
                if one.reaches(offer.price) and offer.price:  # R2, at its own limit: R1
                    self._take(one, offer, one.limit)
        for one in self._in_market():
            self._follow(one)

    def _print(self, row: Print) -> None:
        taken = NOBODY
        for is_buy in (True, False):
            for one in self._by_price(is_buy):
                if not one.reaches(row.price):
                    continue
                if one.limit != row.price:  # R2: it went through
                    quantity = min(one.wants(one.limit), row.size - taken)
                elif one.queue is None:
                    continue
                else:  # R3: first those who stand ahead
                    quantity = min(one.wants(one.limit), max(NOBODY, row.size - taken - one.queue))
                    one.queue = max(NOBODY, one.queue - row.size)
                taken += quantity
                self._fill(one, one.limit, quantity)

    # The owner asks

    def act(self, action: Action) -> None:
        """Do one thing of the script at the present instant."""
        if isinstance(action, Place | Replace) and isinstance(action.limit, Near):
            side = self.bid if action.limit.side == "bid" else self.ask
            action = replace(action, limit=side.price + Decimal(action.limit.cents) / 100)
        self.asked.append(action)
        match action:
            case Place():
                self._accept(Expected(action))
            case Cancel(label):
                self._cancel(self.orders[label])
            case CancelAll():
                going = self._open()
                for one in going:
                    self._tell(one, "pending_cancel")
                for one in going:
                    self._tell(one, "canceled")
            case Replace():
                self._replace(action)

    def _accept(self, one: Expected) -> None:
        self.orders[one.place.label] = one
        if self._may_trade(one, self.session):
            self._begin(one)
        else:
            self._tell(one, "accepted")

    def _cancel(self, one: Expected) -> None:
        assert one in self._open(), f"the script cancels {one.place.label}, which is {one.status}"
        self._tell(one, "pending_cancel")
        self._tell(one, "canceled")

    def _replace(self, action: Replace) -> None:
        old = self.orders[action.old]
        assert old in self._open(), f"the script replaces {action.old}, which is {old.status}"
        assert old.place.quantity is not None
        total = old.place.quantity if action.quantity is None else action.quantity
        place = replace(
            old.place,
            label=action.label,
            quantity=total - old.filled,
            limit=old.limit if action.limit is None else action.limit,
        )
        keeps_place = place.limit == old.limit and total <= old.place.quantity  # R4
        self._tell(old, "pending_replace")
        self._tell(old, "replaced")
        self.successors[action.old] = action.label
        new = Expected(place)
        if keeps_place and old.has_rested:
            # It takes over the old one's turn, too.
            self.orders = {
                label: one
                for was, found in self.orders.items()
                for label, one in (
                    [(was, found)] if was != action.old else [(was, found), (action.label, new)]
                )
            }
            new.is_working, new.has_rested, new.queue = True, True, old.queue
            self._tell(new, "new")
        else:
            self._accept(new)

    # One order

    def _begin(self, one: Expected) -> None:
        if not one.is_working:
            one.is_working = True
            self._tell(one, "new")
        if one.place.time_in_force in {"ioc", "fok"}:
            self._meet(one)
            if one in self._open():
                self._tell(one, "canceled")
        else:
            one.has_rested, one.queue = False, None
            self._meet(one)

    def _meet(self, one: Expected) -> None:
        """Let an order that has not rested meet the standing quote: it takes, or comes to rest."""
        offer = self.ask if one.is_buy else self.bid
        is_stale = self.session == "regular" and self.now - self.quoted_at > STALE_AFTER_MS
        if one.has_rested or not offer.price or self._is_crossed() or is_stale:
            return
        if one.reaches(offer.price):
            left = offer.size - offer.taken
            if one.place.time_in_force != "fok" or one.wants(offer.price) <= left:
                self._take(one, offer, offer.price)
        elif one.place.time_in_force in {"day", "gtc"}:
            one.has_rested = True
            self._follow(one)

    def _take(self, one: Expected, offer: Side, price: Decimal) -> None:
        quantity = min(one.wants(price), offer.size - offer.taken)
        offer.taken += quantity
        self._fill(one, price, quantity)

    def _follow(self, one: Expected) -> None:
        """Let the queue ahead of a resting order follow its own side's touch (R3)."""
        own = self.bid if one.is_buy else self.ask
        if not one.has_rested:
            return
        if own.price and (own.price > one.limit if one.is_buy else own.price < one.limit):
            return  # behind the touch nothing new is known
        shown = own.size if own.price == one.limit else NOBODY
        one.queue = shown if one.queue is None else min(one.queue, shown)

    def _fill(self, one: Expected, price: Decimal, quantity: Decimal) -> None:
        if not quantity:
            return
        is_last = quantity == one.wants(price)
        one.filled += quantity
        one.money += quantity * price
        one.fills.append(self._tell(one, "fill" if is_last else "partial_fill", price, quantity))

    def _tell(
        self, one: Expected, event: str, price: Decimal | None = None, quantity: Decimal | None = None
    ) -> Told:
        one.status = {"fill": "filled", "partial_fill": "partially_filled"}.get(event, event)
        told = Told(one.place.label, event, self.now, price, quantity)
        self.told.append(told)
        return told

    # Who is where

    def _open(self) -> list[Expected]:
        ended = {"filled", "canceled", "expired", "replaced"}
        return [one for one in self.orders.values() if one.status not in ended]

    def _may_trade(self, one: Expected, session: str) -> bool:
        return session == "regular" or (session != "closed" and one.place.extended_hours)

    def _in_market(self, is_buy: bool | None = None) -> list[Expected]:
        return [
            one
            for one in self._open()
            if self._may_trade(one, self.session) and one.is_working and is_buy in {None, one.is_buy}
        ]

    def _by_price(self, is_buy: bool) -> list[Expected]:
        resting = [one for one in self._in_market(is_buy) if one.has_rested]
        return sorted(resting, key=lambda one: one.limit, reverse=is_buy)  # stable: then acceptance

    def _is_crossed(self) -> bool:
        return self.bid.price > self.ask.price > 0


def expected(steps: list[Step] = DAY) -> Expectation:
    """Return what a script leads to on the recorded day."""
    desk = Expectation()
    play(steps, desk)
    return desk
