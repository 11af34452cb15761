"""C4 on bars: within one bar the stop wins. Prices in cents, quantities in shares."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from matching.engine import scan
from matching.engine.types import Model, Order, Profile, Role, Session, Side
from tests.matching.engine.markets import Market, Short

BARS: dict[str, Any] = {"model": Model.BARS, "profile": Profile(participation=10_000)}
TRIGGERED: list[Short] = [("triggered", "sl", "T1"), ("new", "sl", "T1")]


def pair(market: Market, side: Side, **terms: Any) -> tuple[Order, Order]:
    """Return an oco of 5: a target 20 cents from $10 and a stop 20 cents on the other side."""
    target, stop = (1020, 980) if side is Side.SELL else (980, 1020)
    return (
        market.order("tp", side, 5, target, role=Role.TAKE_PROFIT, **terms),
        market.order("sl", side, 5, stop=stop, role=Role.STOP_LOSS, **terms),
    )


def oco(side: Side = Side.SELL, **terms: Any) -> Market:
    """Return a market of bars in which such an oco rests."""
    market = Market()
    market.place_class(*pair(market, side, **BARS | terms))
    assert market.bar(1000, 1001, 999, 1000, each=1) == []
    return market


@pytest.mark.parametrize(
    ("side", "bar", "price"),
    [
        pytest.param(Side.SELL, (1005, 1021, 970, 990), 970, id="the target is nearer"),
        pytest.param(Side.SELL, (995, 1030, 975, 990), 975, id="the stop is nearer"),
        pytest.param(Side.BUY, (995, 1030, 979, 1010), 1030, id="of a short: the target is nearer"),
        pytest.param(Side.BUY, (1005, 1025, 970, 1010), 1025, id="of a short: the stop is nearer"),
        pytest.param(Side.SELL, (1015, 1020, 980, 1000), 980, id="both just reached"),
    ],
)
def test_of_a_bar_that_could_fill_both_exits_the_stop_wins_and_says_so(side, bar, price):
    assert oco(side).bar(*bar, each=9) == [
        *TRIGGERED,
        ("fill", "sl", "B1", 5, price),
        ("canceled", "tp", "C4"),
    ]


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        pytest.param((1005, 1021, 981, 990), [("fill", "tp", "B1", 5, 1020)], id="the stop is not reached"),
        pytest.param((1025, 1026, 970, 990), [("fill", "tp", "B1", 5, 1020)], id="the open comes first"),
    ],
)
def test_a_bar_that_must_have_come_to_the_target_alone_or_first_fills_it(bar, expected):
    assert oco().bar(*bar, each=9) == [*expected, ("canceled", "sl", "C2")]


def test_the_stop_of_a_bar_that_opens_beyond_it_never_met_the_target():
    # At the open nobody knows the bar's extremes: the stop is done before the target is reached.
    assert oco().bar(970, 1030, 960, 1000, each=9) == [
        *TRIGGERED,
        ("fill", "sl", "B1", 5, 970),
        ("canceled", "tp", "C2"),
    ]


def test_a_winning_stop_goes_on_with_later_bars():
    market = oco()

    assert market.bar(1005, 1021, 970, 1000, each=2) == [
        *TRIGGERED,
        ("partial_fill", "sl", "B1", 2, 970),
        ("restated", "tp", "C4"),
        ("partial_fill", "sl", "B1", 2, 1000),
        ("restated", "tp", "C4"),
    ]
    assert market.bar(1030, 1031, 1029, 1030, each=9) == [
        ("fill", "sl", "B1", 1, 1030),
        ("canceled", "tp", "C4"),
    ]


def test_the_prints_of_a_bar_fill_a_resting_target_of_another_model_no_sooner():
    market = oco(model=Model.DISPLAYED, profile=Profile())
    market.quote(1000, 7, 1001, 8)

    assert market.bar(1005, 1021, 970, 1000, each=9) == [
        *TRIGGERED,
        ("fill", "sl", "L2", 5, 1000),
        ("canceled", "tp", "C4"),
    ]


def test_a_bad_print_does_not_make_the_stop_win():
    market = oco()
    market.quote(1000, 7, 1001, 8)

    assert market.bar(1005, 1021, 900, 1000, each=9)[0] == ("fill", "tp", "B1", 5, 1020)


def test_a_stop_that_is_not_in_the_market_does_not_win():
    market = Market(Session.PRE)
    target, stop = pair(market, Side.SELL, **BARS)
    entry = market.order("e", Side.BUY, 5, 1018, role=Role.ENTRY, **BARS)
    market.place_class(entry, target, stop)
    market.enter(Session.REGULAR)

    # The open lets the entry rest; the low fills it and releases exits, which that print does not serve.
    assert market.bar(1019, 1021, 1018, 1020, each=9) == [
        ("fill", "e", "B1", 5, 1018),
        ("new", "tp", "C1"),
        ("fill", "tp", "B1", 5, 1020),
        ("canceled", "sl", "C2"),
    ]


def test_a_lone_order_takes_a_bars_prints_one_by_one():
    market = oco()
    market.sell("o", 5, 1020, **BARS | {"account": "bob"})
    market.buy("p", 5, stop=1021, account="bob", **BARS)

    assert ("fill", "o", "B1", 5, 1020) in market.bar(1005, 1021, 970, 990, each=9)


@pytest.mark.parametrize("short", [1, 64], ids=["by columns", "row by row"])
def test_a_bar_is_known_though_its_row_is_skipped(short):
    with mock.patch.object(scan, "_SHORT", short):
        assert oco().bar(1005, 1021, 970, 990, each=9)[-1] == ("canceled", "tp", "C4")
