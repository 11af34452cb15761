"""What an order sets aside when the market is what it is. No database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from matching.engine.types import DOLLAR, Quote, Session, Trade
from matching.market.latest import Latest
from trading.errors import RuleBroken
from trading.services.reserve import (
    Prices,
    price_of_short,
    price_of_stop,
    price_of_trail,
    require_stop,
    require_trail,
    shares_for,
)

D = Decimal
NOW = 1_000 * 10**9


def prices(
    *, bid: str = "0", ask: str = "0", last: str = "0", age_s: int = 1, session: Session = Session.REGULAR
) -> Prices:
    def units(text: str) -> int:
        return int(D(text) * DOLLAR)

    at = NOW - age_s * 10**9
    quote = Quote(seq=1, at=at, bid=units(bid), bid_size=1, ask=units(ask), ask_size=1)
    trade = Trade(seq=2, at=at, price=units(last), size=1) if units(last) else None
    return Prices(symbol="ACME", latest=Latest(quote=quote, trade=trade), session=session, now=NOW)


NORMAL = prices(bid="99", ask="101", last="100")


def test_a_share_costs_the_offer_and_fetches_the_bid_while_the_market_trades() -> None:
    assert (NORMAL.ask, NORMAL.bid, NORMAL.last) == (101, 99, 100)


@pytest.mark.parametrize(
    "known",
    [
        prices(bid="99", ask="101", last="100", age_s=61),
        prices(bid="99", ask="101", last="100", session=Session.POST),
        prices(bid="102", ask="101", last="100"),
    ],
    ids=["stale", "after hours", "crossed"],
)
def test_otherwise_both_are_the_last_price(known: Prices) -> None:
    assert (known.ask, known.bid) == (100, 100)


def test_before_anything_has_traded_it_is_the_middle_of_the_quote_in_extended_hours() -> None:
    quoted = prices(bid="99", ask="101.0001", session=Session.PRE)
    assert (quoted.ask, quoted.bid) == (D("100.0001"), D("100.0001"))


@pytest.mark.parametrize(
    "known",
    [
        prices(bid="99", ask="101", session=Session.CLOSED),
        prices(bid="99", ask="101", age_s=61),
        prices(bid="102", ask="101", session=Session.PRE),
        prices(ask="101", session=Session.POST),
    ],
    ids=["closed", "stale", "crossed", "one side"],
)
def test_no_other_quote_values_what_nobody_has_traded(known: Prices) -> None:
    with pytest.raises(RuleBroken, match="no price of ACME is known yet"):
        _ = known.ask


def test_of_what_has_no_price_no_order_can_be_valued() -> None:
    with pytest.raises(RuleBroken, match="no price of ACME is known yet"):
        _ = prices().ask


@pytest.mark.parametrize(
    ("stop", "price"),
    [("40", "41.6"), ("49.99", "51.98"), ("50", "51.25"), ("100", "102.5"), ("0.5", "0.52")],
)
def test_a_buy_stop_holds_the_collar_at_which_it_becomes_a_limit_order(stop: str, price: str) -> None:
    assert price_of_stop(D(stop)) == D(price)


def test_a_trailing_buy_holds_the_stop_with_which_it_begins() -> None:
    assert price_of_trail(D(100), D("2.5"), None) == D("102.5")
    assert price_of_trail(D("33.33"), None, D("1.01")) == D("33.6667")  # rounded up to what a price holds


@pytest.mark.parametrize(("limit", "price"), [(None, "104.03"), ("90", "104.03"), ("110", "110")])
def test_a_short_sale_holds_the_offer_and_some_or_its_limit(limit: str | None, price: str) -> None:
    assert price_of_short(None if limit is None else D(limit), NORMAL) == D(price)


@pytest.mark.parametrize(
    ("side", "stop", "is_fine"),
    [("buy", "100.01", True), ("buy", "100", False), ("sell", "99.99", True), ("sell", "100", False)],
)
def test_a_stop_lies_ahead_of_the_market(side: str, stop: str, is_fine: bool) -> None:
    if is_fine:
        require_stop(side, D(stop), NORMAL)
        return
    with pytest.raises(RuleBroken, match="than current price") as refusal:
        require_stop(side, D(stop), NORMAL)
    assert refusal.value.context == {"market_price": "100", "stop_price": stop}


def test_where_no_price_is_known_a_stop_may_lie_anywhere() -> None:
    require_stop("buy", D(1), prices())


def test_a_sale_cannot_trail_by_more_than_the_whole_price() -> None:
    require_trail("sell", D("99.99"), NORMAL)
    require_trail("buy", D(500), NORMAL)
    with pytest.raises(RuleBroken, match="trail price must be less than current price"):
        require_trail("sell", D(100), NORMAL)


@pytest.mark.parametrize(
    ("available", "held"),
    [("100", "10.526315790"), ("10.2", "10.2"), ("3", "10")],
    ids=["room", "some", "none"],
)
def test_a_sale_by_money_holds_room_for_a_falling_price_as_far_as_there_are_shares(
    available: str, held: str
) -> None:
    assert shares_for(D(1000), D(100), D(available)) == D(held)
