"""Two markets on many processes, some of them elsewhere: a matcher dies and no order is lost; shards are divided anew."""

from __future__ import annotations

import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection

from matching.market import keys
from matching.market.rows import market_state
from matching.models import Market, Shard
from raxx.celery import app
from raxx.schedule import JOBS
from tests.broker_handoff.worker import worker
from tests.factories.rows import SECRET, make_account, make_api_key
from tests.faults.client import Client, Login, by_client_id
from tests.faults.test_hub_deaths import _live_market
from tests.faults.test_shards import HAS_SHARD, STANDS_BY
from tests.faults.verdict import LAWS
from tests.faults.web import armed_web
from tests.trading.stage import Stage
from trading.adapters.shards import symbols_of_shard
from trading.doorbells import ring_market
from trading.errors import RuleBroken
from trading.ledger_audit import audit_ledger
from trading.models import Order, OrderEvent, ScheduledRun
from trading.services.markets import activate_market
from trading.services.running_markets import close_market, set_shard_count

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

    import redis

    from tests.faults.children import Child, Nursery
    from tests.faults.client import Answer
    from trading.models import TradingAccount

pytestmark = pytest.mark.django_db(transaction=True)

SHARDS = 3
SYMBOLS = ["AAPL", "BAC", "F", "GE", "IBM", "KO"]
OTHERS = ["MSFT", "SPY"]
ROUNDS = 4  # the matcher dies in the second


def open_market(symbols: list[str], shards: int, *, beside: bool) -> Market:
    """Open a synthetic market that moves by itself."""
    return activate_market(feed="synthetic", symbols=symbols, shards=shards, beside=beside)


def having(children: list[Child], market: Market, number: int) -> Child:
    """Return who has said that it has a shard."""
    (found,) = (child for child in children if f"{HAS_SHARD} {market.pk}/{number} " in child.said)
    return found


class Trader:
    """Somebody with an account in one market, who sends each order through one web process or the other."""

    def __init__(self, market: Market, symbols: list[str], addresses: list[str]) -> None:
        self.account = make_account(market=market, cash=1_000_000)
        key = make_api_key(self.account)
        self.symbols, self.accepted = symbols, dict[str, str]()
        self._lines = [
            Client(Login(base_url=url, account_id=str(self.account.pk), key_id=key.key_id, secret=SECRET))
            for url in addresses
        ]

    def trade(self, number: int) -> None:
        """Rest an order far below the market in each symbol, and buy some of the first, through each process."""
        for place, line in enumerate(self._lines):
            for symbol in self.symbols:
                self._order(line, f"{number} {place} {symbol}", symbol, type="limit", limit_price="1.00")
            self._order(line, f"{number} {place} now", self.symbols[0], type="market")

    def ask(self, line: int, method: str, path: str, body: Any = None) -> Answer:
        answer = self._lines[line].call(method, path, body)
        assert answer is not None, f"{method} {path} is not answered"
        return answer

    def again(self, name: str) -> list[Answer]:
        """Send an order's name once more and ask for it, through the process that has not accepted it."""
        order = {
            "symbol": self.symbols[0],
            "side": "buy",
            "qty": "1",
            "time_in_force": "gtc",
            "type": "market",
        }
        line = 1 - int(name.split()[1])
        return [
            self.ask(line, "POST", "/v2/orders", {**order, "client_order_id": name}),
            self.ask(line, "GET", by_client_id(name)),
        ]

    def hang_up(self) -> None:
        for line in self._lines:
            line.close()

    def _order(self, line: Client, name: str, symbol: str, **terms: str) -> None:
        order = {"symbol": symbol, "side": "buy", "qty": "1", "time_in_force": "gtc", "client_order_id": name}
        answer = line.call("POST", "/v2/orders", {**order, **terms})
        assert answer is not None, f"{name} is not answered"
        assert answer.status == 200, answer.body
        self.accepted[name] = answer.body["id"]


def test_two_markets_grow_over_many_processes_and_lose_no_order_when_a_matcher_dies(
    nursery: Nursery, valkey: redis.Redis, place: Path
) -> None:
    _live_market()
    markets = [open_market(SYMBOLS, 2, beside=False), open_market(OTHERS, 1, beside=True)]
    shares = [symbols_of_shard(SYMBOLS, number, 2) for number in range(2)]
    shared, machines = place / "shared", [place / name for name in ("web 1", "web 2", "worker")]
    for folder in (shared, *machines):
        folder.mkdir()
    elsewhere = [
        {
            "RAXX_DATA_DIR": str(folder),
            "RAXX_SECRET_KEY": settings.SECRET_KEY,
            "VALKEY_URL": settings.REDIS_URL,
            "RAXX_AUDIT_KEY": str(settings.AUDIT_KEY),
            "RAXX_AUDIT_ANCHORS": str(shared / "anchors"),
            "RAXX_EXPORTS": str(shared / "exports"),
        }
        for folder in machines
    ]
    with ExitStack() as stack:
        webs = [stack.enter_context(armed_web(shared, **each)) for each in elsewhere[:2]]
        for market in markets:
            nursery.bear("hub", options=["--market", str(market.pk)])
        matchers = [nursery.bear("matcher") for _ in range(SHARDS + 1)]
        addresses = [web.base_url for web in webs]
        traders = [
            Trader(market, names, addresses) for market, names in zip(markets, (SYMBOLS, OTHERS), strict=True)
        ]
        for web in webs:
            web.until_it_answers()
        nursery.wait(lambda: all(valkey.exists(keys.latest(each.pk)) for each in markets), "a hub is silent")
        nursery.wait(
            lambda: sum(HAS_SHARD in one.said for one in matchers) == SHARDS, "a shard has no matcher"
        )
        standby = next(one for one in matchers if HAS_SHARD not in one.said)
        nursery.wait(lambda: STANDS_BY in standby.said, "it does not stand by")

        for number in range(ROUNDS):
            traders[0].trade(number)
            if number == 1:
                having(matchers, markets[0], 1).send(signal.SIGKILL)
            traders[1].trade(number)
        nursery.wait(lambda: not Order.objects.filter(status="pending_new").exists(), "not all is decided")
        for job in JOBS:
            # A worker takes longer to begin than it is until the next sweep, and there is no next one here.
            app.send_task(job.task, headers=job.options["headers"], expires=None)
        with worker(shared / "worker.log", **elsewhere[2]):
            nursery.wait(
                lambda: not undone(), lambda: f"{undone()}: {(shared / 'worker.log').read_text()[-4_000:]}"
            )
        repeated = [trader.again(name) for trader in traders for name in trader.accepted]
        for trader in traders:
            trader.hang_up()

    assert f"{HAS_SHARD} {markets[0].pk}/1 of 2: it has no matcher" in standby.said
    epochs = dict(Shard.objects.order_by("market", "number").values_list("number", "epoch"))
    assert min(map(len, shares)) > 0
    assert epochs == {0: 1, 1: 2}
    for trader in traders:
        require_decided_once(trader)
    assert {(posted.status, asked.status) for posted, asked in repeated} == {(422, 200)}
    assert {name: found for name, law in LAWS.items() if (found := rows_of(law))} == {}
    assert audit_ledger().differences == ()
    assert ScheduledRun.objects.exclude(outcome="done").count() == 0
    assert [list(folder.rglob("*")) for folder in machines] == [
        [],
        [],
        [],
    ]  # what they need is shared, or nowhere


def undone() -> set[str]:
    """Return the jobs of the schedule that have not ended."""
    return {job.name for job in JOBS} - set(
        ScheduledRun.objects.exclude(outcome="running").values_list("job", flat=True)
    )


def require_decided_once(trader: Trader) -> None:
    """All that was accepted is stored, and each order was taken to work once."""
    stored = dict(Order.objects.filter(account=trader.account).values_list("client_order_id", "status"))
    assert stored == {name: "filled" if name.endswith("now") else "new" for name in trader.accepted}
    taken = OrderEvent.objects.filter(account=trader.account, kind="new").values_list("order_id", flat=True)
    assert sorted(map(str, taken)) == sorted(trader.accepted.values())


def rows_of(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def place_all(stage: Stage, account: TradingAccount) -> dict[str, UUID]:
    """Rest an order far below the market in each symbol."""
    return {
        symbol: stage.submit(account, symbol=symbol, quantity="1", limit_price="1.00", marks={})[0]
        for symbol in SYMBOLS
    }


def at(orders: dict[str, UUID], status: str) -> set[str]:
    """Return the symbols whose orders have come to a status."""
    return set(Order.objects.filter(pk__in=orders.values(), status=status).values_list("symbol", flat=True))


def is_divided(market: Market) -> bool:
    """Divide the market unless a matcher still has a shard of it."""
    with suppress(RuleBroken):
        set_shard_count(market.pk, SHARDS)
        return True
    return False


def test_a_market_is_divided_anew_while_it_is_closed_and_open_orders_go_with_their_symbols(
    nursery: Nursery,
) -> None:
    _live_market()
    market = open_market(SYMBOLS, 1, beside=False)
    stage = Stage(market, market_state(market.pk))
    account = stage.account()
    nursery.bear("hub")
    first = nursery.bear("matcher")
    orders = place_all(stage, account)
    ring_market(market.pk)
    nursery.wait(lambda: at(orders, "new") == set(SYMBOLS), "it does not decide")

    close_market(market.pk)
    nursery.wait(lambda: is_divided(market), f"it does not give its shard back: {first.said}")
    activate_market(market=Market.objects.get(pk=market.pk))
    matchers = [first, *(nursery.bear("matcher") for _ in range(SHARDS - 1))]
    later = place_all(stage, account)
    ring_market(market.pk)
    nursery.wait(lambda: at(later, "new") == set(SYMBOLS), "not every shard decides")

    assert {having(matchers, market, number) for number in range(1, SHARDS)} <= set(matchers)
    assert at(orders, "new") == set(SYMBOLS)
    for order in orders.values():
        assert stage.ask_to_cancel(account, order) is None
    ring_market(market.pk)
    nursery.wait(
        lambda: at(orders, "canceled") == set(SYMBOLS), "who has the symbols now does not have the orders"
    )
    assert at(later, "new") == set(SYMBOLS)
