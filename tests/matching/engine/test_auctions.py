"""S3: orders for the opening and the closing auction. Prices in cents, quantities in shares."""

from __future__ import annotations

from typing import Any

import pytest

from matching.engine.types import Model, Session, TimeInForce
from tests.matching.engine.markets import SECOND, Market

CLOSED, PRE, REGULAR, POST = Session
CUT_OFF = 100 * SECOND
OPG: dict[str, Any] = {"time_in_force": TimeInForce.OPG, "cut_off_at": CUT_OFF}
CLS: dict[str, Any] = {"time_in_force": TimeInForce.CLS, "cut_off_at": CUT_OFF}
ACCEPTED, NEW, EXPIRED = ("accepted", "o", "S2"), ("new", "o", "S2"), ("expired", "o", "S3")


def opening(side="buy", quantity=5, limit=None, **terms) -> Market:
    """Return a market whose regular session has begun, with an order for the opening auction."""
    market = Market(PRE)
    assert market.place("o", side, quantity, limit, **OPG | terms) == [ACCEPTED]
    assert market.enter(REGULAR) == [NEW]
    return market


@pytest.mark.parametrize(
    ("side", "quantity", "limit", "terms", "expected"),
    [
        pytest.param("buy", 5, None, {}, [("fill", "o", "S3", 5, 1000)], id="market on open"),
        pytest.param("sell", 5, None, {}, [("fill", "o", "S3", 5, 1000)], id="a sell"),
        pytest.param("buy", 5, 1000, {}, [("fill", "o", "S3", 5, 1000)], id="at the limit"),
        pytest.param("buy", 5, 1010, {}, [("fill", "o", "S3", 5, 1000)], id="better than the limit"),
        pytest.param("buy", 5, 999, {}, [EXPIRED], id="buy: worse than the limit"),
        pytest.param("sell", 5, 1001, {}, [EXPIRED], id="sell: worse than the limit"),
        pytest.param(
            "buy", 9, None, {}, [("partial_fill", "o", "S3", 8, 1000), EXPIRED], id="the rest expires"
        ),
        pytest.param("buy", 9, None, {"model": Model.INSTANT}, [("fill", "o", "S3", 9, 1000)], id="instant"),
    ],
)
def test_the_official_price_fills_what_it_reaches_and_the_rest_expires(
    side, quantity, limit, terms, expected
):
    market = opening(side, quantity, limit, **terms)

    assert market.auction(1000, 8) == expected
    assert market.engine.open_count() == 0


def test_an_account_shares_the_auction_best_price_first():
    market = Market(PRE)
    for order_id, side, limit in (
        ("low", "buy", 1001),
        ("high", "buy", 1002),
        ("any", "buy", None),
        ("s", "sell", None),
    ):
        market.place(order_id, side, 3, limit, **OPG)
    market.buy("bobs", 3, 1001, account="bob", **OPG)
    market.enter(REGULAR)

    assert market.auction(1000, 8) == [
        ("fill", "any", "S3", 3, 1000),
        ("fill", "high", "S3", 3, 1000),
        ("partial_fill", "low", "S3", 2, 1000),
        ("expired", "low", "S3"),
        ("fill", "bobs", "S3", 3, 1000),
        ("expired", "s", "S3"),
    ]


def test_an_auction_fill_carries_its_evidence():
    market = opening()
    market.quote(990, 1, 1010, 1)
    market.auction(1000, 8)

    fill = market.decisions[-1]
    assert (fill.is_print, fill.offer_seq, fill.offered) == (
        True,
        fill.seq,
        8 * SECOND,
    )  # 10**9 units a share
    assert (fill.bid, fill.ask) == (99_000, 101_000)


def test_quotes_and_prints_leave_auction_orders_alone():
    market = opening()

    assert market.quote(999, 50, 1001, 50) == []
    assert market.trade(990, 50) == []
    assert market.auction(1000, 8, is_opening=False) == []  # the other auction


def test_an_auction_fills_no_other_order_and_triggers_none():
    market = Market(REGULAR)
    market.quote(999, 7, 1001, 8)
    market.buy("rests", 5, 1000)
    market.sell("stops", 5, stop=995)

    assert market.auction(990, 50) == []


@pytest.mark.parametrize(
    ("terms", "enters", "expected"),
    [
        pytest.param(OPG, (PRE, REGULAR, POST), [[], [NEW], [EXPIRED]], id="opg without an auction"),
        pytest.param(CLS, (PRE, REGULAR, POST, CLOSED), [[], [NEW], [], [EXPIRED]], id="cls without one"),
        pytest.param(CLS, (REGULAR, CLOSED, PRE), [[NEW], [], [EXPIRED]], id="cls of a day without post"),
    ],
)
def test_an_auction_that_never_comes_expires_its_orders(terms, enters, expected):
    market = Market(CLOSED)
    market.buy("o", 5, **terms)

    assert [market.enter(session) for session in enters] == expected


def test_the_closing_auction_may_come_after_the_close():
    market = Market(REGULAR)
    assert market.buy("o", 5, 1000, **CLS) == [("new", "o", "C0")]
    market.enter(POST)

    assert market.auction(1000, 8, is_opening=False) == [("fill", "o", "S3", 5, 1000)]


def test_a_closing_order_entered_after_the_close_waits_for_the_next_one():
    market = Market(POST)
    assert market.buy("o", 5, 1000, **CLS) == [ACCEPTED]

    assert market.auction(1000, 8, is_opening=False) == []
    assert [market.enter(session) for session in (CLOSED, PRE, REGULAR)] == [[], [], [NEW]]


def test_before_the_cut_off_an_order_can_be_canceled_and_replaced():
    market = opening()

    assert market.replace("o", "s", "buy", 3, **OPG) == [("replaced", "o", "C0"), ("new", "s", "C0")]
    assert market.cancel("s") == [("canceled", "s", "C0")]


def test_a_successor_that_comes_after_the_close_waits_for_the_next_auction():
    """Found by comparison: it kept its place in the line of an auction that it could no longer join."""
    market = Market(REGULAR)
    market.buy("old", 5, 1000, **CLS)
    market.enter(POST)

    assert market.replace("old", "o", "buy", 5, 1000, **CLS) == [("replaced", "old", "C0"), ACCEPTED]
    assert market.auction(1000, 8, is_opening=False) == []


def test_from_the_cut_off_on_an_order_goes_on_whatever_its_owner_wishes():
    market = opening()
    market.wait(100)

    assert market.cancel("o") == [("order_cancel_rejected", "o", "S3")]
    assert market.replace("o", "s", "buy", 3, **OPG) == [
        ("order_replace_rejected", "o", "S3"),
        ("rejected", "s", "S3"),
    ]
    assert market.auction(1000, 8) == [("fill", "o", "S3", 5, 1000)]


def test_an_order_is_not_accepted_from_its_cut_off_on():
    market = Market(PRE)
    market.wait(100)

    assert market.buy("o", 5, **OPG) == [("rejected", "o", "S3")]
    assert market.engine.open_count() == 0


def test_a_market_that_is_gone_ends_even_those_that_are_cut_off():
    market = opening()
    market.wait(100)

    assert [(d.order_id, str(d.event)) for d in market.engine.cancel_all()] == [("o", "canceled")]
    assert market.engine.open_count() == 0


def test_an_auction_in_a_halt_leaves_its_orders_waiting_for_the_one_after_it():
    market = opening()
    market.halt()

    assert market.auction(1000, 8) == []
    market.resume()
    assert market.auction(1001, 8) == [("fill", "o", "S3", 5, 1001)]
