"""What a share cost at earlier instants, against a slow and obvious reading of the same bars."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, strategies as st

from matching.engine.types import Trade
from matching.market.candles import MINUTE, Bars
from matching.market.errors import TapeMissing
from matching.market.history import Piece
from matching.market.latest import Latest
from matching.market.times import new_york
from trading.history.prices import Prices

BEGIN = new_york(date(2013, 10, 7), 9, 30)
DAY = 24 * 60 * MINUTE


class Recorded:
    """A history that holds the minute bars of one symbol, a piece each hour."""

    def __init__(self, closes):
        self.closes = closes  # beginning of the minute -> close
        self.newest_asked = 0

    def minutes(self, symbol, first, last, *, newest_first=False):
        self.newest_asked = max(self.newest_asked, last)
        assert last % MINUTE == 0
        found = sorted(at for at in self.closes if first <= at <= last)
        hours = sorted({at // (60 * MINUTE) for at in found}, reverse=newest_first)
        for hour in hours:
            within = [at for at in found if at // (60 * MINUTE) == hour]
            yield Piece(within[0], within[-1], bars(within, [self.closes[at] for at in within]))


def bars(at, closes):
    price, nothing = np.array(closes, dtype=np.int64), np.zeros(len(at))
    return Bars(np.array(at, dtype=np.int64), price, price, price, price, nothing, nothing, price)


def slowly(closes, instant):
    """Return the close of the last bar that was over at the instant, 0 without one."""
    over = [at for at in closes if at + MINUTE <= instant]
    return closes[max(over)] if over else 0


minutes = st.builds(
    lambda day, minute: BEGIN + day * DAY + minute * MINUTE, st.integers(0, 3), st.integers(0, 400)
)


@given(
    closes=st.dictionaries(minutes, st.integers(1, 9), max_size=12),
    instants=st.sets(
        st.builds(lambda at, ns: at + ns, minutes, st.sampled_from([0, 1, MINUTE - 1])), min_size=1
    ),
)
def test_prices_are_those_of_the_last_minute_that_was_over(closes, instants):
    ordered = sorted(instants)
    history = Recorded(closes)

    found = Prices(history, {}, until=ordered[-1]).at("IBM", ordered)

    assert found == [slowly(closes, instant) for instant in ordered]
    assert history.newest_asked + MINUTE <= ordered[-1]


@given(
    closes=st.dictionaries(minutes, st.integers(1, 9), max_size=6),
    instants=st.sets(minutes, min_size=1),
    until=minutes,
)
def test_nothing_after_what_may_be_seen_is_told(closes, instants, until):
    ordered = sorted(instants)

    found = Prices(Recorded(closes), {}, until=until).at("IBM", ordered)

    assert found == [slowly(closes, min(instant, until)) for instant in ordered]


def latest(at, price):
    return {"IBM": Latest(trade=Trade(seq=1, at=at, price=price, size=1))}


@pytest.mark.parametrize(
    ("instant", "price"),
    [
        pytest.param(BEGIN + MINUTE, 5, id="before the latest print"),
        pytest.param(BEGIN + 2 * MINUTE + 30, 9, id="in its minute, after it"),
        pytest.param(BEGIN + 2 * MINUTE + 29, 5, id="in its minute, before it"),
        pytest.param(BEGIN + 3 * MINUTE, 9, id="when its minute is over"),
    ],
)
def test_the_latest_print_is_younger_than_the_minutes_that_are_over(instant, price):
    prices = Prices(Recorded({BEGIN: 5}), latest(BEGIN + 2 * MINUTE + 30, 9), until=BEGIN + DAY)

    assert prices.at("IBM", [instant]) == [price]


def test_a_latest_print_that_may_not_be_seen_yet_is_not_told():
    prices = Prices(Recorded({BEGIN: 5}), latest(BEGIN + 20 * MINUTE, 9), until=BEGIN + 19 * MINUTE)

    assert prices.at("IBM", [BEGIN + 30 * MINUTE]) == [5]


def test_without_a_history_the_latest_print_is_all_that_is_known():
    prices = Prices(None, latest(BEGIN, 9), until=BEGIN + DAY)

    assert prices.at("IBM", [BEGIN - 1, BEGIN, BEGIN + DAY]) == [0, 9, 9]
    assert prices.at("MSFT", [BEGIN]) == [0]


def test_a_history_that_cannot_be_read_knows_nothing():
    class Broken(Recorded):
        def minutes(self, *_args, **_options):
            raise TapeMissing("gone")

    assert Prices(Broken({}), {}, until=BEGIN).at("IBM", [BEGIN]) == [0]
