from __future__ import annotations

from itertools import pairwise
from statistics import mean

import pytest
from hypothesis import given, strategies as st

from matching.engine.types import CENT, DOLLAR
from matching.market.synthetic import BASE_PRICES, INTERVAL, ROUND_LOT, SyntheticMarket, base_price
from matching.market.times import HOUR, SECOND

NOON = 1_795_000_000 * SECOND
SYMBOLS = tuple(BASE_PRICES)


def test_one_seed_makes_one_market_and_another_seed_another() -> None:
    first, again, other = (
        SyntheticMarket(seed, SYMBOLS).steps(NOON, NOON + 10 * SECOND) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_a_market_is_the_same_however_it_is_cut() -> None:
    market = SyntheticMarket(1, SYMBOLS)
    cuts = [NOON + offset for offset in (0, 1, INTERVAL // 3, INTERVAL, 7 * INTERVAL + 5, 9 * SECOND)]
    pieces = [market.steps(after, until) for after, until in pairwise(cuts)]
    assert [step for piece in pieces for step in piece] == market.steps(cuts[0], cuts[-1])


def test_a_symbol_does_not_depend_on_its_company() -> None:
    alone = SyntheticMarket(1, ("IBM",)).steps(NOON, NOON + SECOND)
    together = SyntheticMarket(1, SYMBOLS).steps(NOON, NOON + SECOND)
    assert alone == [step for step in together if step.symbol == "IBM"]


@given(seed=st.integers(0, 2**32), number=st.integers(0, 2**34), symbol=st.sampled_from((*SYMBOLS, "ZZZZ")))
def test_every_quote_is_plausible(seed: int, number: int, symbol: str) -> None:
    step = SyntheticMarket(seed, (symbol,)).step(symbol, number)
    base = base_price(symbol, seed)
    assert 0 < step.bid < step.ask
    assert step.bid % CENT == step.ask % CENT == 0
    assert (step.ask - step.bid) <= base // 1000  # at most ten basis points
    assert abs(step.bid - base) <= base // 20
    for size in (step.bid_size, step.ask_size):
        assert 0 < size <= 12 * ROUND_LOT
        assert size % ROUND_LOT == 0


@given(number=st.integers(0, 2**34))
def test_every_print_is_at_the_touch_or_inside(number: int) -> None:
    step = SyntheticMarket(7, ("TSLA",)).step("TSLA", number)
    if step.print_price:
        assert step.bid <= step.print_price <= step.ask
        assert step.print_price % CENT == 0
        assert step.print_size % ROUND_LOT == 0
    assert bool(step.print_price) == bool(step.print_size)


@given(number=st.integers(0, 2**34))
def test_below_a_dollar_the_tick_is_finer(number: int) -> None:
    step = SyntheticMarket(7, {"PENNY": DOLLAR // 2}).step("PENNY", number)
    assert 0 < step.bid < step.ask < DOLLAR


def test_a_day_moves_but_does_not_run_away() -> None:
    market = SyntheticMarket(1, ("IBM",))
    first = NOON // INTERVAL
    prices = [market.step("IBM", first + hour * HOUR // INTERVAL // 4).bid for hour in range(96)]
    base = BASE_PRICES["IBM"]
    assert max(prices) - min(prices) > base // 500
    assert abs(mean(prices) - base) < base // 25
    steps = [abs(later - earlier) for earlier, later in pairwise(prices)]
    assert max(steps) < base // 50


def test_prints_follow_about_half_of_the_quotes_on_both_sides() -> None:
    steps = SyntheticMarket(1, ("IBM",)).steps(NOON, NOON + 250 * SECOND)
    prints = [step for step in steps if step.print_price]
    assert len(steps) == 1000
    assert 400 < len(prints) < 600
    assert 100 < sum(step.print_price == step.bid for step in prints) < 400
    assert 100 < sum(step.print_price == step.ask for step in prints) < 400


@pytest.mark.parametrize("offset", [0, 1, INTERVAL // 2 - 1, INTERVAL // 2])
def test_the_next_step_is_when_it_is_said_to_be(offset: int) -> None:
    market = SyntheticMarket(1, SYMBOLS)
    start = NOON + offset
    due = start + market.until_next(start)
    assert market.steps(start, due - 1) == []
    assert market.steps(start, due)


def test_halts_are_rare_last_five_minutes_and_follow_the_seed() -> None:
    hours = 4 * 60 * 60  # steps
    first = NOON // INTERVAL
    market, again = (SyntheticMarket(1, ("IBM",), halt_odds=3) for _ in range(2))
    numbers = range(first, first + 24 * hours)
    halted = [number for number in numbers if market._is_halted(market._salt["IBM"], number)]
    edges = [number for number in halted if number - 1 not in set(halted)]
    assert 2 <= len(edges) <= 15  # of 21 stretches
    assert all(set(range(edge, edge + 1_200)) <= set(halted) for edge in edges[:-1])
    assert market.step("IBM", edges[0]).is_halted
    assert not market.step("IBM", edges[0] - 1).is_halted
    assert again.step("IBM", edges[0]).is_halted


def test_a_market_may_have_no_halts_and_by_itself_has_few() -> None:
    first = NOON // INTERVAL
    sample = range(first, first + 2_000 * 16_384, 16_384)
    always = SyntheticMarket(1, ("IBM",), halt_odds=1)
    assert any(always.step("IBM", number).is_halted for number in range(first, first + 32_768, 600))
    never = SyntheticMarket(1, ("IBM",), halt_odds=0)
    assert not any(never.step("IBM", number).is_halted for number in sample)
    assert sum(SyntheticMarket(1, ("IBM",)).step("IBM", number).is_halted for number in sample) <= 3


@given(at=st.integers(NOON, NOON + 30 * 24 * HOUR), symbol=st.sampled_from((*SYMBOLS, "ZZZZ")))
def test_an_official_price_is_within_the_quote_of_its_moment(at: int, symbol: str) -> None:
    market = SyntheticMarket(1, (symbol,))
    price, size = market.official(symbol, at)
    (last,) = market.steps(at - INTERVAL, at)
    assert last.bid <= price <= last.ask
    assert price % CENT == 0
    assert 100 * ROUND_LOT <= size <= 1_000 * ROUND_LOT
