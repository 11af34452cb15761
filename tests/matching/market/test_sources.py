"""What a market that goes on by itself publishes: auctions with its sessions, halts and their ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest

from matching.engine.types import CENT, Chunk, Kind, Session
from matching.market import rows
from matching.market.alpaca import Update
from matching.market.clock import ClockState
from matching.market.latest import LatestBook
from matching.market.publisher import Position
from matching.market.sources import AlpacaSource, LiveWriter, SyntheticSource
from matching.market.synthetic import INTERVAL, SyntheticMarket
from matching.market.times import SECOND, new_york

if TYPE_CHECKING:
    from matching.engine.types import SessionChange
    from matching.market.alpaca import AlpacaStream
    from matching.market.calendar import Calendar
    from matching.market.publisher import Publisher

MINUTE = 60 * SECOND
EARLY = date(2015, 12, 24)  # closes at 13:00
OPENING, CLOSING = Kind.OPENING_AUCTION, Kind.CLOSING_AUCTION


@dataclass
class Pages:
    """What a publisher would write, in a list."""

    chunks: list[Chunk] = field(default_factory=list)
    book: LatestBook = field(default_factory=LatestBook)
    position: Position = field(default_factory=lambda: Position(run=1, seq=0, at=0))
    session: SessionChange | None = None

    def resume(self) -> None:
        """Nothing was published before."""

    def publish(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.book.apply(chunk)
        self.session = chunk.session or self.session
        self.position = Position(run=1, seq=chunk.seq, at=chunk.at)

    def told(self) -> list[tuple[Any, ...]]:
        """Return sessions, auctions and halts in the order in which they were published."""
        found: list[tuple[Any, ...]] = []
        for chunk in self.chunks:
            if chunk.session is not None:
                found.append((chunk.session.session, chunk.session.at))
            for symbol, items in sorted(chunk.items.items()):
                columns = (items.kind.tolist(), items.at.tolist(), items.price.tolist())
                found += [(Kind(kind), symbol, at, price) for kind, at, price in zip(*columns, strict=True)]
        return [told for told in found if told[0] not in (Kind.QUOTE, Kind.TRADE)]


@pytest.fixture
def pages() -> Pages:
    return Pages()


MARKET = rows.MarketState(market_id=1, calendar="XNYS", config={}, clock=ClockState(feed="synthetic", run=1))


@pytest.fixture
def new_writer(monkeypatch: pytest.MonkeyPatch, pages: Pages, xnys: Calendar) -> Any:
    monkeypatch.setattr(rows, "furthest", lambda _: (0, 0))
    return lambda: LiveWriter(cast("Publisher", pages), MARKET, xnys)


def test_each_regular_session_opens_and_closes_with_an_auction(new_writer: Any, pages: Pages) -> None:
    numbers = SyntheticMarket(7, ("BAC", "IBM"), halt_odds=0)
    source = SyntheticSource(new_writer(), numbers, wall_ns=new_york(EARLY, 9))
    opens, closes = new_york(EARLY, 9, 30), new_york(EARLY, 13)
    for wall in (new_york(EARLY, 9), opens + SECOND, closes - SECOND, closes, new_york(EARLY, 17)):
        source.pump(MARKET, wall)

    assert pages.told() == [
        (Session.PRE, new_york(EARLY, 4)),
        (Session.REGULAR, opens),
        *((OPENING, name, opens, numbers.official(name, opens)[0]) for name in ("BAC", "IBM")),
        (Session.POST, closes),
        *((CLOSING, name, closes, numbers.official(name, closes)[0]) for name in ("BAC", "IBM")),
        (Session.CLOSED, new_york(EARLY, 17)),
    ]
    auctions = [
        items for chunk in pages.chunks for items in chunk.items.values() if items.kind[0] > Kind.TRADE
    ]
    assert {int(items.eligible[0]) for items in auctions} == {0}
    seqs = [int(seq) for chunk in pages.chunks for items in chunk.items.values() for seq in items.seq]
    assert len(set(seqs)) == len(seqs)


def test_an_opening_that_nobody_saw_is_not_made_up(new_writer: Any, pages: Pages) -> None:
    noon = new_york(EARLY, 12)
    SyntheticSource(new_writer(), SyntheticMarket(7, ("IBM",), halt_odds=0), wall_ns=noon).pump(MARKET, noon)

    assert pages.told() == [(Session.REGULAR, new_york(EARLY, 9, 30))]


def halted_market() -> tuple[SyntheticMarket, int]:
    """Return a market and the moment at which a halt of IBM begins, in a session."""
    for seed in range(50):
        market = SyntheticMarket(seed, ("IBM",), halt_odds=1)
        first = new_york(EARLY, 9, 30) // INTERVAL
        steps = [market.step("IBM", number) for number in range(first, first + 8 * 60 * 240, 4)]
        halted = [not before.is_halted and step.is_halted for before, step in pairwise(steps)]
        if any(halted):
            return market, steps[halted.index(True) + 1].at
    raise AssertionError("no seed halts")


def test_a_halt_is_told_once_and_its_end_too_and_between_them_nothing_is_shown(
    new_writer: Any, pages: Pages
) -> None:
    market, begins = halted_market()
    source = SyntheticSource(new_writer(), market, wall_ns=begins - 2 * SECOND)
    source.pump(MARKET, begins - 2 * SECOND)
    shown = []
    for wall in range(begins - SECOND, begins + 5 * MINUTE + 3 * SECOND, SECOND):
        before = len(pages.chunks)
        source.pump(MARKET, wall)
        shown += [
            (wall, items.kind.tolist()) for chunk in pages.chunks[before:] for items in chunk.items.values()
        ]

    kinds = [kind for _, row in shown for kind in row]
    halt, resume = kinds.index(Kind.HALT), kinds.index(Kind.RESUME)
    assert resume == halt + 1
    assert (kinds.count(Kind.HALT), kinds.count(Kind.RESUME)) == (1, 1)
    assert Kind.QUOTE in kinds[:halt]
    assert Kind.QUOTE in kinds[resume:]


def test_a_hub_that_starts_within_a_halt_or_after_it_says_so(new_writer: Any, pages: Pages) -> None:
    market, begins = halted_market()
    inside, after = begins + 60 * SECOND, begins + 6 * MINUTE
    SyntheticSource(new_writer(), market, wall_ns=inside).pump(MARKET, inside + SECOND)
    assert [kind for kind, *_ in pages.told()][1:] == [Kind.HALT]
    SyntheticSource(new_writer(), market, wall_ns=after).pump(MARKET, after + SECOND)
    assert [kind for kind, *_ in pages.told()][1:] == [Kind.HALT, Kind.RESUME]


class Messages:
    """A stream whose messages the test hands over."""

    def __init__(self) -> None:
        self.waiting: list[Update] = []

    def start(self) -> None:
        """There is nothing to connect to."""

    def take(self) -> list[Update]:
        taken, self.waiting = self.waiting, []
        return taken


def test_a_print_after_a_halt_whose_end_was_missed_ends_it(new_writer: Any, pages: Pages) -> None:
    noon, messages = new_york(EARLY, 12), Messages()
    source = AlpacaSource(new_writer(), cast("AlpacaStream", messages))

    def print_at(at: int, *, eligible: bool = True) -> Update:
        return Update(symbol="IBM", kind=Kind.TRADE, at=at, price=CENT, size=1, eligible=eligible)

    def halt_at(at: int) -> Update:
        return Update(symbol="IBM", kind=Kind.HALT, at=at)

    messages.waiting = [
        print_at(noon),
        halt_at(noon + 5),
        print_at(noon + 4),
        print_at(noon + 9, eligible=False),
    ]
    source.pump(MARKET, noon + SECOND)
    assert pages.book.symbols["IBM"].is_halted

    # Another hub begins, to which only the book says that the symbol is halted.
    source = AlpacaSource(new_writer(), cast("AlpacaStream", messages))
    messages.waiting = [print_at(noon + 2 * SECOND), print_at(noon + 2 * SECOND)]
    source.pump(MARKET, noon + 3 * SECOND)
    assert [told[0] for told in pages.told()] == [Session.REGULAR, Kind.HALT, Kind.RESUME]
    assert not pages.book.symbols["IBM"].is_halted
    assert pages.chunks[-1].items["IBM"].kind.tolist() == [Kind.RESUME, Kind.TRADE, Kind.TRADE]


def test_a_told_end_of_a_halt_needs_no_print(new_writer: Any, pages: Pages) -> None:
    noon, messages = new_york(EARLY, 12), Messages()
    source = AlpacaSource(new_writer(), cast("AlpacaStream", messages))
    kinds = (Kind.HALT, Kind.RESUME)
    messages.waiting = [Update(symbol="IBM", kind=kind, at=noon + kind) for kind in kinds]
    messages.waiting.append(Update(symbol="IBM", kind=Kind.TRADE, at=noon + 9, price=CENT, size=1))
    source.pump(MARKET, noon + SECOND)
    assert pages.chunks[-1].items["IBM"].kind.tolist() == [Kind.HALT, Kind.RESUME, Kind.TRADE]
