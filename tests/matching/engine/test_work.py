"""The work of an item is in proportion to what it does, however many orders rest."""

from __future__ import annotations

from unittest import mock

import pytest

from matching.engine import stops, trails
from matching.engine.triggers import stop_of
from tests.matching.engine.markets import Market

COUNT = 500


@pytest.mark.parametrize("is_alike", [True, False], ids=["one trail", "a trail for each"])
def test_a_moving_watermark_visits_no_order_but_the_nearest(is_alike):
    market = Market()
    market.quote(1990, 7, 2010, 8)
    for number in range(COUNT):
        market.sell(f"o{number}", 1, trail=200 if is_alike else 200 + number)
    market.trade(2000, 1)

    with mock.patch.object(trails, "stop_of", side_effect=stop_of) as visited:
        for price in range(2001, 2021):
            market.trade(price, 1)

    assert visited.call_count <= 2 * 20


def test_orders_with_many_watermarks_are_moved_a_few_times_each():
    market = Market()
    market.quote(1990, 7, 2010, 8)
    with mock.patch.object(trails.Run, "add", autospec=True, side_effect=trails.Run.add) as moved:
        for number in range(COUNT):  # a fall, in which each order gets a watermark of its own
            market.sell(f"o{number}", 1, trail=5_000 + number)
            market.trade(2010 - number % 30, 1)
        for price in range(1980, 2030):
            market.trade(price, 1)

    assert moved.call_count <= 10 * COUNT  # log2 of 500 is 9


def test_a_print_that_triggers_one_stop_visits_no_other():
    market = Market()
    market.quote(1990, 7, 2010, 8)
    for number in range(COUNT):
        market.sell(f"o{number}", 1, stop=1800 - number)
    market.sell("near", 1, stop=1980)

    with mock.patch.object(stops, "_by_stop", side_effect=stops._by_stop) as visited:
        assert len(market.trade(1970, 1)) == 2

    assert visited.call_count <= 5
