"""T1 to T4: stops and trailing stops. Prices in cents, quantities in shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from matching.engine.triggers import collar, is_bad_print, trailing_stop
from matching.engine.types import CENT, Event, Session, Side, TimeInForce, WatermarkMove
from tests.matching.engine.markets import Market

GTC: dict[str, Any] = {"time_in_force": TimeInForce.GTC}
T1, T3 = ("triggered", "o", "T1"), ("triggered", "o", "T3")


def market_at(bid=999, ask=1001, **options) -> Market:
    market = Market(**options)
    market.quote(bid, 7, ask, 8)
    return market


@pytest.mark.parametrize(
    ("side", "terms", "price", "expected"),
    [
        pytest.param("sell", {"stop": 995}, 996, [], id="sell: not yet"),
        pytest.param("sell", {"stop": 995}, 995, [T1, ("fill", "o", "L2", 5, 999)], id="sell: at the stop"),
        pytest.param("sell", {"stop": 995}, 990, [T1, ("fill", "o", "L2", 5, 999)], id="sell: beyond it"),
        pytest.param("buy", {"stop": 1005}, 1004, [], id="buy: not yet"),
        pytest.param("buy", {"stop": 1005}, 1005, [T1, ("fill", "o", "L2", 5, 1001)], id="buy: at the stop"),
        pytest.param(
            "sell", {"stop": 995, "limit": 999}, 995, [T1, ("fill", "o", "L2", 5, 999)], id="sell limit"
        ),
        pytest.param("sell", {"stop": 995, "limit": 1000}, 995, [T1], id="sell limit that must wait"),
        pytest.param(
            "buy", {"stop": 1005, "limit": 1001}, 1005, [T1, ("fill", "o", "L2", 5, 1001)], id="buy limit"
        ),
        pytest.param("buy", {"stop": 1005, "limit": 1000}, 1005, [T1], id="buy limit that must wait"),
    ],
)
def test_a_print_at_or_beyond_the_stop_triggers_it(side, terms, price, expected):
    market = market_at()

    assert market.place("o", side, 5, **terms) == [("new", "o", "C0")]
    assert market.trade(price, 1) == expected


def test_a_trigger_tells_its_evidence():
    market = market_at()
    market.sell("o", 5, stop=995)
    market.trade(994, 1)

    trigger = market.decisions[1]
    assert (trigger.price, trigger.stop_price, trigger.is_print) == (994 * CENT, 995 * CENT, True)
    assert (trigger.offer_seq, trigger.bid, trigger.ask) == (trigger.seq, 999 * CENT, 1001 * CENT)
    assert trigger.is_triggered
    assert trigger.quantity == 0


@pytest.mark.parametrize(
    ("stop", "limit"),
    [
        pytest.param(100_000, 104_000, id="4 % below $50"),
        pytest.param(123_400, 128_300, id="rounded down to the cent"),
        pytest.param(499_900, 519_800, id="just below $50"),
        pytest.param(500_000, 512_500, id="2.5 % from $50 on"),
        pytest.param(5_000, 5_200, id="below a dollar"),
        pytest.param(9_801, 10_100, id="across a dollar: the larger tick"),
    ],
)
def test_a_buy_stop_becomes_a_limit_at_its_collar(stop, limit):
    assert collar(stop) == limit


def test_a_triggered_buy_stop_does_not_pay_more_than_its_collar():
    market = market_at()
    market.buy("o", 5, stop=1005)
    market.quote(1050, 7, 1051, 8)

    assert market.trade(1052, 1) == [T1]
    assert market.quote(1040, 7, 1045, 8) == [("fill", "o", "R2", 5, 1045)]


def test_a_triggered_stop_limit_rests_and_is_not_filled_by_the_print_that_triggered_it():
    market = market_at()
    market.buy("o", 5, 1004, stop=1003)
    market.quote(1005, 7, 1006, 8)

    assert market.trade(1003, 50) == [T1]
    assert market.trade(1003, 50) == [("fill", "o", "R2", 5, 1004)]


@pytest.mark.parametrize(
    ("price", "bid", "ask", "is_bad"),
    [
        pytest.param(950, 999, 1001, False, id="5 % below"),
        pytest.param(949, 999, 1001, True, id="more"),
        pytest.param(1050, 999, 1001, False, id="5 % above"),
        pytest.param(1051, 999, 1001, True, id="more above"),
        pytest.param(5, 0, 1001, False, id="no bid, no midpoint"),
        pytest.param(5, 999, 0, False, id="no ask, no midpoint"),
    ],
)
def test_a_print_far_from_the_midpoint_is_bad(price, bid, ask, is_bad):
    assert is_bad_print(price, bid, ask, 500) is is_bad


def test_a_bad_print_triggers_nothing_and_moves_no_watermark():
    market = market_at()
    market.sell("o", 5, stop=995)
    market.sell("t", 5, trail=10)

    assert market.trade(949, 1) == []
    assert market.trade(1051, 1) == []
    assert market.engine.drain_watermarks() == []


LONG = [1000] * 40  # long enough for whole columns to be looked at


@pytest.mark.parametrize(
    ("prints", "watermark", "trigger"),
    [
        pytest.param([*LONG, 1010, *LONG], 1010, 990, id="a new high"),
        pytest.param([*LONG, 1010, 1012, *LONG, 1011], 1012, 992, id="the highest of some"),
        pytest.param([*LONG, 1051, *LONG], 1000, 980, id="a bad print"),
        pytest.param([*LONG, 1010, *LONG, 1051], 1010, 990, id="a bad print and a new high"),
    ],
)
def test_a_watermark_follows_many_prints_at_once(prints, watermark, trigger):
    market = market_at()
    market.sell("o", 5, trail=20)

    assert market.trades_at_once(prints) == []
    assert market.engine.drain_watermarks() == [
        WatermarkMove(symbol="IBM", side=Side.SELL, seq=3 + prints.index(watermark), price=watermark * CENT)
    ]
    assert market.trade(trigger + 1, 1) == []
    assert market.trade(trigger, 1)[0] == T3


def test_a_stale_midpoint_judges_no_print():
    market = market_at()
    market.sell("o", 5, stop=995)
    market.wait(61)

    assert market.trade(940, 1) == [T1]


def test_an_ineligible_print_triggers_nothing():
    market = market_at()
    market.sell("o", 5, stop=995)

    assert market.trade(990, 1, eligible=False) == []


def test_quotes_trigger_nothing_where_there_are_prints():
    market = market_at()
    market.sell("o", 5, stop=995)

    assert market.quote(980, 7, 985, 8) == []


@pytest.mark.parametrize(
    ("side", "terms", "quote", "expected"),
    [
        pytest.param("sell", {"stop": 995}, (996, 1001), [], id="sell: bid above"),
        pytest.param(
            "sell", {"stop": 995}, (995, 1001), [T1, ("fill", "o", "L2", 5, 995)], id="sell: bid at"
        ),
        pytest.param("buy", {"stop": 1005}, (999, 1004), [], id="buy: ask below"),
        pytest.param(
            "buy", {"stop": 1005}, (999, 1005), [T1, ("fill", "o", "L2", 5, 1005)], id="buy: ask at"
        ),
        pytest.param("sell", {"stop": 995}, (0, 900), [], id="no bid to trade against"),
        pytest.param("sell", {"stop": 995}, (990, 980), [], id="a crossed quote"),
        pytest.param("sell", {"trail": 3}, (995, 1001), [], id="trailing: no watermark before this"),
    ],
)
def test_on_a_tape_without_prints_the_touch_triggers(side, terms, quote, expected):
    market = market_at(without_prints=("IBM",))
    market.place("o", side, 5, **terms)
    bid, ask = quote

    assert market.quote(bid, 7, ask, 8) == expected


def test_a_trailing_stop_follows_the_touch_on_a_tape_without_prints():
    market = market_at(without_prints=("IBM",))
    market.sell("o", 5, trail=3)
    market.quote(1005, 7, 1010, 8)

    assert market.quote(1003, 7, 1010, 8) == []
    assert market.quote(1002, 7, 1010, 8) == [T3, ("fill", "o", "L2", 5, 1002)]


def test_a_triggered_sell_stop_waits_for_a_bid_as_any_market_order():
    market = market_at()
    market.quote(0, 0, 1001, 8)
    market.sell("o", 5, stop=995)

    assert market.trade(990, 1) == [T1]
    assert market.quote(985, 3, 1001, 8) == [("partial_fill", "o", "L2", 3, 985)]


def test_stops_of_one_print_trigger_buys_first_and_by_priority():
    market = market_at()
    market.sell("far", 3, stop=1000)
    market.sell("near", 3, stop=1002)
    market.buy("buy", 3, stop=999)

    assert [decision for decision in market.trade(1000, 1) if decision[0] == "triggered"] == [
        ("triggered", "buy", "T1"),
        ("triggered", "far", "T1"),
        ("triggered", "near", "T1"),
    ]


@pytest.mark.parametrize("session", [Session.PRE, Session.POST, Session.CLOSED])
def test_a_stop_triggers_in_the_regular_session_only(session):
    market = market_at()
    market.sell("o", 5, stop=995, **GTC)
    market.sell("t", 5, trail=3, **GTC)
    market.enter(session)

    assert market.trade(990, 1) == []
    assert market.engine.drain_watermarks() == []
    market.enter(Session.REGULAR)
    assert market.trade(994, 1)[0] == T1


# Trailing stops

HIGH = [1000, 1002, 1001, 1003]


@pytest.mark.parametrize(
    ("side", "terms", "prints", "trigger"),
    [
        pytest.param("sell", {"trail": 2}, HIGH, 1001, id="sell: dollars below the high"),
        pytest.param("sell", {"percent": 0.5}, HIGH, 998, id="sell: percent, rounded up to the cent"),
        pytest.param("buy", {"trail": 2}, [1000, 998, 999, 997], 999, id="buy: dollars above the low"),
        pytest.param("buy", {"percent": 0.5}, [1000, 998, 999, 997], 1001, id="buy: percent, rounded down"),
    ],
)
def test_a_trailing_stop_follows_the_best_print_since_acceptance(side, terms, prints, trigger):
    market = market_at(990, 1010)
    market.trade(1020 if side == "sell" else 980, 1)  # before acceptance: does not count
    market.place("o", side, 5, **terms)
    past = 1 if side == "sell" else -1
    seen = [market.trade(price, 1) for price in (*prints, trigger + past)]

    assert seen == [[]] * 5
    assert market.trade(trigger, 1)[0] == T3
    assert market.decisions[1].watermark == prints[-1] * CENT
    assert market.decisions[1].stop_price == trigger * CENT


@pytest.mark.parametrize(
    ("sign", "watermark", "trail_price", "trail_percent", "stop"),
    [
        pytest.param(-1, 1_000_000, 10_000, None, 990_000, id="sell: a dollar"),
        pytest.param(1, 1_000_000, 10_000, None, 1_010_000, id="buy: a dollar"),
        pytest.param(-1, 1_000_100, None, 10_000, 990_100, id="sell: 1 % of 100.01, 99.0099 up"),
        pytest.param(1, 1_000_100, None, 10_000, 1_010_100, id="buy: 101.0101 down"),
        pytest.param(-1, 9_999, None, 10_000, 9_900, id="sell: below a dollar, 0.989901 up"),
        pytest.param(-1, 50_000, None, 1_000, 49_900, id="sell: a trail less than a tick is a tick"),
        pytest.param(1, 50_000, None, 1_000, 50_100, id="buy: the same"),
        pytest.param(-1, 1_000_050, 50, None, 1_000_000, id="sell: a high between ticks"),
        pytest.param(-1, 10_000, 20_000, None, -10_000, id="sell: more than the price, never reached"),
    ],
)
def test_a_trailing_stop_is_rounded_toward_the_market(sign, watermark, trail_price, trail_percent, stop):
    assert trailing_stop(sign, watermark, trail_price, trail_percent) == stop


def test_the_watermark_moves_before_the_trigger_is_tested():
    market = market_at(990, 1010)
    market.sell("o", 5, trail=2)
    market.trade(1000, 1)

    assert market.trade(1005, 1) == []
    assert market.trade(1003, 1)[0] == T3


def test_orders_accepted_at_different_times_have_their_own_watermarks():
    market = market_at(990, 1010)
    for order_id, price in (("a", 1005), ("b", 1004), ("c", 1002)):
        market.sell(order_id, 1, trail=4)
        market.trade(price, 1)
    market.sell("d", 1, percent=2)
    assert market.trade(1003, 1) == []  # c and d have 1003 now, and stand together

    assert [one[1] for one in market.trade(1001, 1) if one[0] == "triggered"] == ["a"]
    assert [one[1] for one in market.trade(998, 1) if one[0] == "triggered"] == ["b", "c"]


def test_watermark_moves_are_told_as_few_as_they_can_be():
    market = market_at(990, 1010)
    market.sell("o", 1, trail=50)
    for price in (1000, 999, 1001, 1003):
        market.trade(price, 1)
    market.sell("late", 1, trail=50)
    market.trade(1002, 1)

    seq = market.engine.seq
    assert market.engine.drain_watermarks() == [
        WatermarkMove(symbol="IBM", side=Side.SELL, seq=seq - 1, price=1003 * CENT),
        WatermarkMove(symbol="IBM", side=Side.SELL, seq=seq, price=1002 * CENT),
    ]
    assert market.engine.drain_watermarks() == []


def test_a_replaced_trailing_stop_keeps_its_watermark():
    market = market_at(990, 1010)
    market.sell("o", 5, trail=5)
    market.trade(1005, 1)
    market.replace("o", "s", "sell", 5, trail=3)

    assert market.decisions[-1].watermark == 1005 * CENT
    assert market.trade(1002, 1)[0] == ("triggered", "s", "T3")


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_trailing_stop_that_ends_tells_how_far_it_had_come(has_begun):
    market = market_at(990, 1010)
    if not has_begun:
        market.enter(Session.POST)
    market.sell("o", 5, trail=5)
    market.trade(1005, 1)
    market.cancel("o")
    market.trade(1007, 1)

    assert market.decisions[-1].event is Event.CANCELED
    assert market.decisions[-1].watermark == (1005 * CENT if has_begun else None)


def test_the_successor_of_a_triggered_stop_limit_is_triggered():
    market = market_at()
    market.sell("o", 5, 1003, stop=995)
    market.trade(995, 1)
    market.replace("o", "s", "sell", 5, 1001, stop=995)

    assert market.decisions[-1].is_triggered
    assert market.quote(1001, 7, 1002, 8) == [("fill", "s", "R2", 5, 1001)]


def test_a_canceled_stop_never_triggers():
    market = market_at()
    market.sell("o", 5, stop=995)
    market.sell("t", 5, trail=3)
    market.trade(1000, 1)
    market.cancel("o")
    market.cancel("t")

    assert market.trade(990, 1) == []


def test_a_restored_trailing_stop_goes_on_from_its_watermark():
    market = market_at(990, 1010)
    order = replace(market.order("o", Side.SELL, 5, trail=3), is_active=True, watermark=1005 * CENT)
    market.engine.restore([order])

    assert market.trade(1003, 1) == []
    assert market.trade(1002, 1)[0] == T3


def test_trailing_stops_of_both_sides_become_market_orders():
    market = Market()
    market.quote(999, 7, 1001, 8)
    for order_id, side in (("b", "buy"), ("s", "sell")):
        market.place(order_id, side, 5, trail=10)
    market.trade(1000, 1)

    assert market.trade(1012, 1)[-1] == ("fill", "b", "L2", 5, 1001)
    assert market.trade(1001, 1)[-1] == ("fill", "s", "L2", 5, 999)
