"""The reference engine's common part: what it knows, what it says, fills and order classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import TYPE_CHECKING

from matching.engine.types import (
    SHARE,
    Account,
    Bar,
    Decision,
    Event,
    Order,
    Quote,
    Role,
    Rule,
    Session,
    Side,
    TimeInForce,
    Trade,
)

if TYPE_CHECKING:
    from tests.matching.engine.reference_order import Open

SIDES = (Side.BUY, Side.SELL)


class ReferenceFloor(ABC):
    def __init__(
        self,
        *,
        contention: bool = False,
        stale_after: int = 60 * 10**9,
        bad_print_band: int = 500,
        without_prints: tuple[str, ...] = (),
    ) -> None:
        self.contention = contention
        self.stale_after = stale_after
        self.bad_print_band = bad_print_band
        self.without_prints = without_prints
        self.seq = 0
        self.at = 0
        self.session = Session.CLOSED
        self.orders: list[Open] = []
        self.halted: set[str] = set()
        self.quotes: dict[str, Quote] = {}  # symbol -> the last quote
        self.offers: dict[tuple[str, Side], int] = {}  # (symbol, side of the taker) -> sequence of the offer
        # (account, symbol, side of the taker) -> quantity
        self.taken: dict[tuple[Account, str, Side], int] = {}
        self.print: Trade | None = None  # the print being worked, and what accounts took of it
        self.used: dict[Account, int] = {}
        self.bars: dict[str, Bar] = {}  # symbol -> the last bar
        self.out: list[Decision] = []

    @abstractmethod
    def begin(self, one: Open, rule: Rule) -> None: ...

    @abstractmethod
    def open(self, one: Open, rule: Rule) -> None: ...

    # -- order classes

    def members(self, one: Open) -> list[Open]:
        """Return the other open orders of its group, by priority."""
        if one.order.group is None:
            return []
        mine = [o for o in self.orders if o.order.group == one.order.group and o is not one]
        return sorted(mine, key=lambda o: o.rank)

    def is_dormant(self, one: Open) -> bool:
        return any(o.order.role is Role.ENTRY for o in self.members(one))

    def is_held(self, one: Open) -> bool:
        is_second = one.order.role is Role.STOP_LOSS and one.waits_for_stop
        return self.is_dormant(one) or (is_second and len(self.members(one)) > 0)

    def finish_in_group(self, one: Open, event: Event, rule: Rule, *, is_expiry: bool = False) -> None:
        """End an order that has not filled, and what hangs on it."""
        others = self.members(one)
        self.finish(one, event, rule)
        if one.order.role is Role.ENTRY:
            self.release(one, others)
        elif others and not is_expiry:
            entries = [o for o in others if o.order.role is Role.ENTRY]
            rule = Rule.PAIR
            if entries:
                rule = Rule.BRACKET if len(others) > 1 else Rule.ONE_EXIT
            for other in entries + [o for o in others if o not in entries]:
                self.finish(other, Event.CANCELED, rule)

    def release(self, entry: Open, exits: list[Open]) -> None:
        rule = Rule.BRACKET if len(exits) > 1 else Rule.ONE_EXIT
        for one in exits:
            self.take_off(one, entry.leaves() or 0, rule)
        for one in sorted(exits, key=lambda o: o.order.role is Role.STOP_LOSS):
            if one not in self.orders:
                continue
            if not self.is_held(one):
                self.begin(one, rule)
            elif all(o.active for o in self.members(one)):
                self.open(one, rule)

    def take_off(self, one: Open, quantity: int, rule: Rule) -> None:
        """Want less by a quantity."""
        if quantity == 0:
            return
        assert one.quantity is not None
        one.quantity -= quantity
        if one.leaves() == 0:
            self.finish(one, Event.CANCELED, rule)
        else:
            self.say(one, Event.RESTATED, rule)

    def follow_fill(self, one: Open, gets: int) -> None:
        others = self.members(one)
        if one.order.role is Role.ENTRY:
            if one not in self.orders:
                self.release(one, others)
            return
        for other in others:
            wins = one.order.role is Role.STOP_LOSS and self.item_could_fill(other)
            self.take_off(other, gets, Rule.STOP_WINS if wins else Rule.PAIR)

    def bar_of(self, symbol: str) -> Bar | None:
        """Return the bar whose prints are being worked."""
        bar = self.bars.get(symbol)
        return bar if bar is not None and bar.at == self.at and self.print is not None else None

    def loses_the_bar(self, one: Open) -> bool:
        """Whether the nearer extreme would fill one exit, and the farther will trigger the other's stop."""
        symbol = one.order.symbol
        bar = self.bar_of(symbol)
        if bar is None or self.print is None or self.print.price != bar.nearer:
            return False
        stops = [o for o in self.members(one) if o.order.role is Role.STOP_LOSS and o in self.trading(symbol)]
        return any(o.triggers_at(bar.farther) for o in stops) and not self.is_bad(symbol, bar.farther)

    @abstractmethod
    def is_bad(self, symbol: str, price: int) -> bool: ...

    def item_could_fill(self, one: Open) -> bool:
        in_market = one in self.trading(one.order.symbol) and not one.waits_for_stop
        if not in_market:
            return False
        if self.print is not None:
            bar = self.bar_of(one.order.symbol)
            extremes = [] if bar is None else [bar.nearer, bar.farther]
            return any(one.accepts(price) for price in [self.print.price, *extremes])
        quote = self.quotes.get(one.order.symbol)
        if one.bars or quote is None or self.is_crossed(quote) or self.is_stale(quote):
            return False
        touch = quote.ask if one.buys else quote.bid
        return touch != 0 and one.accepts(touch)

    # -- small things

    def account(self, order: Order) -> Account:
        return "all" if self.contention else order.account

    def trading(self, symbol: str) -> list[Open]:
        """Return the orders that are in the market, stops and auction orders included."""
        mine = [o for o in self.orders if o.order.symbol == symbol and o.active and o.may_trade(self.session)]
        return sorted(mine, key=lambda o: o.rank)

    def plain(self, symbol: str) -> list[Open]:
        """Return those that quotes and prints may fill."""
        return [o for o in self.trading(symbol) if not o.waits_for_stop and not o.is_auction]

    def dice(self, order: Order) -> Random:
        return Random(f"{order.profile.seed}/{order.order_id}/{self.seq}")

    def cut(self, order: Order, quantity: int) -> int:
        """Return what chance leaves of a fill."""
        rate = order.profile.partial_rate
        if order.time_in_force is TimeInForce.FOK or quantity < 2 or rate == 0:
            return quantity
        dice = self.dice(order)
        dice.randrange(10_000)
        if dice.randrange(10_000) >= rate:
            return quantity
        if quantity < 2 * SHARE:
            return dice.randrange(1, quantity)
        return dice.randrange(1, -(-quantity // SHARE)) * SHARE

    @staticmethod
    def best_first(orders: list[Open]) -> list[Open]:
        return sorted(orders, key=lambda o: (-(o.limit or 0) if o.buys else o.limit or 0, o.rank))

    def fill(
        self,
        one: Open,
        gets: int,
        price: int,
        rule: Rule,
        offer_seq: int | None,
        size: int,
        queue_before: int | None = None,
    ) -> int:
        if self.loses_the_bar(one):
            return 0
        wants, whole = one.wants(price), gets
        if wants == 0:
            self.finish(one, Event.CANCELED, Rule.NOTIONAL)
            return 0
        gets = self.cut(one.order, gets)
        if gets == 0:
            return 0
        account = self.account(one.order)
        if offer_seq is None:
            self.used[account] = self.used.get(account, 0) + gets
        else:
            key = (account, one.order.symbol, one.order.side)
            self.taken[key] = self.taken.get(key, 0) + gets
        one.filled += gets
        one.money += gets * price
        if gets == wants:
            self.orders.remove(one)
        quote = self.quotes.get(one.order.symbol)
        if offer_seq is None:
            shown = price if rule is Rule.AUCTION or self.print is None else self.print.price
        else:
            assert quote is not None
            shown = quote.ask if one.buys else quote.bid
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
                offer_price=shown,
                is_print=offer_seq is None,
                offered=size,
                bid=quote.bid if quote else 0,
                bid_size=quote.bid_size if quote else 0,
                ask=quote.ask if quote else 0,
                ask_size=quote.ask_size if quote else 0,
                queue_before=queue_before,
                commission=one.order.profile.commission * gets,
                is_cut=gets < whole,
            )
        )
        self.follow_fill(one, gets)
        return gets

    def finish(self, one: Open, event: Event, rule: Rule) -> None:
        self.orders.remove(one)
        self.say(one, event, rule)

    def say(self, one: Open, event: Event, rule: Rule) -> None:
        starts = event in (Event.NEW, Event.ACCEPTED, Event.HELD)
        ends = event in (Event.CANCELED, Event.EXPIRED, Event.REJECTED, Event.REPLACED)
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
                watermark=one.watermark if starts or ends else None,
                is_triggered=starts and one.order.is_triggered,
            )
        )

    def collect(self) -> list[Decision]:
        out, self.out = self.out, []
        return out

    @staticmethod
    def is_crossed(quote: Quote) -> bool:
        return quote.bid != 0 and quote.ask != 0 and quote.bid > quote.ask

    def is_stale(self, quote: Quote) -> bool:
        return self.session is Session.REGULAR and self.at - quote.at > self.stale_after
