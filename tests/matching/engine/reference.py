"""The engine again, slow and obvious: one list of orders, looked through at every item.

Written from matching/decisions, not from the engine: no books, no levels, no thresholds, no columns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from matching.engine.types import (
    TAKING,
    Account,
    Chunk,
    Decision,
    Event,
    Model,
    Order,
    OrderId,
    OrderType,
    Quote,
    Rule,
    Session,
    SessionChange,
    Side,
    TimeInForce,
    Trade,
)
from tests.matching.engine.tapes import items_of


@dataclass(eq=False)
class Open:
    """One open order."""

    order: Order
    filled: int = 0
    money: int = 0
    active: bool = False
    queue: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        return self.order.queue_priority or self.order.priority

    @property
    def buys(self) -> bool:
        return self.order.side is Side.BUY

    @property
    def limit(self) -> int:
        assert self.order.limit_price is not None
        return self.order.limit_price

    @property
    def is_taker(self) -> bool:
        return self.order.order_type is OrderType.MARKET or self.queue == TAKING

    @property
    def has_queue(self) -> bool:
        return self.order.model is Model.DISPLAYED

    def leaves(self) -> int | None:
        return None if self.order.quantity is None else self.order.quantity - self.filled

    def wants(self, price: int) -> int:
        if self.order.quantity is not None:
            return self.order.quantity - self.filled
        assert self.order.notional is not None
        affordable = (self.order.notional - self.money) // price
        if self.order.quantity_max is not None:
            return min(affordable, self.order.quantity_max - self.filled)
        return affordable

    def may_trade(self, session: Session) -> bool:
        if session is Session.CLOSED:
            return False
        return session is Session.REGULAR or self.order.extended_hours

    def accepts(self, price: int) -> bool:
        worst = self.order.collar if self.order.order_type is OrderType.MARKET else self.order.limit_price
        if worst is None:
            return True
        return price <= worst if self.buys else price >= worst


class ReferenceEngine:
    def __init__(self, *, contention: bool = False, stale_after: int = 60 * 10**9) -> None:
        self.contention = contention
        self.stale_after = stale_after
        self.seq = 0
        self.at = 0
        self.session = Session.CLOSED
        self.orders: list[Open] = []
        self.quotes: dict[str, Quote] = {}  # symbol -> the last quote
        self.offers: dict[tuple[str, Side], int] = {}  # (symbol, side of the taker) -> sequence of the offer
        self.taken: dict[
            tuple[Account, str, Side], int
        ] = {}  # (account, symbol, side of the taker) -> quantity
        self.out: list[Decision] = []

    # -- what the engine does

    def advance(self, chunk: Chunk) -> list[Decision]:
        if chunk.session is not None:
            self.seq, self.at = chunk.session.seq, chunk.session.at
            self.on_session(chunk.session)
        everything = [(item, symbol) for symbol, items in chunk.items.items() for item in items_of(items)]
        for item, symbol in sorted(everything, key=lambda pair: pair[0].seq):
            self.seq, self.at = item.seq, item.at
            if isinstance(item, Quote):
                self.on_quote(symbol, item)
            elif item.eligible:
                self.on_trade(symbol, item)
        self.seq, self.at = chunk.seq, chunk.at
        return self.collect()

    def place(self, order: Order) -> list[Decision]:
        self.begin(Open(order))
        return self.collect()

    def cancel(self, order_id: OrderId) -> list[Decision]:
        for one in [o for o in self.orders if o.order.order_id == order_id]:
            self.finish(one, Event.CANCELED, Rule.COMMAND)
        return self.collect()

    def replace(self, order_id: OrderId, successor: Order) -> list[Decision]:
        found = [o for o in self.orders if o.order.order_id == order_id]
        if not found:
            self.say(Open(successor), Event.REJECTED, Rule.COMMAND)
            return self.collect()
        (old,) = found
        new = Open(successor)
        keeps = (
            old.order.quantity is not None
            and successor.quantity is not None
            and successor.quantity <= (old.leaves() or 0)
            and successor.time_in_force in (TimeInForce.DAY, TimeInForce.GTC)
            and successor.order_type is old.order.order_type
            and successor.limit_price == old.order.limit_price
            and successor.model is old.order.model
            and successor.extended_hours == old.order.extended_hours
        )
        if keeps:
            new.order = replace(successor, queue_priority=old.rank)
        rests = keeps and old.active and old.may_trade(self.session) and not old.is_taker
        self.finish(old, Event.REPLACED, Rule.COMMAND)
        if rests:
            new.active = True
            new.queue = old.queue
            self.orders.append(new)
            self.say(new, Event.NEW, Rule.COMMAND)
        else:
            self.begin(new)
        return self.collect()

    # -- sessions

    def on_session(self, change: SessionChange) -> None:
        before, now = self.session, change.session
        self.session = now
        for one in sorted(self.orders, key=lambda o: o.rank):
            if one.active and self.is_day_over_for(one.order, before):
                self.finish(one, Event.EXPIRED, Rule.TIME_IN_FORCE)
            elif self.is_too_old(one.order):
                self.finish(one, Event.CANCELED, Rule.TIME_IN_FORCE)
        for one in sorted(self.orders, key=lambda o: o.rank):
            if one.may_trade(now):
                if one.active and one.may_trade(before):
                    if one.is_taker:
                        self.meet_quote(one)
                    continue
                if not one.active:
                    one.active = True
                    self.say(one, Event.NEW, Rule.SESSION)
                self.arrive(one)

    def is_day_over_for(self, order: Order, before: Session) -> bool:
        if order.time_in_force is not TimeInForce.DAY:
            return False
        if not order.extended_hours:
            return before is Session.REGULAR and self.session is not Session.REGULAR
        day = [Session.CLOSED, Session.PRE, Session.REGULAR, Session.POST]
        return self.session is Session.CLOSED or day.index(self.session) < day.index(before)

    def is_too_old(self, order: Order) -> bool:
        if order.time_in_force is not TimeInForce.GTC or order.expires_at is None:
            return False
        return order.expires_at <= self.at

    def begin(self, one: Open) -> None:
        self.orders.append(one)
        if not one.may_trade(self.session):
            self.say(one, Event.ACCEPTED, Rule.SESSION)
            return
        one.active = True
        self.say(one, Event.NEW, Rule.COMMAND)
        self.arrive(one)

    def arrive(self, one: Open) -> None:
        if one.order.order_type is OrderType.LIMIT:
            one.queue = TAKING
        if one.order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            self.meet_quote(one, may_rest=False)
            if one in self.orders:
                self.finish(one, Event.CANCELED, Rule.IMMEDIATE)
        else:
            self.meet_quote(one)

    # -- quotes

    def on_quote(self, symbol: str, quote: Quote) -> None:
        last = self.quotes.get(symbol)
        if last is None or (last.ask, last.ask_size) != (quote.ask, quote.ask_size):
            self.new_offer(symbol, Side.BUY)
        if last is None or (last.bid, last.bid_size) != (quote.bid, quote.bid_size):
            self.new_offer(symbol, Side.SELL)
        self.quotes[symbol] = quote

        for side in (Side.BUY, Side.SELL):
            mine = [o for o in self.trading(symbol) if o.order.side is side]
            for one in [o for o in mine if o.is_taker]:
                self.meet_quote(one)
            resting = [o for o in mine if o in self.orders and not o.is_taker]
            for one in self.best_first(resting):
                self.meet_quote(one)
        if not self.is_crossed(quote):
            for one in self.trading(symbol):
                if not one.is_taker and one.has_queue:
                    one.queue = self.queue_after(one, quote)

    def new_offer(self, symbol: str, side: Side) -> None:
        self.offers[symbol, side] = self.seq
        for key in [k for k in self.taken if k[1:] == (symbol, side)]:
            del self.taken[key]

    def meet_quote(self, one: Open, *, may_rest: bool = True) -> None:
        """Let one order in the market meet the quote that stands."""
        order = one.order
        quote = self.quotes.get(order.symbol)
        if quote is None or self.is_crossed(quote) or self.is_stale(quote):
            return
        touch, size = (quote.ask, quote.ask_size) if one.buys else (quote.bid, quote.bid_size)
        if touch == 0:
            return
        if not one.accepts(touch):
            if one.is_taker and may_rest and order.order_type is OrderType.LIMIT:
                one.queue = None
                if one.has_queue:
                    one.queue = self.queue_after(one, quote)
            return

        price = touch if one.is_taker else one.limit
        key = (self.account(order), order.symbol, order.side)
        left = max(0, size - self.taken.get(key, 0))
        wants = one.wants(price)
        gets = wants if order.model is Model.INSTANT else min(wants, left)
        if order.time_in_force is TimeInForce.FOK and gets < wants:
            return
        self.taken[key] = self.taken.get(key, 0) + gets
        rule = Rule.TAKE if one.is_taker else Rule.THROUGH
        self.fill(one, gets, price, rule, self.offers[order.symbol, order.side], size)

    def queue_after(self, one: Open, quote: Quote) -> int | None:
        touch, size = (quote.bid, quote.bid_size) if one.buys else (quote.ask, quote.ask_size)
        if touch == one.limit:
            return size if one.queue in (None, TAKING) else min(one.queue, size)
        is_behind = touch != 0 and (touch > one.limit if one.buys else touch < one.limit)
        return one.queue if is_behind else 0

    @staticmethod
    def is_crossed(quote: Quote) -> bool:
        return quote.bid != 0 and quote.ask != 0 and quote.bid > quote.ask

    def is_stale(self, quote: Quote) -> bool:
        return self.session is Session.REGULAR and self.at - quote.at > self.stale_after

    # -- prints

    def on_trade(self, symbol: str, trade: Trade) -> None:
        used: dict[Account, int] = {}
        for side in (Side.BUY, Side.SELL):
            resting = [o for o in self.trading(symbol) if o.order.side is side and not o.is_taker]
            for one in self.best_first(resting):
                if not one.accepts(trade.price):
                    continue
                account = self.account(one.order)
                left = max(0, trade.size - used.get(account, 0))
                wants = one.wants(one.limit)
                if trade.price != one.limit:
                    gets = wants if one.order.model is Model.INSTANT else min(wants, left)
                    self.fill(one, gets, one.limit, Rule.THROUGH, None, trade.size)
                elif one.has_queue and one.queue is not None:
                    ahead = one.queue
                    gets = min(wants, max(0, left - ahead))
                    one.queue = max(0, ahead - trade.size)
                    self.fill(one, gets, one.limit, Rule.QUEUE, None, trade.size, ahead)
                else:
                    continue
                used[account] = used.get(account, 0) + gets

    # -- small things

    def account(self, order: Order) -> Account:
        return "all" if self.contention else order.account

    def trading(self, symbol: str) -> list[Open]:
        mine = [o for o in self.orders if o.order.symbol == symbol and o.active and o.may_trade(self.session)]
        return sorted(mine, key=lambda o: o.rank)

    @staticmethod
    def best_first(orders: list[Open]) -> list[Open]:
        return sorted(orders, key=lambda o: (-o.limit if o.buys else o.limit, o.rank))

    def fill(
        self,
        one: Open,
        gets: int,
        price: int,
        rule: Rule,
        offer_seq: int | None,
        size: int,
        queue_before: int | None = None,
    ) -> None:
        wants = one.wants(price)
        if wants == 0:
            self.finish(one, Event.CANCELED, Rule.NOTIONAL)
            return
        if gets == 0:
            return
        one.filled += gets
        one.money += gets * price
        if gets == wants:
            self.orders.remove(one)
        quote = self.quotes.get(one.order.symbol)
        self.out.append(
            Decision(
                order_id=one.order.order_id,
                symbol=one.order.symbol,
                event=Event.FILL if gets == wants else Event.PARTIAL_FILL,
                rule=rule,
                seq=self.seq,
                at=self.at,
                quantity=gets,
                price=price,
                leaves_quantity=one.leaves(),
                offer_seq=self.seq if offer_seq is None else offer_seq,
                is_print=offer_seq is None,
                offered=size,
                bid=quote.bid if quote else 0,
                bid_size=quote.bid_size if quote else 0,
                ask=quote.ask if quote else 0,
                ask_size=quote.ask_size if quote else 0,
                queue_before=queue_before,
            )
        )

    def finish(self, one: Open, event: Event, rule: Rule) -> None:
        self.orders.remove(one)
        self.say(one, event, rule)

    def say(self, one: Open, event: Event, rule: Rule) -> None:
        starts = event in (Event.NEW, Event.ACCEPTED)
        self.out.append(
            Decision(
                order_id=one.order.order_id,
                symbol=one.order.symbol,
                event=event,
                rule=rule,
                seq=self.seq,
                at=self.at,
                leaves_quantity=one.leaves(),
                queue_priority=one.order.queue_priority if starts else None,
            )
        )

    def collect(self) -> list[Decision]:
        out, self.out = self.out, []
        return out
