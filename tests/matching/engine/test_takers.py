"""L1 to L5: offers, and the orders that take them. Prices in cents, quantities in shares."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from matching.engine.types import (
    CENT,
    MONEY,
    SHARE,
    Decision,
    Event,
    Model,
    Rule,
    Session,
    TimeInForce,
)
from tests.matching.engine.markets import SECOND, Market

NEW = ("new", "o", "C0")
IOC: dict[str, Any] = {"time_in_force": TimeInForce.IOC}
FOK: dict[str, Any] = {"time_in_force": TimeInForce.FOK}
GTC: dict[str, Any] = {"time_in_force": TimeInForce.GTC}
INSTANT: dict[str, Any] = {"model": Model.INSTANT}
CANCELED = ("canceled", "o", "L2-ioc")


@pytest.mark.parametrize(
    ("side", "quantity", "limit", "terms", "expected"),
    [
        pytest.param("buy", 5, None, {}, [("fill", "o", "L2", 5, 1001)], id="buys at the ask"),
        pytest.param("sell", 5, None, {}, [("fill", "o", "L2", 5, 999)], id="sells at the bid"),
        pytest.param("buy", 9, None, {}, [("partial_fill", "o", "L2", 8, 1001)], id="size is all"),
        pytest.param("buy", 5, 1009, {}, [("fill", "o", "L2", 5, 1001)], id="limit gets the touch"),
        pytest.param("buy", 5, 1001, {}, [("fill", "o", "L2", 5, 1001)], id="limit at the touch"),
        pytest.param("buy", 5, 1000, {}, [], id="limit below the ask waits"),
        pytest.param("sell", 5, 1000, {}, [], id="limit above the bid waits"),
        pytest.param("sell", 0.5, 999, {}, [("fill", "o", "L2", 0.5, 999)], id="a fraction"),
        pytest.param("buy", 9, 1001, IOC, [("partial_fill", "o", "L2", 8, 1001), CANCELED], id="ioc rest"),
        pytest.param("buy", 9, 1000, IOC, [CANCELED], id="ioc without liquidity"),
        pytest.param("buy", 9, 1001, FOK, [CANCELED], id="fok more than shown"),
        pytest.param("buy", 8, 1001, FOK, [("fill", "o", "L2", 8, 1001)], id="fok all that is shown"),
        pytest.param("buy", 8, 1000, FOK, [CANCELED], id="fok beyond its limit"),
        pytest.param("buy", 99, None, INSTANT, [("fill", "o", "L2", 99, 1001)], id="instant whole"),
        pytest.param("buy", 99, 1001, INSTANT | FOK, [("fill", "o", "L2", 99, 1001)], id="instant fok"),
        pytest.param("sell", 99, 1000, INSTANT, [], id="instant keeps the limit"),
    ],
)
def test_an_arriving_order_takes_the_touch(side, quantity, limit, terms, expected):
    market = Market()
    market.quote(999, 7, 1001, 8)

    assert market.place("o", side, quantity, limit, **terms) == [NEW, *expected]


def test_a_fill_carries_its_evidence():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 3)

    assert market.decisions[-1] == Decision(
        order_id="o",
        symbol="IBM",
        event=Event.FILL,
        rule=Rule.TAKE,
        seq=2,
        at=1,
        quantity=3 * SHARE,
        price=1001 * CENT,
        leaves_quantity=0,
        offer_seq=2,
        offer_price=1001 * CENT,
        offered=8 * SHARE,
        bid=999 * CENT,
        bid_size=7 * SHARE,
        ask=1001 * CENT,
        ask_size=8 * SHARE,
    )


def test_an_account_takes_an_offer_once_over_all_its_orders():
    market = Market()
    market.quote(999, 7, 1001, 8)

    assert market.buy("a", 6) == [("new", "a", "C0"), ("fill", "a", "L2", 6, 1001)]
    assert market.buy("b", 6) == [("new", "b", "C0"), ("partial_fill", "b", "L2", 2, 1001)]
    assert market.buy("c", 6) == [("new", "c", "C0")]


def test_another_account_sees_the_offer_untouched():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("a", 8)

    assert market.buy("b", 8, account="bob")[1:] == [("fill", "b", "L2", 8, 1001)]


def test_with_contention_accounts_share_the_offer():
    market = Market(contention=True)
    market.quote(999, 7, 1001, 8)
    market.buy("a", 6)

    assert market.buy("b", 6, account="bob")[1:] == [("partial_fill", "b", "L2", 2, 1001)]


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        pytest.param((999, 7, 1001, 8), [], id="the same quote again"),
        pytest.param((998, 7, 1001, 8), [], id="only the other side changed"),
        pytest.param((999, 7, 1001, 9), [("fill", "o", "L2", 2, 1001)], id="another size"),
        pytest.param((999, 7, 1002, 8), [("fill", "o", "L2", 2, 1002)], id="another price"),
    ],
)
def test_the_rest_waits_for_a_new_offer(quote, expected):
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 10)

    assert market.quote(*quote) == expected


def test_a_size_that_comes_back_is_offered_anew():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 20, **GTC)

    assert market.quote(999, 7, 1001, 5) == [("partial_fill", "o", "L2", 5, 1001)]
    assert market.quote(999, 7, 1001, 8) == [("fill", "o", "L2", 7, 1001)]


def test_waiting_takers_are_served_in_order_of_acceptance():
    market = Market()
    market.buy("a", 5, 1005)
    market.buy("b", 5)
    market.buy("c", 5, 1009)

    assert market.quote(999, 7, 1001, 12) == [
        ("fill", "a", "L2", 5, 1001),
        ("fill", "b", "L2", 5, 1001),
        ("partial_fill", "c", "L2", 2, 1001),
    ]


def test_a_marketable_rest_takes_at_the_touch_until_the_touch_moves_away():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 20, 1003)

    assert market.quote(999, 7, 1002, 4) == [("partial_fill", "o", "L2", 4, 1002)]
    assert market.quote(999, 7, 1004, 4) == []
    assert market.quote(999, 7, 1001, 4) == [("partial_fill", "o", "R2", 4, 1003)]


def test_an_order_that_no_quote_has_met_does_not_pay_its_limit():
    market = Market()

    assert market.buy("o", 5, 2000) == [NEW]
    assert market.quote(999, 7, 0, 0) == []
    assert market.quote(999, 7, 1001, 8) == [("fill", "o", "L2", 5, 1001)]


def test_prints_do_not_fill_takers():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", 20, 1003)

    assert market.trade(1001, 50) == []
    assert market.trade(999, 50) == []


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        pytest.param((1002, 7, 1001, 8), [CANCELED], id="crossed fills nobody"),
        pytest.param((1001, 7, 1001, 8), [("fill", "o", "L2", 5, 1001)], id="locked is good"),
        pytest.param((0, 0, 1001, 8), [("fill", "o", "L2", 5, 1001)], id="only an ask"),
        pytest.param((999, 7, 0, 0), [CANCELED], id="only a bid"),
    ],
)
def test_only_a_good_quote_fills_an_arriving_buy(quote, expected):
    market = Market()
    market.quote(*quote)

    assert market.buy("o", 5, **IOC) == [NEW, *expected]


def test_a_crossed_quote_fills_no_waiting_order_either():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("rests", 5, 1000)
    market.buy("waits", 9)

    assert market.quote(1002, 7, 1000, 6) == []
    assert market.quote(1000, 7, 1000, 6) == [
        ("fill", "waits", "L2", 1, 1000),
        ("fill", "rests", "R2", 5, 1000),
    ]


@pytest.mark.parametrize(
    ("session", "seconds", "expected"),
    [
        pytest.param(Session.REGULAR, 60, [("fill", "o", "L2", 5, 1001)], id="60 s old is good"),
        pytest.param(Session.REGULAR, 60.1, [], id="older is stale"),
        pytest.param(Session.PRE, 600, [("fill", "o", "L2", 5, 1001)], id="any age before the open"),
    ],
)
def test_a_stale_quote_fills_nobody(session, seconds, expected):
    market = Market(session)
    market.quote(999, 7, 1001, 8)
    market.wait(seconds)

    assert market.buy("o", 5, 1001, extended_hours=True) == [NEW, *expected]


def test_a_quote_grows_stale_while_the_market_is_silent_and_is_good_when_it_is_told_again():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.engine.keep_silence(market.engine.at + 61 * SECOND)

    assert market.buy("o", 5) == [NEW]
    assert market.quote(999, 7, 1001, 8) == [("fill", "o", "L2", 5, 1001)]


def test_a_repeated_quote_makes_a_stale_offer_good_again():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("before", 6)
    market.wait(61)
    market.buy("o", 5)

    assert market.quote(999, 7, 1001, 8) == [("partial_fill", "o", "L2", 2, 1001)]


def test_what_instant_takes_counts_against_the_accounts_other_orders():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("a", 6, **INSTANT)

    assert market.buy("o", 6)[1:] == [("partial_fill", "o", "L2", 2, 1001)]


@pytest.mark.parametrize(
    ("dollars", "event", "quantity"),
    [
        pytest.param(Decimal("10.01"), "fill", 1_000_000_000, id="exactly a share"),
        pytest.param(Decimal(10), "fill", 999_000_999, id="rounded down to 1e-9 share"),
        pytest.param(Decimal("80.08"), "fill", 8_000_000_000, id="exactly what is shown"),
        pytest.param(Decimal("80.09"), "partial_fill", 8_000_000_000, id="more than is shown"),
    ],
)
def test_a_notional_order_buys_what_its_money_affords(dollars, event, quantity):
    market = Market()
    market.quote(999, 7, 1001, 8)

    market.buy("o", notional=int(dollars * MONEY))

    decision = market.decisions[-1]
    assert (decision.event, decision.quantity, decision.price) == (event, quantity, 1001 * CENT)
    assert decision.leaves_quantity is None


def test_a_notional_order_goes_on_with_the_money_that_is_left():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", notional=90 * MONEY)

    assert market.quote(999, 7, 1000, 8) == [("fill", "o", "L2", 0.992, 1000)]


def test_a_notional_rest_that_buys_nothing_is_canceled():
    market = Market()
    market.quote(999, 7, 1001, 8)
    market.buy("o", notional=8 * SHARE * 1001 * CENT + 1001 * CENT)

    assert market.quote(999, 7, 1002, 8) == [("canceled", "o", "N2")]
    assert market.engine.open_count() == 0


def test_a_notional_sale_ends_with_the_shares_that_it_holds_when_the_price_has_fallen():
    market = Market()
    market.quote(1000, 1, 1002, 8)
    market.sell("o", notional=40 * MONEY, quantity_max=4 * SHARE)

    assert market.quote(500, 9, 1002, 8) == [("fill", "o", "L2", 3, 500)]
    assert market.engine.open_count() == 0


@pytest.mark.parametrize(
    ("collar", "answer"),
    [
        pytest.param(1002, [("new", "o", "C0")], id="the offer is beyond it"),
        pytest.param(1003, [("new", "o", "C0"), ("fill", "o", "L2", 2, 1003)], id="the offer is just within"),
    ],
)
def test_a_market_order_pays_no_more_than_its_collar(collar, answer):
    market = Market()
    market.quote(999, 7, 1003, 8)
    assert market.buy("o", 2, collar=collar * CENT) == answer


def test_a_market_order_beyond_its_collar_waits_and_takes_the_touch_that_comes_back():
    market = Market()
    market.quote(999, 7, 1003, 8)
    market.buy("o", 2, collar=1002 * CENT)

    assert market.quote(999, 7, 1004, 8) == []
    assert market.quote(999, 7, 1001, 8) == [("fill", "o", "L2", 2, 1001)]
