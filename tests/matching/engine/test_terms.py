"""N1's ticks, the terms the engine refuses, and the table of states."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from alpaca.trading.enums import OrderStatus

from matching.engine import states
from matching.engine.checks import UnsupportedOrder
from matching.engine.engine import Engine, OutOfOrder
from matching.engine.states import Status
from matching.engine.ticks import OffTick, price_from_dollars, tick_of
from matching.engine.types import Chunk, Event, Model, OrderType, Profile, Session, Side, TimeInForce
from tests.matching.engine.markets import Market


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        pytest.param(10_000, 100, id="a dollar"),
        pytest.param(10_050, 100, id="half a cent above a dollar"),
        pytest.param(9_999, 1, id="just below a dollar"),
        pytest.param(1, 1, id="the smallest price"),
    ],
)
def test_a_tick_is_a_cent_from_a_dollar_on(price, tick):
    assert tick_of(price) == tick


@pytest.mark.parametrize(
    ("dollars", "price"),
    [("1", 10_000), ("1.00000", 10_000), ("187.43", 1_874_300), ("0.1234", 1_234), ("1E+2", 1_000_000)],
)
def test_dollars_on_a_tick_become_an_exact_price(dollars, price):
    assert price_from_dollars(Decimal(dollars)) == price


@pytest.mark.parametrize(
    "dollars", ["1.001", "0.12345", "10.000000000000000000000000000000000000001", "1E-99", "1E-999999"]
)
def test_dollars_off_the_tick_are_refused(dollars):
    with pytest.raises(OffTick, match="is not a multiple of 0"):
        price_from_dollars(Decimal(dollars))


@pytest.mark.parametrize("dollars", ["0", "-1", "NaN", "sNaN", "Infinity", "1E309", "1E999999"])
def test_dollars_that_are_no_price_are_refused(dollars):
    with pytest.raises(ValueError, match="is not between"):
        price_from_dollars(Decimal(dollars))


@pytest.mark.parametrize(
    "terms",
    [
        pytest.param({"order_type": OrderType.STOP}, id="stop with a limit and no stop"),
        pytest.param({"order_type": OrderType.STOP_LIMIT}, id="stop limit without a stop"),
        pytest.param({"stop_price": 5}, id="limit with a stop"),
        pytest.param({"order_type": OrderType.TRAILING_STOP, "limit_price": None}, id="no trail"),
        pytest.param(
            {
                "order_type": OrderType.TRAILING_STOP,
                "limit_price": None,
                "trail_price": 1,
                "trail_percent": 1,
            },
            id="two trails",
        ),
        pytest.param({"order_type": OrderType.STOP, "limit_price": None, "stop_price": 0}, id="stop of zero"),
        pytest.param(
            {
                "order_type": OrderType.STOP,
                "limit_price": None,
                "stop_price": 5,
                "time_in_force": TimeInForce.IOC,
            },
            id="immediate stop",
        ),
        pytest.param({"time_in_force": TimeInForce.OPG}, id="opg without a cut-off"),
        pytest.param({"cut_off_at": 5}, id="day with a cut-off"),
        pytest.param({"group": "g"}, id="a group of one"),
        pytest.param({"profile": Profile(reject_rate=10_001)}, id="a chance above one"),
        pytest.param({"profile": Profile(latency_ms=-1)}, id="latency before time"),
        pytest.param({"quantity": None}, id="no size"),
        pytest.param({"notional": 5}, id="two sizes"),
        pytest.param({"quantity": 0}, id="no quantity"),
        pytest.param({"quantity": -1}, id="less than none"),
        pytest.param({"limit_price": None}, id="limit without a price"),
        pytest.param({"limit_price": 0}, id="limit of zero"),
        pytest.param({"order_type": OrderType.MARKET}, id="market with a limit"),
        pytest.param({"extended_hours": True, "time_in_force": TimeInForce.IOC}, id="extended ioc"),
        pytest.param({"side": "buy"}, id="a bare word for a side"),
        pytest.param({"model": "dreams"}, id="unknown model"),
    ],
)
def test_terms_without_rules_are_refused_and_leave_nothing_behind(terms):
    market = Market()
    order = replace(market.order("o", Side.BUY, 5, 1000), **terms)

    with pytest.raises(UnsupportedOrder):
        market.engine.place(order)

    assert market.engine.open_count() == 0
    assert market.cancel("o") == []


def test_an_open_orders_id_is_refused():
    market = Market()
    market.buy("o", 5, 1000)

    with pytest.raises(ValueError, match="already open"):
        market.buy("o", 6, 1000)

    assert market.cancel("o") == [("canceled", "o", "C0")]


def test_a_market_that_goes_back_is_refused():
    engine = Engine()
    engine.advance(Chunk(seq=5, at=7))

    with pytest.raises(OutOfOrder):
        engine.advance(Chunk(seq=4, at=8))

    assert (engine.seq, engine.at, engine.session) == (5, 7, Session.CLOSED)


def test_decisions_of_several_symbols_stand_in_market_order():
    quotes = [("A", 3), ("B", 4), ("A", 5), ("B", 6)]
    market = Market()
    for symbol in ("A", "B"):
        market.buy(symbol, 9, symbol=symbol, model=Model.DISPLAYED)
    for symbol, size in quotes:
        market.quote(999, size, 1001, size, symbol=symbol)
    at_once = Market()
    for symbol in ("A", "B"):
        at_once.buy(symbol, 9, symbol=symbol)
    at_once.quotes_at_once(quotes)

    assert at_once.decisions == market.decisions
    assert [d.order_id for d in market.decisions[2:]] == ["A", "B", "A", "B"]


LIVES = {
    "filled in parts": "pending_new new partial_fill partial_fill fill order_cancel_rejected",
    "queued overnight": "pending_new accepted new expired",
    "canceled": "pending_new new pending_cancel canceled",
    "filled while a cancel is pending": "pending_new pending_cancel new partial_fill fill",
    "replaced": "pending_new new pending_replace partial_fill replaced",
    "replace beaten by the fill": "pending_new new pending_replace fill order_replace_rejected",
    "rejected successor": "pending_new rejected",
    "bracket exit": "held new fill",
    "gtc over days": "pending_new new done_for_day new canceled",
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
def test_the_documented_lives_are_possible(life):
    first, *events = life.split()
    status = Status(first)
    assert status in states.INITIAL

    for event in events:
        status = states.status_after(status, Event(event))

    assert not states.is_open(status)


@pytest.mark.parametrize("status", sorted(states.TERMINAL))
def test_nothing_leaves_a_terminal_status(status):
    for event in Event:
        if (status, event) in states.TABLE:
            assert states.status_after(status, event) is status
        else:
            with pytest.raises(states.ImpossibleMove, match=f"{event} cannot happen"):
                states.status_after(status, event)


def test_every_status_of_the_wire_is_in_the_table_or_explained():
    """The SDK's list is the wire's."""
    words = {str(status.value) for status in OrderStatus}

    assert words == set(Status) | set(states.NEVER)


def test_a_refused_wish_gives_an_open_order_back_what_it_was():
    wishes = {Event.CANCEL_REJECTED, Event.REPLACE_REJECTED}
    for status, event in states.RESTORES:
        with pytest.raises(states.ImpossibleMove):
            states.status_after(status, event)
    open_pairs = {pair for pair in states.TABLE if pair[1] in wishes and states.is_open(pair[0])}

    assert not open_pairs
    assert {status for status, _ in states.RESTORES} == {Status.PENDING_CANCEL, Status.PENDING_REPLACE}


# What may happen to an order of each open status; everything else is refused.
HAPPENS = {
    Status.PENDING_NEW: "accepted new held canceled expired rejected pending_cancel",
    Status.ACCEPTED: "new canceled expired rejected restated pending_cancel pending_replace",
    Status.HELD: "accepted new triggered restated canceled expired rejected pending_cancel pending_replace",
    Status.NEW: "triggered restated partial_fill fill canceled expired pending_cancel pending_replace done_for_day",
    Status.PARTIALLY_FILLED: (
        "triggered restated partial_fill fill canceled expired pending_cancel pending_replace done_for_day"
    ),
    Status.DONE_FOR_DAY: "new canceled expired pending_cancel",
    Status.PENDING_CANCEL: "accepted new triggered restated partial_fill fill canceled expired rejected",
    Status.PENDING_REPLACE: "accepted new triggered restated partial_fill fill canceled expired replaced",
}


@pytest.mark.parametrize("status", HAPPENS)
def test_every_pair_is_listed_or_refused(status):
    for event in Event:
        assert ((status, event) in states.TABLE) == (event in HAPPENS[status].split()), event


def test_every_status_can_be_reached_and_every_open_one_can_end():
    reached = set(states.TABLE.values()) | states.INITIAL
    assert reached == set(Status)

    for status in filter(states.is_open, Status):
        assert states.status_after(status, Event.CANCELED) is Status.CANCELED


def test_the_engines_own_events_follow_the_table():
    """The sequences of decisions that the other tests see are lives, too."""
    market = Market(Session.CLOSED)
    market.buy("o", 9, 1001)
    market.enter(Session.REGULAR)
    market.quote(999, 7, 1001, 8)
    market.quote(999, 7, 1001, 5)

    events = [decision.event for decision in market.decisions]
    status = Status.PENDING_NEW
    seen = [status := states.status_after(status, event) for event in events]

    assert seen == ["accepted", "new", "partially_filled", "filled"]
    assert all(a.seq <= b.seq for a, b in pairwise(market.decisions))
