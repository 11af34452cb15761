"""A whole house for one test: a tape, the matcher, the API, the stream process, and the SDK's two clients.

Market time moves when the test says so, and what the matcher commits is heard by the unmodified
SDK's stream; a test tells a story and compares what was heard of it.
"""

from __future__ import annotations

import queue
import threading
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from alpaca.trading.client import TradingClient
from alpaca.trading.requests import GetOrderByIdRequest, LimitOrderRequest, ReplaceOrderRequest
from alpaca.trading.stream import TradingStream
from django.conf import settings
from django.utils import timezone
from psycopg.conninfo import make_conninfo
from redis import Redis

from accounts.models import Tier
from matching.engine.types import DOLLAR, Quote, Trade
from matching.market import keys, latest, rows
from matching.market.feeds import open_feed
from matching.market.market_clock import MarketClock
from matching.market.plain_csv import HEADER
from matching.market.times import to_ns
from matching.matcher import Matcher
from matching.models import Market
from raxx import roles
from tests.factories.calendar import store_season
from tests.factories.rows import SECRET, make_api_key, make_user
from tests.stream.peer import PATIENCE_S, login_of_the_web_role
from trading import principal, reference
from trading.adapters.journal import PostgresJournal
from trading.doorbells import ring_credentials
from trading.services import submission
from trading.services.accounts import open_account
from trading.services.markets import activate_market, symbols_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest
    from alpaca.trading.models import Order, TradeUpdate

    from accounts.models import ApiKey

DAY = "2013-10-08"
OPEN = datetime.fromisoformat(f"{DAY}T13:30:00Z")
SEASON = date(2013, 9, 1), date(2014, 2, 1)
SYMBOL, MARK = "XYZ", "MARK"


class Rung:
    """A bell that always rings."""

    def wait(self, timeout: float) -> None:
        """Return at once."""


def write_tape(folder: Path, lines: list[str]) -> None:
    """Write a tape: each line is the seconds after the open, and a row as the plain format has it, from its kind on."""
    for symbol, its_lines in ((SYMBOL, lines), (MARK, ["0 quote,5.00,100,5.02,100,,,"])):
        (folder / symbol).mkdir(parents=True)
        text = [",".join(HEADER)]
        for line in its_lines:
            second, _, row = line.partition(" ")
            text.append(f"{(OPEN + timedelta(seconds=float(second))).isoformat()[:-6]}.000Z,{row}")
        (folder / symbol / f"{DAY}.csv").write_text("\n".join(text) + "\n")


class House:
    """The tape stands before its first session until `at` moves it."""

    def __init__(self, market: Market, client: TradingClient, matcher: Matcher) -> None:
        self.market = market
        self.client = client
        self.matcher = matcher
        self.heard: queue.Queue[TradeUpdate] = queue.Queue()
        self._names: dict[Any, str] = {}

    def at(self, second: float) -> None:
        """Move the market to so many seconds after the open, and decide all up to then."""
        Market.objects.filter(pk=self.market.pk).update(anchor_at=OPEN + timedelta(seconds=second))
        self.matcher.round()

    def show(self, bid: str, ask: str, last: str) -> None:
        """Publish the latest of the symbol as the hub does; prices in dollars."""
        at = to_ns(Market.objects.get(pk=self.market.pk).anchor_at)
        bid_, ask_, last_ = (int(Decimal(price) * DOLLAR) for price in (bid, ask, last))
        known = latest.Latest(
            quote=Quote(seq=1, at=at, bid=bid_, bid_size=10**11, ask=ask_, ask_size=10**11),
            trade=Trade(seq=2, at=at, price=last_, size=10**11),
        )
        Redis.from_url(settings.REDIS_URL).hset(keys.latest(self.market.pk), SYMBOL, latest.encode(known))

    def place(self, request: Any, *names: str) -> Order:
        """Submit an order, have it decided, and name it and its legs for the story."""
        order = cast("Order", self.client.submit_order(request))
        for name, one in zip(names, [order, *(order.legs or ())], strict=True):
            self.name(one, name)
        self.matcher.round()
        return order

    def name(self, order: Order, name: str) -> None:
        """Call an order by a name in the story."""
        self._names[order.id] = name

    def story(self) -> list[TradeUpdate]:
        """Return what was heard since the last time, up to now."""
        mark = self._mark()
        updates = []
        while (update := self.heard.get(timeout=PATIENCE_S)).order.id != mark:
            if update.order.id in self._names:
                updates.append(update)
        return updates

    def told(self, updates: list[TradeUpdate]) -> list[str]:
        """Return updates as `name event`."""
        return [f"{self._names[update.order.id]} {update.event}" for update in updates]

    def outline(self) -> list[str]:
        """Return what was heard since the last time as `name event`."""
        return self.told(self.story())

    def listen_first(self) -> None:
        """Return when an update was heard: the SDK does not say when it has begun to listen."""
        for _ in range(100):
            self._mark()
            try:
                self.heard.get(timeout=PATIENCE_S / 100)
            except queue.Empty:
                continue
            break
        self.story()

    def replace(self, order: Order, name: str, **changes: Any) -> Order:
        """Replace an order, have that decided, and name the successor."""
        request = ReplaceOrderRequest(**changes)
        successor = cast("Order", self.client.replace_order_by_id(order.id, request))
        self.name(successor, name)
        self.matcher.round()
        return successor

    def nested(self, order: Order) -> Order:
        """Read an order with its legs."""
        return cast("Order", self.client.get_order_by_id(order.id, GetOrderByIdRequest(nested=True)))

    def _mark(self) -> Any:
        request = LimitOrderRequest(symbol=MARK, qty=1, side="buy", time_in_force="gtc", limit_price=1)
        order = cast("Order", self.client.submit_order(request))
        self.matcher.round()
        return order.id


def journal_of(market: Market) -> PostgresJournal:
    """Return the journal of the whole market, as the matcher's role."""
    login = {**settings.DATABASE_SERVER.login(roles.WORKER), **_database()}
    symbols = list(symbols_of(rows.market_state(market.pk)))
    return PostgresJournal(make_conninfo("", **login), market_id=market.pk, symbols=symbols)


def _database() -> dict[str, str]:
    return {"dbname": login_of_the_web_role()["dbname"]}


def _revoke(key: ApiKey) -> None:
    type(key).objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    ring_credentials()


@contextmanager
def open_house(
    folder: Path, lines: list[str], api_url: str, stream_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[House]:
    """Have a house over a tape of these lines while the block lasts; API and stream are served already."""
    # The whole calendars take seconds to store: a season of each is enough, and is found to be there.
    store_season(SEASON)
    write_tape(folder / "tape", lines)
    market = activate_market(feed="replay", tape=str(folder / "tape"), date=DAY, paused=True)
    assert market.starts_at is not None
    account = open_account(
        owner=make_user(tier=Tier.PRO), market=market, cash=Decimal(100_000), now=market.starts_at
    )
    key = make_api_key(account)
    monkeypatch.setattr(submission, "login", login_of_the_web_role)
    for module in (principal, reference):
        module.forget()
    journal = journal_of(market)
    matcher = Matcher(
        journal=journal,
        open_feed=lambda progress: open_feed(rows.market_state(market.pk), Redis()),
        clock=MarketClock(market.pk),
        bell=Rung(),
    )
    client = TradingClient(key.pk, SECRET, paper=True, url_override=api_url)
    house = House(market, client, matcher)
    with ExitStack() as closing:
        closing.callback(submission.shut_down)
        closing.callback(journal.close)
        matcher.recover()
        stream = TradingStream(key.key_id, SECRET, url_override=stream_url)

        async def hear(update: TradeUpdate) -> None:
            house.heard.put(update)

        stream.subscribe_trade_updates(hear)
        running = threading.Thread(target=stream.run)
        running.start()
        closing.callback(running.join, PATIENCE_S)
        closing.callback(_revoke, key)  # or the SDK would wait five seconds for one more message
        closing.callback(stream.stop)
        house.listen_first()
        yield house
