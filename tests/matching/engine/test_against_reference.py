"""The engine against the slow reference, on random markets, cuts and restarts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from matching.engine import scan
from matching.engine.engine import Engine
from matching.engine.triggers import limit_of
from matching.engine.types import (
    Chunk,
    Event,
    GroupId,
    Order,
    OrderId,
    OrderType,
    Role,
    Session,
    Side,
    TimeInForce,
)
from tests.matching.engine.reference import ReferenceEngine
from tests.matching.engine.shadow import ENDS, Shadow
from tests.matching.engine.strategies import Writer, scripts
from tests.matching.engine.tapes import Cancel, Place, Replace, chunks_and_commands, obey, play

if TYPE_CHECKING:
    from collections.abc import Callable

    from matching.engine.types import Decision
    from tests.matching.engine.tapes import Step

# To make an example small takes minutes on a busy machine, and is worth them.
pytestmark = pytest.mark.timeout(900)

cuts = st.sets(st.integers(0, 60)).map(lambda numbers: numbers.__contains__)
# How long an example takes is the machine's affair, not the engine's.
untimed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
at_length = settings(untimed, max_examples=2 * untimed.max_examples)

# Prices of a few units need a wide band; a symbol may be told to have no prints.
markets = st.fixed_dictionaries(
    {
        "bad_print_band": st.just(2_500),
        "without_prints": st.sampled_from((("B",), ("B",), ("A",))),
        "contention": st.sampled_from((False, False, True)),
    }
)

row_by_row_below = st.sampled_from((1, 2, 5, 64))  # rows; small values make the column scan work


@at_length
@given(scripts(), cuts, cuts, row_by_row_below, markets)
def test_engine_agrees_with_the_reference_however_the_tape_is_cut(script, cut, other_cut, short, market):
    expected = play(ReferenceEngine(**market), script, cut)

    with mock.patch.object(scan, "_SHORT", short):
        decisions = play(Engine(**market), script, other_cut)

    assert decisions == expected


@at_length
@given(scripts(), cuts, st.sets(st.integers(0, 60)), row_by_row_below, markets)
def test_an_engine_rebuilt_at_any_point_decides_the_same(script, cut, restarts, short, market):
    expected = play(Engine(**market), script)

    with mock.patch.object(scan, "_SHORT", short):
        decisions = played_with_restarts(lambda: Engine(**market), script, cut, restarts.__contains__)

    assert decisions == expected


def played_with_restarts(
    new: Callable[[], Engine],
    script: list[Step],
    is_cut_after: Callable[[int], bool],
    is_restarted_after: Callable[[int], bool],
) -> list[Decision]:
    engine, shadow, decisions = new(), Shadow(), []
    for number, step in enumerate(chunks_and_commands(script, is_cut_after)):
        made = obey(engine, step)
        decisions += made
        shadow.note(step, made, engine.drain_queues(), engine.drain_watermarks())
        if is_restarted_after(number):
            engine = shadow.rebuild(new())
    return decisions


@at_length
@given(scripts(), cuts, markets, st.integers(1, 3), st.booleans())
def test_orders_that_end_ahead_of_a_session_change_end_as_with_it(script, cut, market, size, is_rebuilt):
    expected = play(Engine(**market), script, cut)

    engine, shadow, decisions = Engine(**market), Shadow(), []
    for step in chunks_and_commands(script, cut):
        change = step.session if isinstance(step, Chunk) else None
        while change and (ends := next(engine.ends_ahead(change, size), [])):
            assert len(ends) <= size
            decisions += ends
            shadow.note(Cancel(ends[0].order_id), ends, engine.drain_queues(), engine.drain_watermarks())
            if is_rebuilt:
                engine = shadow.rebuild(Engine(**market))
        made = obey(engine, step)
        decisions += made
        shadow.note(step, made, engine.drain_queues(), engine.drain_watermarks())

    assert story_of_each(decisions) == story_of_each(expected)


def story_of_each(decisions: list[Decision]) -> dict[OrderId, list[Decision]]:
    stories: dict[OrderId, list[Decision]] = {}
    for decision in decisions:
        stories.setdefault(decision.order_id, []).append(decision)
    return stories


@untimed
@given(scripts(), cuts, markets)
def test_no_order_gets_more_or_worse_than_it_may(script, cut, market):
    engine, contention = Engine(**market), market["contention"]
    terms: dict[OrderId, Order] = {}
    done: set[OrderId] = set()
    filled: Counter[OrderId] = Counter()
    money: Counter[OrderId] = Counter()
    taken: Counter[object] = Counter()
    wanted: dict[OrderId, int] = {}
    for step in chunks_and_commands(script, cut):
        if isinstance(step, Place):
            terms |= {order.order_id: order for order in (step.order, *step.legs)}
        if isinstance(step, Replace):
            terms[step.successor.order_id] = step.successor
        for decision in obey(engine, step):
            order, key = terms[decision.order_id], decision.order_id
            assert key not in done
            if decision.event in ENDS:
                done.add(key)
            filled[key] += decision.quantity
            money[key] += decision.quantity * decision.price
            if decision.leaves_quantity is not None:
                assert decision.leaves_quantity >= 0
                # Only its class takes from what an order wants.
                assert filled[key] + decision.leaves_quantity <= wanted.get(key, decision.leaves_quantity)
                wanted[key] = filled[key] + decision.leaves_quantity
                assert order.role is not None or wanted[key] == order.quantity
            if decision.event not in (Event.FILL, Event.PARTIAL_FILL):
                assert decision.quantity == 0
                continue
            assert decision.quantity > 0
            assert order.notional is None or money[key] <= order.notional
            assert order.quantity_max is None or filled[key] <= order.quantity_max
            if (worst := limit_of(order) or order.collar) is not None:
                worse = decision.price - worst
                assert (worse if order.side is Side.BUY else -worse) <= 0
            if order.model == "displayed":
                who = "all" if contention else order.account
                side = None if decision.is_print else order.side  # a print is one size for both
                offer = (who, order.symbol, side, decision.offer_seq, decision.is_print)
                taken[offer] += decision.quantity
                assert taken[offer] <= (decision.offered or 0)
        assert engine.open_count() == len(terms) - len(done)


@untimed
@given(scripts(), cuts, markets)
def test_exits_never_trade_more_than_their_entry(script, cut, market):
    engine = Engine(**market)
    orders: dict[OrderId, Order] = {}
    sizes: dict[GroupId, int] = {}
    traded: Counter[tuple[GroupId, bool]] = Counter()  # (group, whether by the entry)
    for step in chunks_and_commands(script, cut):
        if isinstance(step, Place):
            orders |= {order.order_id: order for order in (step.order, *step.legs)}
            if step.legs:
                assert step.order.quantity is not None
                sizes[step.order.group] = step.order.quantity
                if step.order.role is not Role.ENTRY:  # an oco closes what is held already
                    traded[step.order.group, True] = step.order.quantity
        if isinstance(step, Replace):
            orders[step.successor.order_id] = step.successor
        for decision in obey(engine, step):
            order = orders[decision.order_id]
            if order.group is not None:
                traded[order.group, order.role is Role.ENTRY] += decision.quantity
                assert traded[order.group, False] <= traded[order.group, True] <= sizes[order.group]


@pytest.mark.parametrize("seed", range(4))
def test_engine_agrees_with_the_reference_over_a_long_quiet_tape(seed):
    """Thousands of rows around which orders rest: here the column scan does the skipping."""
    random = np.random.default_rng(seed)
    writer = Writer()
    writer.write(0, ("session", Session.REGULAR))
    middle = 1_000
    for number in range(4_000):
        middle += int(random.integers(-1, 2)) if random.random() < 0.2 else 0
        sizes = [int(size) for size in random.integers(1, 30, 2)]
        if random.random() < 0.8:
            sides = ((middle - 1, sizes[0]), (middle + 1, sizes[1]))
            writer.write(10**6, ("quote", "A", sides))
        else:
            price = middle + int(random.integers(-2, 3))
            writer.write(10**6, ("trade", "A", (price, sizes[0], random.random() < 0.9)))
        if number % 40 == 0:
            writer.write(0, ("place", _order_near(middle, random)))
    script = writer.script

    decisions = play(Engine(), script)

    assert decisions == play(ReferenceEngine(), script)
    assert decisions == played_with_restarts(Engine, script, lambda _: False, lambda number: number % 9 == 0)
    rules = {decision.rule for decision in decisions}
    assert {"L2", "R2", "R3", "T1", "T3"} <= rules


def _order_near(middle: int, random: np.random.Generator) -> dict[str, object]:
    side = Side.BUY if random.random() < 0.5 else Side.SELL
    away = int(random.integers(-1, 8))
    toward, beyond = (middle - away, middle + away) if side is Side.BUY else (middle + away, middle - away)
    trail = int(random.integers(1, 12))
    kind: dict[str, object] = {
        0: {"order_type": OrderType.STOP, "stop_price": beyond},
        1: {"order_type": OrderType.TRAILING_STOP, "trail_price": trail},
        2: {"order_type": OrderType.TRAILING_STOP, "trail_percent": 1_000 * trail},
    }.get(int(random.integers(6)), {"order_type": OrderType.LIMIT, "limit_price": toward})
    return {
        "account": "ann",
        "symbol": "A",
        "side": side,
        "time_in_force": TimeInForce.GTC,
        "quantity": int(random.integers(1, 60)),
        **kind,
    }
