"""How far a market came for trailing stops: a staircase, kept beside the decisions (T3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from matching.engine.types import Side, WatermarkMove
from matching.models import Market, Watermark
from tests.factories.desk import commit
from tests.factories.rows import make_market
from trading.adapters.journal_writes import staircase

if TYPE_CHECKING:
    from tests.factories.sessions import Session


@pytest.fixture
def market(transactional_db: None) -> Market:
    return make_market()


def step(seq: int, price: int, side: str = "sell", symbol: str = "XYZ") -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "seq": seq, "price": price}


def stairs(market: Market, **of: Any) -> list[tuple[int, int]]:
    return list(Watermark.objects.filter(market=market, **of).order_by("seq").values_list("seq", "price"))


@pytest.mark.django_db(transaction=True)
def test_a_step_takes_away_the_earlier_ones_that_are_no_better(worker: Session, market: Market) -> None:
    commit(worker, market.pk, watermarks=[step(1, 90), step(2, 80), step(3, 70)])

    commit(worker, market.pk, watermarks=[step(9, 80)])

    assert stairs(market) == [(1, 90), (9, 80)]


@pytest.mark.django_db(transaction=True)
def test_a_buy_follows_the_market_down(worker: Session, market: Market) -> None:
    commit(worker, market.pk, watermarks=[step(1, 70, "buy"), step(2, 80, "buy"), step(3, 90, "buy")])

    commit(worker, market.pk, watermarks=[step(9, 80, "buy")])

    assert stairs(market) == [(1, 70), (9, 80)]


@pytest.mark.django_db(transaction=True)
def test_sides_symbols_and_markets_have_stairs_of_their_own(worker: Session, market: Market) -> None:
    other = make_market()
    commit(worker, other.pk, watermarks=[step(1, 10)])
    commit(worker, market.pk, watermarks=[step(1, 10), step(1, 90, "buy"), step(1, 10, symbol="ABC")])

    commit(worker, market.pk, watermarks=[step(2, 50), step(2, 95, "buy")])

    assert stairs(market, symbol="XYZ", side="sell") == [(2, 50)]
    assert stairs(market, side="buy") == [(1, 90), (2, 95)]
    assert stairs(market, symbol="ABC") == stairs(other) == [(1, 10)]


@pytest.mark.django_db(transaction=True)
def test_a_new_run_forgets_the_stairs_of_its_symbols(worker: Session, market: Market) -> None:
    commit(worker, market.pk, watermarks=[step(7, 90), step(8, 20, symbol="ABC")])

    commit(worker, market.pk, run=2, fresh=["XYZ"], watermarks=[step(1, 50)])

    assert stairs(market, symbol="XYZ") == [(1, 50)]
    assert stairs(market, symbol="ABC") == [(8, 20)]


@given(prices=st.lists(st.integers(1, 6), max_size=12), side=st.sampled_from(Side))
def test_of_one_batch_only_those_moves_are_kept_that_somebody_may_ask_for(
    prices: list[int], side: Side
) -> None:
    moves = [WatermarkMove(symbol="XYZ", side=side, seq=seq, price=price) for seq, price in enumerate(prices)]
    best = max if side is Side.SELL else min

    kept = sorted((move.seq, move.price) for move in staircase(moves))

    for since in range(-1, len(prices)):  # what an order that works since then would be told
        later = [price for seq, price in kept if seq > since]
        assert later[:1] == ([best(prices[since + 1 :])] if prices[since + 1 :] else [])
