"""The engine again, slow and obvious: one list of orders, looked through at every item.

Written from matching/decisions, not from the engine: no books, no levels, no thresholds, no columns.
"""

from __future__ import annotations

from dataclasses import replace

from matching.engine.types import (
    Auction,
    Bar,
    Chunk,
    Decision,
    Event,
    Halt,
    Order,
    OrderId,
    OrderType,
    Quote,
    Role,
    Rule,
    Session,
    SessionChange,
    Side,
    TimeInForce,
)
from tests.matching.engine.reference_market import ReferenceMarket
from tests.matching.engine.reference_order import IMMEDIATE, Open
from tests.matching.engine.tapes import items_of

SIDES = (Side.BUY, Side.SELL)


class ReferenceEngine(ReferenceMarket):
    # -- what the engine does

    def advance(self, chunk: Chunk) -> list[Decision]:
        if chunk.session is not None:
            self.seq, self.at = chunk.session.seq, chunk.session.at
            self.on_session(chunk.session)
        everything = [(item, symbol) for symbol, items in chunk.items.items() for item in items_of(items)]
        for item, symbol in sorted(everything, key=lambda pair: pair[0].seq):
            self.seq, self.at = item.seq, item.at
            self.end_latency(symbol)
            if isinstance(item, Quote):
                self.on_quote(symbol, item)
            elif isinstance(item, Auction):
                self.on_auction(symbol, item)
            elif isinstance(item, Halt):
                self.on_halt(symbol, item)
            elif isinstance(item, Bar):
                self.bars[symbol] = item
            elif item.eligible and symbol not in self.halted:
                self.on_trade(symbol, item)
        self.seq, self.at = chunk.seq, chunk.at
        return self.collect()

    def place(self, order: Order, legs: tuple[Order, ...] = ()) -> list[Decision]:
        one, *exits = [Open(member, accepted_at=self.at) for member in (order, *legs)]
        self.orders += [one, *exits]
        chance = order.profile.reject_rate
        if order.cut_off_at is not None and order.cut_off_at <= self.at:
            self.finish_in_group(one, Event.REJECTED, Rule.AUCTION)
        elif chance and self.dice(order).randrange(10_000) < chance:
            self.finish_in_group(one, Event.REJECTED, Rule.CHANCE)
        else:
            self.begin(one, Rule.COMMAND)
        if order.role is Role.TAKE_PROFIT and exits[0] in self.orders and one.active:
            self.open(exits[0], Rule.COMMAND)
        return self.collect()

    def cancel(self, order_id: OrderId) -> list[Decision]:
        for one in [o for o in self.orders if o.order.order_id == order_id]:
            if one.order.cut_off_at is not None and one.order.cut_off_at <= self.at:
                self.say(one, Event.CANCEL_REJECTED, Rule.AUCTION)
            else:
                self.finish_in_group(one, Event.CANCELED, Rule.COMMAND)
        return self.collect()

    def replace(self, order_id: OrderId, successor: Order) -> list[Decision]:
        found = [o for o in self.orders if o.order.order_id == order_id]
        if not found:
            self.say(Open(successor), Event.REJECTED, Rule.COMMAND)
            return self.collect()
        (old,) = found
        if any(o.cut_off_at is not None and o.cut_off_at <= self.at for o in (old.order, successor)):
            self.say(old, Event.REPLACE_REJECTED, Rule.AUCTION)
            self.say(Open(successor), Event.REJECTED, Rule.AUCTION)
            return self.collect()
        if old.order.group is not None:
            successor = replace(successor, quantity=old.leaves())
        keeps = (
            old.leaves() is not None
            and successor.quantity is not None
            and successor.quantity <= (old.leaves() or 0)
            and successor.time_in_force not in IMMEDIATE
            and all(
                getattr(successor, name) == getattr(old.order, name)
                for name in (
                    "order_type",
                    "limit_price",
                    "stop_price",
                    "trail_price",
                    "trail_percent",
                    "model",
                    "profile",
                    "extended_hours",
                )
            )
        )
        was_stop = old.order.order_type in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP)
        successor = replace(
            successor,
            queue_priority=old.rank if keeps else None,
            watermark=old.watermark,
            is_triggered=was_stop and not old.waits_for_stop,
        )
        new = Open(successor, accepted_at=self.at)
        rests = keeps and old.active and old.may_trade(self.session)
        rests = rests and not old.is_taker and not old.waits_for_stop and not old.is_auction
        was_held, was_dormant = self.is_held(old), self.is_dormant(old)
        self.finish(old, Event.REPLACED, Rule.COMMAND)
        self.orders.append(new)
        if was_held:
            self.say(new, Event.HELD, Rule.COMMAND)
            if not was_dormant and old.active:
                self.open(new, Rule.COMMAND)
        elif rests:
            new.active = True
            new.queue = old.queue
            self.say(new, Event.NEW, Rule.COMMAND)
        else:
            self.begin(new, Rule.COMMAND)
        return self.collect()

    # -- sessions

    def on_session(self, change: SessionChange) -> None:  # noqa: C901 - a list of rules
        before, now = self.session, change.session
        self.session = now
        for one in sorted(self.orders, key=lambda o: o.rank):
            if one not in self.orders:
                continue
            if one.active and self.is_over_for(one.order, before):
                rule = Rule.AUCTION if one.is_auction else Rule.TIME_IN_FORCE
                self.finish_in_group(one, Event.EXPIRED, rule, is_expiry=True)
            elif self.is_too_old(one.order):
                self.finish_in_group(one, Event.CANCELED, Rule.TIME_IN_FORCE)
        for one in sorted(self.orders, key=lambda o: o.rank):
            if one not in self.orders or self.is_dormant(one):
                continue
            one.on_its_way = False
            if one.active and one.may_trade(now):
                if one.may_trade(before):
                    self.meet_again(one)
                else:
                    self.arrive(one)
            elif not one.active and one.may_begin(now):
                if one.due_at > self.at:
                    one.on_its_way = True
                else:
                    self.open(one, Rule.SESSION)

    def is_over_for(self, order: Order, before: Session) -> bool:
        leaves_regular = before is Session.REGULAR and self.session is not Session.REGULAR
        if order.time_in_force is TimeInForce.CLS:
            return before is not Session.REGULAR
        if order.time_in_force is TimeInForce.OPG:
            return leaves_regular
        if order.time_in_force is not TimeInForce.DAY:
            return False
        if not order.extended_hours:
            return leaves_regular
        day = [Session.CLOSED, Session.PRE, Session.REGULAR, Session.POST]
        return self.session is Session.CLOSED or day.index(self.session) < day.index(before)

    def is_too_old(self, order: Order) -> bool:
        if order.time_in_force is not TimeInForce.GTC or order.expires_at is None:
            return False
        return order.expires_at <= self.at
