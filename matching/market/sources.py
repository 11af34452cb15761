"""Where a hub's batches come from: a tape that follows its clock, or a market that goes on by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from matching.engine.types import Chunk, Kind, Session, SessionChange
from matching.market import clock, rows
from matching.market.alpaca import Update
from matching.market.batch import items_of
from matching.market.errors import FeedUnavailable
from matching.market.feeds import TapeConfig, tape_calendar
from matching.market.times import MICROSECOND, SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.market.alpaca import AlpacaStream
    from matching.market.calendar import Calendar
    from matching.market.publisher import Publisher
    from matching.market.synthetic import Step, SyntheticMarket
    from matching.market.waker import Waker

BEAT = 1.0  # seconds between two looks at the market's row, and two heartbeats
ITEMS_AT_ONCE = 2_000
_SHORTEST_WAIT = 0.02
_FULL_SPEED_WAIT = 0.1
_CHANGES_CAUGHT_UP = 8  # session changes of the time without a hub: two days of them


class Source(Protocol):
    """Publishes what is due; the hub calls it again when it is woken, and after the seconds returned."""

    def pump(self, market: rows.MarketState, wall_ns: int, /) -> float:
        """Publish up to now and return the seconds until there may be more."""
        ...

    def close(self) -> None:
        """Stop whatever runs beside the hub."""
        ...


class ReplaySource:
    """A tape, published as far as the market's clock has come, and again from the start in each run."""

    def __init__(self, publisher: Publisher, market: rows.MarketState, waker: Waker) -> None:
        config = TapeConfig.of(market.config)
        self._tape = config.open(tape_calendar(market.calendar, config.dates))
        self._publisher = publisher
        self._waker = waker
        earlier = publisher.recall()
        self._catch_up(market, earlier.seq if earlier and earlier.run == market.clock.run else None)

    def pump(self, market: rows.MarketState, wall_ns: int, /) -> float:
        """Follow the clock: a new run begins anew, an advance is published to its very instant."""
        state = market.clock
        if state.run != self._publisher.position.run:
            self._publisher.begin(state.run, self._tape.starts_at)
        target = self._now(market, wall_ns)
        while not self._waker.is_stopped:
            chunk = self._tape.read(self._publisher.position.seq, target, ITEMS_AT_ONCE)
            if chunk is None:
                self._publisher.reach(target)
                break
            self._publisher.publish(chunk)
        return self._wait(state, target)

    def close(self) -> None:
        """Do nothing: a tape has nothing to stop."""

    def _now(self, market: rows.MarketState, wall_ns: int) -> int:
        state = market.clock
        is_at_full_speed = not state.paused and state.speed is None
        progress = rows.progress(market.market_id, state.run) if is_at_full_speed else None
        return clock.now(state, wall_ns, progress)

    def _wait(self, state: clock.ClockState, target: int) -> float:
        next_at = self._tape.next_at(self._publisher.position.seq)
        if state.paused or next_at is None:
            return BEAT
        if state.speed is None:
            return _FULL_SPEED_WAIT
        seconds = (next_at - target) / SECOND / float(state.speed)
        return min(BEAT, max(_SHORTEST_WAIT, seconds))

    def _catch_up(self, market: rows.MarketState, published: int | None) -> None:
        """Learn the latest values that an earlier hub published; without its mark, up to now."""
        self._publisher.begin(market.clock.run, self._tape.starts_at)
        target = self._now(market, time.time_ns())
        last = min(self._tape.seq_at(target), self._tape.last_seq if published is None else published)
        while (seen := self._publisher.position.seq) < last:
            chunk = self._tape.read(seen, target, min(100 * ITEMS_AT_ONCE, last - seen))
            if chunk is None:
                break
            self._publisher.absorb(chunk)


Official = Callable[[Kind, int], list[Update]]  # (auction, instant) -> every symbol's official price

# Whether the session before was the regular one, and the one that begins.
_AUCTIONS = {
    (False, Session.REGULAR): Kind.OPENING_AUCTION,
    (True, Session.POST): Kind.CLOSING_AUCTION,
    (True, Session.CLOSED): Kind.CLOSING_AUCTION,
}


class LiveWriter:
    """Numbers a live market's updates and session changes, and publishes them.

    Sequences are the wall's microseconds, or one more than the last where that is higher, so that
    they grow across restarts of the hub and losses of Valkey. Times never go back either.
    """

    def __init__(self, publisher: Publisher, market: rows.MarketState, calendar: Calendar) -> None:
        self._publisher = publisher
        self._calendar = calendar
        publisher.resume()
        committed_seq, committed_at = rows.furthest(market.market_id)
        position = publisher.position
        if position.run != market.clock.run:
            publisher.begin(market.clock.run, committed_at)
        self._seq = max(position.seq, committed_seq)
        self._at = max(position.at, committed_at)
        self._told_until = self._at or None

    def tell_sessions(self, wall_ns: int, official: Official | None = None) -> None:
        """Publish the session changes that are due; at first, those since anybody last knew.

        `official` tells the official prices of a market that makes its own: each regular session that
        is seen to begin or end has its auction right after the change.
        """
        if self._told_until is None:
            changes = [self._calendar.change_in_force(wall_ns)]
        else:
            changes = self._calendar.changes(self._told_until, wall_ns)[-_CHANGES_CAUGHT_UP:]
            if not changes and self._publisher.session is None:
                changes = [self._calendar.change_in_force(wall_ns)]
        for change in changes:
            seq, at = self._number(1, wall_ns), self._time(change.at, wall_ns)
            session = SessionChange(seq=seq, at=at, session=change.session, ends_at=change.ends_at)
            before = self._publisher.session
            self._publisher.publish(Chunk(seq=seq, at=at, session=session))
            self._told_until = change.at
            kind = before and _AUCTIONS.get((before.session is Session.REGULAR, session.session))
            if official is not None and kind:
                self.publish(official(kind, change.at), wall_ns)
        self._told_until = wall_ns

    def publish(self, updates: Sequence[Update], wall_ns: int) -> None:
        """Publish updates in the order of their arrival, as one batch."""
        if not updates:
            return
        first = self._number(len(updates), wall_ns)
        found: dict[str, list[tuple[int, ...]]] = {}
        quotes: dict[str, tuple[int, int, int, int]] = {}
        for seq, update in enumerate(updates, start=first):
            at = self._time(update.at, wall_ns)
            if update.kind is Kind.QUOTE:
                quotes[update.symbol] = (update.bid, update.bid_size, update.ask, update.ask_size)
            state = quotes.get(update.symbol) or self._standing(update.symbol)
            eligible = update.eligible and update.kind in (Kind.QUOTE, Kind.TRADE)
            row = (seq, at, update.kind, *state, update.price, update.size, int(eligible))
            found.setdefault(update.symbol, []).append(row)
        items = {symbol: items_of(found[symbol]) for symbol in sorted(found)}
        self._publisher.publish(Chunk(seq=self._seq, at=self._at, items=items))

    def halted(self) -> set[str]:
        """Return the symbols that are halted, as far as it was published."""
        return {symbol for symbol, known in self._publisher.book.symbols.items() if known.is_halted}

    def _standing(self, symbol: str) -> tuple[int, int, int, int]:
        known = self._publisher.book.symbols.get(symbol)
        if known is None or known.quote is None:
            return 0, 0, 0, 0
        return known.quote.bid, known.quote.bid_size, known.quote.ask, known.quote.ask_size

    def _number(self, count: int, wall_ns: int) -> int:
        first = max(self._seq + 1, wall_ns // MICROSECOND)
        self._seq = first + count - 1
        return first

    def _time(self, at: int, wall_ns: int) -> int:
        self._at = max(self._at, min(at, wall_ns))
        return self._at


class SyntheticSource:
    """The seeded market, step by step as the wall clock passes them."""

    def __init__(self, writer: LiveWriter, market: SyntheticMarket, *, wall_ns: int) -> None:
        self._writer = writer
        self._market = market
        self._done = wall_ns

    def pump(self, _market: rows.MarketState, wall_ns: int, /) -> float:
        """Publish the steps since the last call; of a long absence only the last second."""
        self._writer.tell_sessions(wall_ns, self._official)
        halted = self._writer.halted()
        updates: list[Update] = []
        for step in self._market.steps(max(self._done, wall_ns - SECOND), wall_ns):
            name, at = step.symbol, step.at
            if step.is_halted != (name in halted):
                # What began or ended while no hub ran is told with the first step after it.
                halted ^= {name}
                kind = Kind.HALT if step.is_halted else Kind.RESUME
                updates.append(Update(symbol=name, kind=kind, at=at))
            if not step.is_halted:
                updates += _updates_of(step)
        self._done = wall_ns
        self._writer.publish(updates, wall_ns)
        return self._market.until_next(wall_ns) / SECOND

    def close(self) -> None:
        """Do nothing: numbers have nothing to stop."""

    def _official(self, kind: Kind, at: int) -> list[Update]:
        found = [(name, *self._market.official(name, at)) for name in self._market.symbols]
        return [Update(symbol=name, kind=kind, at=at, price=price, size=size) for name, price, size in found]


def _updates_of(step: Step) -> list[Update]:
    name, at = step.symbol, step.at
    quote = Update(
        symbol=name,
        kind=Kind.QUOTE,
        at=at,
        bid=step.bid,
        bid_size=step.bid_size,
        ask=step.ask,
        ask_size=step.ask_size,
    )
    if not step.print_price:
        return [quote]
    return [
        quote,
        Update(symbol=name, kind=Kind.TRADE, at=at, price=step.print_price, size=step.print_size),
    ]


class AlpacaSource:
    """The operator's live data, published in batches of at least `_SHORTEST_WAIT` seconds."""

    def __init__(self, writer: LiveWriter, stream: AlpacaStream) -> None:
        self._writer = writer
        self._stream = stream
        self._not_before = 0
        self._halted_since = dict.fromkeys(writer.halted(), 0)  # the exchange's time
        stream.start()

    def pump(self, _market: rows.MarketState, wall_ns: int, /) -> float:
        """Publish what has arrived. Raises FeedUnavailable when the stream has ended for good."""
        self._writer.tell_sessions(wall_ns)
        if wall_ns < self._not_before:
            return (self._not_before - wall_ns) / SECOND
        self._not_before = wall_ns + int(_SHORTEST_WAIT * SECOND)
        self._writer.publish(self._with_missed_ends(self._stream.take()), wall_ns)
        return BEAT

    def _with_missed_ends(self, updates: list[Update]) -> list[Update]:
        """Add the ends of halts that nobody heard of, being disconnected: who prints is not halted."""
        told: list[Update] = []
        for update in updates:
            name, at = update.symbol, update.at
            is_regular = update.kind is Kind.TRADE and update.eligible
            if is_regular and at > self._halted_since.get(name, at):
                told.append(Update(symbol=name, kind=Kind.RESUME, at=at))
                del self._halted_since[name]
            elif update.kind is Kind.HALT:
                self._halted_since[name] = at
            elif update.kind is Kind.RESUME:
                self._halted_since.pop(name, None)
            told.append(update)
        return told

    def close(self) -> None:
        """Disconnect."""
        self._stream.stop()


def check_unchanged(before: rows.MarketState, after: rows.MarketState) -> None:
    """Refuse to go on with a market that has become another. Raises FeedUnavailable."""
    if (before.clock.feed, before.config, before.calendar) != (
        after.clock.feed,
        after.config,
        after.calendar,
    ):
        raise FeedUnavailable(f"market {before.market_id} has another feed now; the hub must start anew")
