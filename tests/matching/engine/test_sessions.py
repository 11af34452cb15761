"""S1 and S2: waiting for a session, and ending with one. Prices in cents, quantities in shares."""

from __future__ import annotations

import pytest

from matching.engine.types import Session, TimeInForce
from tests.matching.engine.markets import SECOND, Market

CLOSED, PRE, REGULAR, POST = Session
EXTENDED = {"extended_hours": True}
GTC = {"time_in_force": TimeInForce.GTC}
ACCEPTED, OPENED = ("accepted", "o", "S2"), ("new", "o", "S2")
EXPIRED = ("expired", "o", "S1")


@pytest.mark.parametrize(
    ("placed_in", "terms", "enters", "expected"),
    [
        pytest.param(CLOSED, {}, (PRE, REGULAR), [[], [OPENED]], id="day waits for regular"),
        pytest.param(CLOSED, EXTENDED, (PRE, REGULAR), [[OPENED], []], id="extended for pre"),
        pytest.param(
            POST, {}, (CLOSED, PRE, REGULAR, POST), [[], [], [OPENED], [EXPIRED]], id="day from post"
        ),
        pytest.param(CLOSED, EXTENDED, (CLOSED, PRE), [[], [OPENED]], id="closed said twice"),
        pytest.param(POST, GTC, (CLOSED, REGULAR, POST), [[], [OPENED], []], id="gtc from post"),
    ],
)
def test_an_order_waits_for_a_session_that_it_may_trade_in(placed_in, terms, enters, expected):
    market = Market(placed_in)

    assert market.buy("o", 5, 1000, **terms) == [ACCEPTED]
    assert [market.enter(session) for session in enters] == expected


@pytest.mark.parametrize(
    ("terms", "enters", "expected"),
    [
        pytest.param({}, (POST, CLOSED), [[EXPIRED], []], id="day ends with regular"),
        pytest.param({}, (CLOSED,), [[EXPIRED]], id="day ends when there is no post"),
        pytest.param(EXTENDED, (POST, CLOSED), [[], [EXPIRED]], id="extended day with post"),
        pytest.param(EXTENDED, (POST, PRE), [[], [EXPIRED]], id="or with the next day"),
        pytest.param(GTC, (POST, CLOSED, PRE, REGULAR), [[], [], [], []], id="gtc goes on"),
        pytest.param(GTC | EXTENDED, (POST, CLOSED, PRE), [[], [], []], id="extended gtc too"),
    ],
)
def test_time_in_force_says_which_session_ends_an_order(terms, enters, expected):
    market = Market(REGULAR)
    market.buy("o", 5, 1000, **terms)

    assert [market.enter(session) for session in enters] == expected


def test_an_aged_gtc_order_is_canceled_at_a_session_change():
    market = Market(REGULAR)
    market.buy("o", 5, 1000, **GTC, expires_at=10 * SECOND)
    market.wait(9)
    assert market.enter(POST) == []
    market.wait(1)

    assert market.enter(CLOSED) == [("canceled", "o", "S1")]


def test_orders_that_waited_meet_the_standing_quote_in_order_of_acceptance():
    market = Market(PRE)
    market.quote(999, 7, 1001, 8)
    market.buy("a", 5)
    market.buy("fok", 4, time_in_force=TimeInForce.FOK)
    market.buy("b", 5, 1002)
    market.buy("ioc", 5, time_in_force=TimeInForce.IOC)

    assert market.enter(REGULAR) == [
        ("new", "a", "S2"),
        ("fill", "a", "L2", 5, 1001),
        ("new", "fok", "S2"),
        ("canceled", "fok", "L2-ioc"),
        ("new", "b", "S2"),
        ("partial_fill", "b", "L2", 3, 1001),
        ("new", "ioc", "S2"),
        ("canceled", "ioc", "L2-ioc"),
    ]


def test_nobody_trades_outside_its_sessions():
    market = Market(REGULAR)
    market.buy("o", 5, 1000, **GTC)
    market.enter(POST)

    assert market.quote(990, 7, 995, 8) == []
    assert market.trade(990, 50) == []
    assert market.enter(CLOSED) == []
    assert market.trade(990, 50) == []


def test_an_overnight_order_arrives_anew_and_gets_the_touch():
    market = Market(REGULAR)
    market.quote(999, 7, 1001, 8)
    market.buy("o", 5, 1000, **GTC)
    market.enter(CLOSED)
    market.quote(990, 7, 995, 8)

    assert market.enter(REGULAR) == [("fill", "o", "L2", 5, 995)]


def test_a_quote_too_old_for_the_regular_session_serves_after_it():
    market = Market(REGULAR)
    market.quote(999, 7, 1001, 8)
    market.wait(61)
    market.buy("o", 5, 1001, **EXTENDED)

    assert market.enter(POST) == [("fill", "o", "L2", 5, 1001)]


def test_an_order_ended_by_a_session_keeps_what_it_filled():
    market = Market(REGULAR)
    market.quote(999, 7, 1001, 3)
    market.buy("o", 5, 1001)
    market.enter(POST)

    assert market.decisions[-1].leaves_quantity == 2 * SECOND  # a share is 10**9 units, too


def test_waiting_orders_can_be_canceled_and_replaced():
    market = Market(CLOSED)
    market.buy("a", 5, 1000)
    market.buy("b", 5, 1000)

    assert market.cancel("a") == [("canceled", "a", "C0")]
    assert market.replace("b", "o", "buy", 9, 1001) == [("replaced", "b", "C0"), ACCEPTED]
    assert market.enter(REGULAR) == [OPENED]
