"""One market on three shards, each decided by a process of its own, one of which is killed: deploy/growing.md."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from matching.market.rows import market_state
from matching.models import Shard
from tests.faults.test_hub_deaths import _live_market
from tests.trading.stage import Stage
from trading.adapters.journal import symbols_of_shard
from trading.doorbells import ring_market
from trading.ledger_audit import audit_ledger
from trading.models import Order
from trading.services.markets import activate_market

if TYPE_CHECKING:
    from uuid import UUID

    from tests.faults.children import Child, Nursery
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

SHARDS = 3
SYMBOLS = ["AAPL", "BAC", "F", "GE", "IBM", "KO", "MSFT", "SPY", "T"]


def bear(nursery: Nursery, shard: int) -> Child:
    return nursery.bear("matcher", options=["--shard", str(shard), "--shards", str(SHARDS)])


def place_all(stage: Stage, account: TradingAccount) -> dict[str, UUID]:
    """Rest an order far below the market in each symbol."""
    return {
        symbol: stage.submit(account, symbol=symbol, quantity="1", limit_price="1.00", marks={})[0]
        for symbol in SYMBOLS
    }


def decided(orders: dict[str, UUID]) -> set[str]:
    """Return the symbols whose orders a matcher has taken to work them."""
    return set(Order.objects.filter(pk__in=orders.values(), status="new").values_list("symbol", flat=True))


def canceled(orders: dict[str, UUID]) -> set[str]:
    """Return the symbols whose orders are canceled."""
    found = Order.objects.filter(pk__in=orders.values(), status="canceled")
    return set(found.values_list("symbol", flat=True))


@pytest.fixture
def stage() -> Stage:
    """Return a synthetic market that moves by itself."""
    _live_market()
    market = activate_market(feed="synthetic", symbols=SYMBOLS)
    return Stage(market, market_state(market.pk))


def test_a_killed_shard_s_orders_wait_for_its_successor_while_the_others_go_on(
    nursery: Nursery, stage: Stage
) -> None:
    shares = [set(symbols_of_shard(SYMBOLS, shard, SHARDS)) for shard in range(SHARDS)]
    nursery.bear("hub")
    children = [bear(nursery, shard) for shard in range(SHARDS)]
    account = stage.account()
    before = place_all(stage, account)
    ring_market(stage.market.pk)
    nursery.wait(lambda: decided(before) == set(SYMBOLS), "not every shard decides")

    nursery.end(children[1], signal.SIGKILL)
    after = place_all(stage, account)
    ring_market(stage.market.pk)
    nursery.wait(lambda: decided(after) == set(SYMBOLS) - shares[1], "the others do not go on")
    successor = bear(nursery, 1)
    nursery.wait(lambda: decided(after) == set(SYMBOLS), f"nobody takes over: {successor.said}")

    assert min(map(len, shares)) > 0
    assert decided(before) == set(SYMBOLS)
    epochs = dict(Shard.objects.filter(market=stage.market).values_list("number", "epoch"))
    assert epochs == {0: 1, 1: 2, 2: 1}
    assert audit_ledger().differences == ()


def test_orders_stay_open_when_their_symbols_move_to_shards_that_have_never_run(
    nursery: Nursery, stage: Stage
) -> None:
    account = stage.account()
    nursery.bear("hub")
    alone = nursery.bear("matcher")
    orders = place_all(stage, account)
    ring_market(stage.market.pk)
    nursery.wait(lambda: decided(orders) == set(SYMBOLS), "it does not decide")
    nursery.end(alone)

    for shard in range(SHARDS):
        bear(nursery, shard)
    later = place_all(stage, account)
    ring_market(stage.market.pk)
    nursery.wait(lambda: decided(later) == set(SYMBOLS), "not every shard decides")

    assert decided(orders) == set(SYMBOLS)
    for order in orders.values():
        assert stage.ask_to_cancel(account, order) is None
    ring_market(stage.market.pk)
    nursery.wait(lambda: canceled(orders) == set(SYMBOLS), "who has the symbols now does not have the orders")
    assert decided(later) == set(SYMBOLS)
