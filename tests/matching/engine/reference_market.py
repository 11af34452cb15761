"""The reference engine's market: quotes, prints, stops, auctions and halts, each by a look at every order."""

from __future__ import annotations

from matching.engine.types import (
    TAKING,
    Account,
    Auction,
    Decision,
    Event,
    Halt,
    Model,
    OrderType,
    Quote,
    Rule,
    Side,
    TimeInForce,
    Trade,
)
from tests.matching.engine.reference_floor import ReferenceFloor
from tests.matching.engine.reference_order import IMMEDIATE, Open

SIDES = (Side.BUY, Side.SELL)


class ReferenceMarket(ReferenceFloor):
    def begin(self, one: Open, rule: Rule) -> None:
        if not one.may_begin(self.session):
            self.say(one, Event.ACCEPTED, Rule.SESSION)
        elif one.due_at > self.at:
            one.on_its_way = True
            self.say(one, Event.ACCEPTED, Rule.LATENCY)
        else:
            self.open(one, rule)

    def open(self, one: Open, rule: Rule) -> None:
        one.active = True
        if not self.is_held(one):
            self.say(one, Event.NEW, rule)
        self.arrive(one)

    def end_latency(self, symbol: str) -> None:
        ready = [o for o in self.orders if o.on_its_way and o.order.symbol == symbol and o.due_at <= self.at]
        for one in sorted(ready, key=lambda o: (o.due_at, o.rank)):
            one.on_its_way = False
            self.open(one, Rule.LATENCY)
            one.came = -1

    def arrive(self, one: Open) -> None:
        one.came = self.seq
        if one.waits_for_stop or one.is_auction:
            return
        one.queue = None if one.limit is None else TAKING
        self.meet_again(one)
        if one.order.time_in_force in IMMEDIATE and not one.bars and one in self.orders:
            self.finish(one, Event.CANCELED, Rule.IMMEDIATE)

    def meet_again(self, one: Open) -> None:
        """Let a taker meet what stands."""
        if one.waits_for_stop or one.is_auction or not one.is_taker:
            return
        if one.bars:
            if self.print is not None:
                self.meet_print_of_bar(one, self.print)
        else:
            self.meet_quote(one)

    # -- halts and auctions

    def on_halt(self, symbol: str, halt: Halt) -> None:
        if not halt.is_over:
            self.halted.add(symbol)
        elif symbol in self.halted:
            self.halted.discard(symbol)
            quote = self.quotes.get(symbol)
            if quote is not None and not self.is_crossed(quote) and not self.is_stale(quote):
                self.serve_quote(symbol, quote)

    def on_auction(self, symbol: str, auction: Auction) -> None:
        if symbol in self.halted:
            return
        wanted = TimeInForce.OPG if auction.is_opening else TimeInForce.CLS
        used: dict[Account, int] = {}
        for side in SIDES:
            mine = [
                o for o in self.trading(symbol) if o.order.side is side and o.order.time_in_force is wanted
            ]
            market = [o for o in mine if o.limit is None]
            for one in market + self.best_first([o for o in mine if o.limit is not None]):
                if one.accepts(auction.price):
                    account = self.account(one.order)
                    wants = one.wants(auction.price)
                    left = max(0, auction.size - used.get(account, 0))
                    gets = wants if one.order.model is Model.INSTANT else min(wants, left)
                    gets = self.fill(one, gets, auction.price, Rule.AUCTION, None, auction.size)
                    used[account] = used.get(account, 0) + gets
                if one in self.orders:
                    self.finish(one, Event.EXPIRED, Rule.AUCTION)

    # -- quotes

    def on_quote(self, symbol: str, quote: Quote) -> None:
        last = self.quotes.get(symbol)
        if last is None or (last.ask, last.ask_size) != (quote.ask, quote.ask_size):
            self.new_offer(symbol, Side.BUY)
        if last is None or (last.bid, last.bid_size) != (quote.bid, quote.bid_size):
            self.new_offer(symbol, Side.SELL)
        self.quotes[symbol] = quote

        if symbol not in self.halted and not self.is_crossed(quote):
            self.serve_quote(symbol, quote)

    def serve_quote(self, symbol: str, quote: Quote) -> None:
        for side in SIDES:
            mine = [
                o for o in self.plain(symbol) if o.order.side is side and not o.bars and o.came != self.seq
            ]
            for one in [o for o in mine if o.is_taker]:
                if one in self.orders:
                    self.meet_quote(one)
            resting = [o for o in mine if o in self.orders and not o.is_taker]
            for one in self.best_first(resting):
                if one in self.orders:
                    self.meet_quote(one)
        for one in self.plain(symbol):
            if not one.is_taker and one.has_queue:
                one.queue = self.queue_after(one, quote)
        if symbol in self.without_prints:
            self.trigger(symbol, {Side.BUY: quote.ask, Side.SELL: quote.bid}, is_print=False)

    def new_offer(self, symbol: str, side: Side) -> None:
        self.offers[symbol, side] = self.seq
        for key in [k for k in self.taken if k[1:] == (symbol, side)]:
            del self.taken[key]

    def meet_quote(self, one: Open) -> None:
        """Let one order in the market meet the quote that stands."""
        order = one.order
        may_rest = order.time_in_force not in IMMEDIATE
        quote = self.quotes.get(order.symbol)
        if order.symbol in self.halted or quote is None or self.is_crossed(quote) or self.is_stale(quote):
            return
        touch, size = (quote.ask, quote.ask_size) if one.buys else (quote.bid, quote.bid_size)
        if touch == 0:
            return
        if not one.accepts(touch):
            if one.is_taker and may_rest and one.limit is not None:
                one.queue = None
                if one.has_queue:
                    one.queue = self.queue_after(one, quote)
            return

        price = one.slipped(touch) if one.is_taker else one.limit
        assert price is not None
        key = (self.account(order), order.symbol, order.side)
        left = max(0, size - self.taken.get(key, 0))
        wants = one.wants(price)
        gets = wants if order.model is Model.INSTANT else min(wants, left)
        if order.time_in_force is TimeInForce.FOK and gets < wants:
            return
        rule = Rule.TAKE if one.is_taker else Rule.THROUGH
        self.fill(one, gets, price, rule, self.offers[order.symbol, order.side], size)

    def queue_after(self, one: Open, quote: Quote) -> int | None:
        touch, size = (quote.bid, quote.bid_size) if one.buys else (quote.ask, quote.ask_size)
        assert one.limit is not None
        if touch == one.limit:
            return size if one.queue in (None, TAKING) else min(one.queue, size)
        is_behind = touch != 0 and (touch > one.limit if one.buys else touch < one.limit)
        return one.queue if is_behind else 0

    # -- prints

    def on_trade(self, symbol: str, trade: Trade) -> None:  # noqa: C901 - a list of rules
        self.print, self.used = trade, {}
        for side in SIDES:
            mine = [o for o in self.plain(symbol) if o.order.side is side and not o.bars]
            for one in self.best_first([o for o in mine if not o.is_taker and o.came != self.seq]):
                if one in self.orders and one.accepts(trade.price):
                    self.meet_print(one, trade)
        for side in SIDES:
            mine = [o for o in self.plain(symbol) if o.order.side is side and o.bars and o.came != self.seq]
            for one in [o for o in mine if o.is_taker]:
                if one in self.orders:
                    self.meet_print_of_bar(one, trade)
                if one in self.orders and one.order.time_in_force in IMMEDIATE:
                    self.finish(one, Event.CANCELED, Rule.IMMEDIATE)
            for one in self.best_first([o for o in mine if o in self.orders and not o.is_taker]):
                if one in self.orders:
                    self.meet_print_of_bar(one, trade)
        if not self.is_bad(symbol, trade.price):
            self.trigger(symbol, dict.fromkeys(SIDES, trade.price), is_print=True)
        self.print = None

    def meet_print(self, one: Open, trade: Trade) -> None:
        left = max(0, trade.size - self.used.get(self.account(one.order), 0))
        assert one.limit is not None
        wants = one.wants(one.limit)
        if trade.price != one.limit:
            gets = wants if one.order.model is Model.INSTANT else min(wants, left)
            self.fill(one, gets, one.limit, Rule.THROUGH, None, trade.size)
        elif one.has_queue and one.queue is not None:
            ahead = one.queue
            gets = min(wants, max(0, left - ahead))
            one.queue = max(0, ahead - trade.size)
            self.fill(one, gets, one.limit, Rule.QUEUE, None, trade.size, ahead)

    def meet_print_of_bar(self, one: Open, trade: Trade) -> None:
        if one.order.symbol in self.halted:
            return
        if not one.accepts(trade.price):
            if one.is_taker and one.order.time_in_force not in IMMEDIATE:
                one.queue = None
            return
        price = one.slipped(trade.price) if one.is_taker else one.limit
        assert price is not None
        share = trade.size * one.order.profile.participation // 10_000
        wants = one.wants(price)
        gets = min(wants, max(0, share - self.used.get(self.account(one.order), 0)))
        if one.order.time_in_force is TimeInForce.FOK and gets < wants:
            return
        self.fill(one, gets, price, Rule.BAR, None, trade.size)

    # -- stops

    def is_bad(self, symbol: str, price: int) -> bool:
        quote = self.quotes.get(symbol)
        if quote is None or self.is_stale(quote) or quote.bid == 0 or quote.ask == 0:
            return False
        middle = (quote.bid + quote.ask) / 2
        return abs(price - middle) / middle > self.bad_print_band / 10_000

    def trigger(self, symbol: str, prices: dict[Side, int], *, is_print: bool) -> None:
        reached = []
        for side, price in prices.items():
            mine = [o for o in self.trading(symbol) if o.order.side is side and o.waits_for_stop and price]
            for one in [o for o in mine if o.order.order_type is OrderType.TRAILING_STOP]:
                best = min if one.buys else max
                one.watermark = price if one.watermark is None else best(one.watermark, price)
            reached += [o for o in mine if o.triggers_at(price)]
        for one in reached:
            if one in self.orders:
                self.become(one, prices[one.order.side], is_print=is_print)

    def become(self, one: Open, price: int, *, is_print: bool) -> None:
        was_held = self.is_held(one)
        trails = one.order.order_type is OrderType.TRAILING_STOP
        rule = Rule.TRAIL if trails else Rule.TRIGGER
        one.waits_for_stop = False
        quote = self.quotes.get(one.order.symbol)
        self.out.append(
            Decision(
                order_id=one.order.order_id,
                symbol=one.order.symbol,
                event=Event.TRIGGERED,
                rule=rule,
                seq=self.seq,
                at=self.at,
                price=price,
                leaves_quantity=one.leaves(),
                offer_seq=self.seq if is_print else self.offers[one.order.symbol, one.order.side],
                is_print=is_print,
                bid=quote.bid if quote else 0,
                bid_size=quote.bid_size if quote else 0,
                ask=quote.ask if quote else 0,
                ask_size=quote.ask_size if quote else 0,
                stop_price=one.stop,
                watermark=one.watermark,
                is_triggered=True,
            )
        )
        if was_held:
            self.say(one, Event.NEW, rule)
        self.arrive(one)
