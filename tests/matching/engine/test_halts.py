"""S4: a halt stops fills and triggers. Prices in cents, quantities in shares."""

from __future__ import annotations

from typing import Any

import pytest

from matching.engine.types import Session, TimeInForce
from tests.matching.engine.markets import Market

GTC: dict[str, Any] = {"time_in_force": TimeInForce.GTC}


def halted() -> Market:
    """Return a halted market at 999 x 1001 with resting, taking, stopped and trailing orders."""
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("rests", 5, 1000)
    market.buy("takes", 9)
    market.sell("stops", 5, stop=995)
    market.sell("trails", 5, trail=3)
    assert market.halt() == []
    return market


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("quote", (980, 50, 985, 50), id="a quote through everything"),
        pytest.param("trade", (980, 50), id="a print through everything"),
        pytest.param("auction", (980, 50), id="an auction"),
    ],
)
def test_nothing_fills_or_triggers_in_a_halt(name, values):
    market = halted()

    assert getattr(market, name)(*values) == []
    assert market.engine.drain_watermarks() == []


def test_at_the_end_of_a_halt_everybody_meets_the_quote_that_stands():
    market = halted()
    market.quote(985, 50, 990, 3)

    assert market.resume() == [("fill", "takes", "L2", 1, 990), ("partial_fill", "rests", "R2", 2, 1000)]
    assert market.trade(995, 1)[:2] == [
        ("partial_fill", "rests", "R2", 1, 1000),
        ("triggered", "stops", "T1"),
    ]


def test_a_print_in_a_halt_uses_up_no_queue():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 5, 999)
    market.halt()
    market.trade(999, 7)
    market.resume()

    assert market.trade(999, 9) == [("partial_fill", "o", "R3", 2, 999)]


def test_orders_may_be_entered_replaced_and_canceled_in_a_halt():
    market = halted()

    assert market.buy("o", 5, 1001) == [("new", "o", "C0")]
    assert market.replace("o", "s", "buy", 4, 1001) == [("replaced", "o", "C0"), ("new", "s", "C0")]
    assert market.cancel("s") == [("canceled", "s", "C0")]
    assert market.buy("ioc", 5, 1001, time_in_force=TimeInForce.IOC)[1:] == [("canceled", "ioc", "L2-ioc")]


def test_a_stale_or_crossed_quote_serves_nobody_at_the_end_of_a_halt():
    market = halted()
    market.quote(992, 50, 990, 50)
    assert market.resume() == []
    market.halt()
    market.quote(989, 50, 990, 50)
    market.wait(61)
    assert market.resume() == []


def test_a_halt_outlasts_the_session():
    market = halted()
    market.buy("o", 5, 1001, **GTC)
    market.enter(Session.CLOSED)
    market.enter(Session.REGULAR)

    assert market.quote(989, 50, 990, 50) == []
    assert market.resume() == [("fill", "o", "L2", 5, 990)]


def test_the_end_of_no_halt_means_nothing():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("takes", 9)

    assert market.resume() == []


def test_a_halt_stops_its_own_symbol_only():
    market = halted()

    assert market.buy("o", 5, 1001, symbol="BAC") == [("new", "o", "C0")]
    assert market.quote(999, 7, 1001, 8, symbol="BAC") == [("fill", "o", "L2", 5, 1001)]
