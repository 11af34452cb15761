"""R1 to R4: resting orders, their queue and their replacement. Prices in cents, quantities in shares."""

from __future__ import annotations

import pytest

from matching.engine.types import CENT, SHARE, TAKING, Model, TimeInForce
from tests.matching.engine.markets import Market

INSTANT = {"model": Model.INSTANT}


def resting(limit=1000, **terms) -> Market:
    """Return a market at 999 x 1001 in which `o`, a buy of 10, rests."""
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 10, limit, **terms)
    return market


@pytest.mark.parametrize(
    ("ask", "size", "expected"),
    [
        pytest.param(1001, 9, [], id="still away"),
        pytest.param(1000, 20, [("fill", "o", "R2", 10, 1000)], id="reaches the limit"),
        pytest.param(998, 4, [("partial_fill", "o", "R2", 4, 1000)], id="crosses it, with less"),
    ],
)
def test_a_resting_order_fills_at_its_limit_when_the_touch_comes(ask, size, expected):
    market = resting()

    assert market.quote(990, 7, ask, size) == expected


def test_a_resting_sell_is_the_mirror_image():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.sell("o", 10, 1000)

    assert market.quote(1002, 4, 1003, 8) == [("partial_fill", "o", "R2", 4, 1000)]
    assert market.trade(1001, 6) == [("fill", "o", "R2", 6, 1000)]


@pytest.mark.parametrize(
    ("price", "size", "eligible", "terms", "expected"),
    [
        pytest.param(999, 4, True, {}, [("partial_fill", "o", "R2", 4, 1000)], id="through"),
        pytest.param(999, 40, True, {}, [("fill", "o", "R2", 10, 1000)], id="through, more"),
        pytest.param(999, 40, False, {}, [], id="through, but not eligible"),
        pytest.param(1000, 4, True, {}, [("partial_fill", "o", "R3", 4, 1000)], id="at, no queue"),
        pytest.param(1000, 40, False, {}, [], id="at, but not eligible"),
        pytest.param(1001, 40, True, {}, [], id="above a buy"),
        pytest.param(999, 4, True, INSTANT, [("fill", "o", "R2", 10, 1000)], id="instant, whole"),
        pytest.param(1000, 40, True, INSTANT, [], id="instant has no R3"),
    ],
)
def test_a_print_fills_a_resting_order(price, size, eligible, terms, expected):
    market = resting(**terms)

    assert market.trade(price, size, eligible=eligible) == expected


def test_a_fill_by_a_print_through_the_limit_keeps_the_price_of_the_print():
    market = resting()
    market.trade(997, 3)

    made = market.decisions[-1]
    assert (made.price, made.offer_price, made.is_print) == (1000 * CENT, 997 * CENT, True)


def test_a_print_fills_even_when_the_quote_is_stale_or_crossed():
    market = resting()
    market.wait(100)
    assert market.trade(999, 3) == [("partial_fill", "o", "R2", 3, 1000)]
    market.quote(1005, 7, 1003, 8)
    assert market.trade(999, 3) == [("partial_fill", "o", "R2", 3, 1000)]


def test_better_prices_are_served_first_then_earlier_orders():
    market = Market()
    market.quote(990, 7, 1001, 8)
    for order_id, limit in (("late", 998), ("low", 997), ("high", 999), ("later", 998)):
        market.buy(order_id, 3, limit)

    assert market.trade(996, 10) == [
        ("fill", "high", "R2", 3, 999),
        ("fill", "late", "R2", 3, 998),
        ("fill", "later", "R2", 3, 998),
        ("partial_fill", "low", "R2", 1, 997),
    ]


def test_takers_are_served_before_resting_orders():
    market = resting()
    market.buy("taker", 12)

    assert market.quote(990, 7, 1000, 6) == [
        ("fill", "taker", "L2", 4, 1000),
        ("partial_fill", "o", "R2", 2, 1000),
    ]


QUEUES = [
    pytest.param(999, [], 7, id="at the touch: the displayed size"),
    pytest.param(1000, [], 0, id="improves the touch: nobody"),
    pytest.param(998, [], None, id="behind the touch: unknown"),
    pytest.param(999, [("quote", 999, 9, 1001, 8)], 7, id="more behind it does not matter"),
    pytest.param(999, [("quote", 999, 4, 1001, 8)], 4, id="falls with the displayed size"),
    pytest.param(999, [("quote", 1000, 1, 1001, 8)], 7, id="hidden by a better bid: kept"),
    pytest.param(999, [("quote", 998, 5, 1001, 8)], 0, id="the touch fell away: nobody"),
    pytest.param(999, [("quote", 0, 0, 1001, 8)], 0, id="no bid at all: nobody"),
    pytest.param(999, [("quote", 999, 2, 998, 8)], 7, id="a crossed quote moves no queue"),
    pytest.param(998, [("quote", 998, 5, 1001, 8)], 5, id="first becomes the touch"),
    pytest.param(998, [("quote", 997, 5, 1001, 8)], 0, id="the touch jumps past it"),
    pytest.param(998, [("quote", 998, 5, 1001, 8), ("quote", 998, 9, 1001, 8)], 5, id="set only once"),
    pytest.param(999, [("trade", 999, 3)], 4, id="a print uses it up"),
    pytest.param(999, [("trade", 999, 3), ("quote", 999, 6, 1001, 8)], 4, id="and it stays used"),
    pytest.param(998, [("trade", 998, 3)], None, id="a print while unknown says nothing"),
]


@pytest.mark.parametrize(("limit", "events", "queue"), QUEUES)
def test_the_queue_ahead_follows_the_touch(limit, events, queue):
    market = resting(limit)
    for name, *values in events:
        getattr(market, name)(*values)

    expected = None if queue is None else queue * SHARE
    drained = market.engine.drain_queues()

    assert drained["o"] == expected
    assert market.engine.drain_queues() == {}


def test_a_print_at_the_limit_first_uses_up_the_queue():
    market = resting(999)

    assert market.trade(999, 5) == []
    assert market.trade(999, 6) == [("partial_fill", "o", "R3", 4, 999)]
    assert market.decisions[-1].queue_before == 2 * SHARE
    assert market.trade(999, 6) == [("fill", "o", "R3", 6, 999)]


def test_orders_of_an_account_share_a_print():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("first", 3, 1000)
    market.buy("second", 3, 1000)
    market.buy("bobs", 3, 1000, account="bob")

    assert market.trade(1000, 5) == [
        ("fill", "first", "R3", 3, 1000),
        ("partial_fill", "second", "R3", 2, 1000),
        ("fill", "bobs", "R3", 3, 1000),
    ]


def test_an_order_that_never_rested_says_so():
    market = resting(1005)

    assert market.engine.drain_queues() == {"o": TAKING}


@pytest.mark.parametrize(
    ("quantity", "limit", "terms", "expected"),
    [
        pytest.param(10, 999, {}, [("partial_fill", "s", "R3", 2, 999)], id="same terms"),
        pytest.param(1, 999, {}, [("fill", "s", "R3", 1, 999)], id="less"),
        pytest.param(11, 999, {}, [], id="more loses the place"),
        pytest.param(10, 998, {}, [("partial_fill", "s", "R2", 7, 998)], id="another limit"),
    ],
)
def test_a_replacement_keeps_the_place_when_it_asks_no_more(quantity, limit, terms, expected):
    market = resting(999)
    market.trade(999, 5)  # 2 of 7 are left ahead
    market.quote(999, 20, 1001, 8)

    assert market.replace("o", "s", "buy", quantity, limit, **terms) == [
        ("replaced", "o", "C0"),
        ("new", "s", "C0"),
    ]
    price = 997 if limit == 998 else 999
    size = 7 if limit == 998 else 4
    assert market.trade(price, size) == expected


def test_a_kept_place_is_before_later_orders_and_reported():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 3, 1000)
    market.buy("later", 3, 1000)
    market.replace("o", "s", "buy", 2, 1000)

    assert market.decisions[-1].queue_priority == (2, 1)
    assert market.trade(1000, 3) == [
        ("fill", "s", "R3", 2, 1000),
        ("partial_fill", "later", "R3", 1, 1000),
    ]


def test_a_kept_queue_leaves_the_longer_ones_at_its_price_alone():
    market = Market()
    market.quote(999, 4, 1001, 8)
    market.buy("o", 3, 999)
    market.quote(999, 9, 1001, 8)
    market.buy("later", 3, 999)
    market.replace("o", "s", "buy", 2, 999)
    market.quote(999, 5, 1001, 8)

    assert market.engine.drain_queues() == {"s": 4 * SHARE, "later": 5 * SHARE}


def test_a_replacement_may_take_at_once():
    market = resting(999)

    assert market.replace("o", "s", "buy", 5, 1001) == [
        ("replaced", "o", "C0"),
        ("new", "s", "C0"),
        ("fill", "s", "L2", 5, 1001),
    ]


def test_a_replacement_of_a_done_order_is_rejected():
    market = resting()
    market.trade(999, 10)

    assert market.replace("o", "s", "buy", 5, 1001) == [("rejected", "s", "C0")]
    assert market.engine.open_count() == 0


def test_a_canceled_order_never_fills():
    market = resting()

    assert market.cancel("o") == [("canceled", "o", "C0")]
    assert market.cancel("o") == []
    assert market.trade(990, 99) == []
    assert market.quote(980, 1, 990, 99) == []


def test_a_refused_replacement_leaves_the_old_order_alone():
    market = resting()

    with pytest.raises(ValueError, match="symbol and the side"):
        market.replace("o", "s", "sell", 5, 1001)
    with pytest.raises(ValueError, match="has a cut-off"):
        market.replace("o", "s", "buy", 5, 1001, time_in_force=TimeInForce.OPG)
    assert market.trade(999, 10) == [("fill", "o", "R2", 10, 1000)]
