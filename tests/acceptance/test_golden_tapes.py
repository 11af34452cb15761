"""Recorded days with a few thousand seeded orders each: the same decisions however they are played.

The hashes pin every field of every decision. A change of the rules changes them, and nothing else may:
who changes one gives the rules a new version (`MODEL_VERSION`) and writes a decision file. A field that only
tells more of the same decisions keeps the version: matching/decisions/0018-evidence.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from matching.engine.engine import Engine
from matching.engine.types import Event, Model, OrderType, Role, Rule, TimeInForce
from matching.market.calendar import Calendar
from matching.market.sessions import compute_sessions
from matching.market.tape import TapeFeed
from tests.acceptance.golden_orders import Owners
from tests.acceptance.golden_player import Played, fingerprint, play, play_in_shards
from tests.matching.engine.reference import ReferenceEngine
from tests.matching.market.tapes import recorded_lean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.acceptance.golden_orders import Wish

COUNT = 3_000
MINUTE = 60 * 10**9
OCTOBER, JUNE = (2013, 10), (2014, 6)


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A tape, whether its owners compete for what is shown, and what must come out."""

    symbols: tuple[str, ...]
    month: tuple[int, int]
    days: tuple[int, ...]
    contention: bool = False
    decisions: str = ""
    fills: str = ""

    @property
    def options(self) -> dict[str, Any]:
        return {"contention": self.contention}


TAPES = {
    "ibm": Golden(
        symbols=("IBM",), month=OCTOBER, days=(8,), decisions="1009d74bd8436e36", fills="95612168a013d8fd"
    ),
    "bac": Golden(
        symbols=("BAC",),
        month=OCTOBER,
        days=(8,),
        contention=True,
        decisions="6122831968cee52e",
        fills="afd1ff1d7243edf8",
    ),
    "spy": Golden(
        symbols=("SPY",),
        month=OCTOBER,
        days=(7, 8, 9, 10),
        decisions="5255023a470fcd15",
        fills="a269cc5b1aa2b9ea",
    ),
    "aapl": Golden(
        symbols=("AAPL",), month=JUNE, days=(5, 6, 9), decisions="80b96bec7937dce1", fills="50a040926e3c5277"
    ),
    "mixed": Golden(
        symbols=("BAC", "IBM", "SPY"),
        month=OCTOBER,
        days=(8,),
        decisions="7a7a0969ec4355b0",
        fills="215fff0bb2f680f4",
    ),
}
each_tape = pytest.mark.parametrize("name", TAPES)


@cache
def calendar() -> Calendar:
    return Calendar(compute_sessions(date(2013, 9, 1), date(2014, 10, 31)))


def opened(name: str, only: Sequence[str] | None = None) -> TapeFeed:
    """Return a tape, or skip the test loudly."""
    golden = TAPES[name]
    dates = [date(*golden.month, day) for day in golden.days]
    return TapeFeed.open(recorded_lean(), dates, golden.symbols, calendar(), only=only)


@cache
def tape(name: str) -> TapeFeed:
    return opened(name)


@cache
def wishes(name: str, count: int = COUNT) -> list[Wish]:
    return Owners(tape(name), calendar(), seed=list(TAPES).index(name)).wishes(count)


def new_engine(name: str) -> Engine:
    return Engine(without_prints=tape(name).without_prints, **TAPES[name].options)


@cache
def whole(name: str) -> Played:
    """Return the whole tape played in one piece between wishes."""
    return play(tape(name), wishes(name), lambda: new_engine(name))


@each_tape
def test_a_recorded_tape_leads_to_the_golden_decisions(name: str) -> None:
    played = whole(name)

    assert (fingerprint(played.fills), fingerprint(played.decisions)) == (
        TAPES[name].fills,
        TAPES[name].decisions,
    )


def test_the_wishes_are_of_every_kind() -> None:
    made = [wish for name in TAPES for wish in wishes(name)]
    orders = [order for wish in made if wish.order for order in (wish.order, *wish.legs)]

    assert {order.order_type for order in orders} == set(OrderType)
    assert {order.time_in_force for order in orders} == set(TimeInForce)
    assert {order.model for order in orders} == set(Model)
    roles = {tuple(order.role for order in (wish.order, *wish.legs)) for wish in made if wish.order}
    assert roles >= {
        (None,),
        (Role.ENTRY, Role.TAKE_PROFIT, Role.STOP_LOSS),
        (Role.ENTRY, Role.TAKE_PROFIT),
        (Role.ENTRY, Role.STOP_LOSS),
        (Role.TAKE_PROFIT, Role.STOP_LOSS),
    }
    assert any(order.notional for order in orders)
    assert any(order.extended_hours for order in orders)
    assert any(wish.target and wish.order is None for wish in made)


def test_the_decisions_are_of_every_kind() -> None:
    decisions = [decision for name in TAPES for decision in whole(name).decisions]

    others = {Event.PENDING_CANCEL, Event.PENDING_REPLACE, Event.DONE_FOR_DAY}  # not the engine's
    assert {decision.event for decision in decisions} == set(Event) - others
    assert {decision.rule for decision in decisions} == set(Rule) - {Rule.QUARANTINE, Rule.NOTIONAL}
    auctions = Counter(decision.event for decision in decisions if decision.rule is Rule.AUCTION)
    assert min(auctions[Event.FILL], auctions[Event.PARTIAL_FILL], auctions[Event.EXPIRED]) > 0
    assert {decision.is_triggered for decision in decisions} == {True, False}


@each_tape
def test_no_fill_is_worse_than_the_limit_and_no_offer_gives_more_than_it_showed(name: str) -> None:
    orders = {
        order.order_id: order for wish in wishes(name) if wish.order for order in (wish.order, *wish.legs)
    }
    taken: Counter[tuple[object, ...]] = Counter()
    for fill in whole(name).fills:
        order = orders[fill.order_id]
        sign = 1 if order.side == "buy" else -1
        for worst in (order.limit_price, order.collar):
            assert worst is None or sign * (fill.price - worst) <= 0
        if order.model is Model.DISPLAYED and fill.rule is not Rule.AUCTION:
            who = "all" if TAPES[name].contention else order.account
            side = None if fill.is_print else order.side
            taken[who, fill.symbol, side, fill.offer_seq] += fill.quantity
            assert taken[who, fill.symbol, side, fill.offer_seq] <= (fill.offered or 0)


@each_tape
def test_a_tape_in_pieces_of_a_thousand_rows_and_an_engine_rebuilt_at_twenty_places_give_the_same_decisions(
    name: str,
) -> None:
    places = Random(name).sample(range(1, tape(name).last_seq), 20)
    played = play(tape(name), wishes(name), lambda: new_engine(name), piece=1_000, restarts=places)

    assert played == whole(name)


# The cheap part of a tape: all of the minutes, of the others the day until so long after the open.
MINUTES = {"ibm": 15, "bac": 3, "spy": 20, "aapl": None}
each_slice = pytest.mark.parametrize("name", MINUTES)


def end_of(name: str) -> int:
    """Return the sequence at which the cheap part of a tape ends."""
    minutes = MINUTES[name]
    day = calendar().day(date(*TAPES[name].month, TAPES[name].days[0]))
    assert day is not None
    return tape(name).last_seq if minutes is None else tape(name).seq_at(day.open + minutes * MINUTE)


@cache
def dense(name: str, count: int) -> list[Wish]:
    """Return wishes for the cheap part of a tape."""
    return Owners(tape(name), calendar(), seed=count, until=end_of(name)).wishes(count)


@pytest.mark.parametrize("piece", [1, 7])
@each_slice
def test_a_tape_in_the_smallest_pieces_gives_the_same_decisions(name: str, piece: int) -> None:
    def played(size: int) -> Played:
        return play(tape(name), dense(name, 1_000), lambda: new_engine(name), until=end_of(name), piece=size)

    assert played(piece) == played(10**9)


@each_slice
def test_the_slow_reference_decides_the_same(name: str) -> None:
    few = dense(name, 400)

    def played(engine: type[Any]) -> Played:
        return play(tape(name), few, lambda: engine(**TAPES[name].options), until=end_of(name), piece=100)

    fast, slow = played(Engine), played(ReferenceEngine)
    assert fast.decisions == slow.decisions
    assert len(fast.fills) > 50


@pytest.mark.parametrize("count", [2, 5])
def test_symbols_spread_over_shards_give_the_same_decisions(count: int) -> None:
    symbols = TAPES["mixed"].symbols
    shards = [symbols[number::count] for number in range(count)]
    feeds = [opened("mixed", only=shard) for shard in shards]
    played = play_in_shards(
        wishes("mixed"), lambda: new_engine("mixed"), feeds, shards, until=tape("mixed").last_seq
    )

    for symbol in symbols:
        assert [d for shard in played for d in shard.of(symbol)] == whole("mixed").of(symbol)
    assert sum(len(shard.decisions) for shard in played) == len(whole("mixed").decisions)
