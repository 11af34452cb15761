"""The API as a bot meets it: HTTP in, committed rows out, served by the database role of web.

Every test commits for real, because an order travels on the flusher's own connection. There is no
matcher: what it would decide is written by `desk`, as its role.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts.models import Tier
from matching.engine.types import DOLLAR, Quote, Trade
from matching.market import keys, latest
from matching.market.calendar import Day
from matching.market.times import new_york, to_datetime, to_ns
from raxx import roles
from tests.factories.calendar import store_days
from tests.factories.desk import Desk
from tests.factories.people import as_web
from tests.factories.rows import (
    NOON,
    SECRET,
    make_account,
    make_api_key,
    make_asset,
    make_market,
    make_user,
)
from tests.factories.sessions import session
from trading import principal, reference
from trading.services import submission

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    import redis

    from accounts.models import ApiKey
    from matching.models import Market
    from trading.models import Asset, TradingAccount

FIRST_DAY, LAST_DAY = date(2013, 9, 30), date(2014, 2, 28)


@dataclass
class Bot:
    """One account, its key, and a client that sends the key headers."""

    account: TradingAccount
    key: ApiKey
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: Any) -> Any:
        return self.call("get", path, query)

    def post(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("post", path, body, **extra)

    def patch(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("patch", path, body, **extra)

    def delete(self, path: str) -> Any:
        return self.call("delete", path)

    def order(self, **terms: Any) -> Any:
        """Post an order: buy ten IBM at 100 dollars for the day, unless told; None leaves a field out."""
        body = {
            "symbol": "IBM",
            "qty": "10",
            "side": "buy",
            "type": "limit",
            "time_in_force": "day",
            "limit_price": "100",
            **terms,
        }
        return self.post("/v2/orders", {name: value for name, value in body.items() if value is not None})

    def send(self, method: str, path: str, body: Any, **extra: Any) -> Any:
        """Send a body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.call(method, path, data, **{"content_type": "application/json", **extra})

    def call(self, method: str, path: str, data: Any = None, **extra: Any) -> Any:
        given = {
            "APCA-API-KEY-ID": self.key.pk,
            "APCA-API-SECRET-KEY": SECRET,
            **self.headers,
            **extra.pop("headers", {}),
        }
        with as_web():
            return getattr(Client(), method)(path, data, headers=given, **extra)


@pytest.fixture(autouse=True)
def _web_process(
    transactional_db: None, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Begin and end each test as a web process that has served nobody."""
    login = {**settings.DATABASE_SERVER.login(roles.APP), "dbname": connection.settings_dict["NAME"]}
    monkeypatch.setattr(submission, "login", lambda: login)
    for module in (principal, reference):
        module.forget()
    yield
    submission.shut_down()


@cache
def _days() -> list[Day]:
    """Return New York's weekdays around the tape, as if there were no holidays."""
    days = []
    on = FIRST_DAY
    while on <= LAST_DAY:
        if on.weekday() < 5:
            day = Day(
                date=on,
                session_open=new_york(on, 4),
                open=new_york(on, 9, 30),
                close=new_york(on, 16),
                session_close=new_york(on, 20),
                settlement_date=on + timedelta(days=3),
            )
            days.append(day)
        on += timedelta(days=1)
    return days


@pytest.fixture
def market(transactional_db: None) -> Market:
    """Return a paused tape that stands at NOON on 2013-10-08, with New York's calendar around it."""
    store_days("XNYS", _days())
    return make_market(
        config={"symbols": ["IBM", "MSFT", "PENNY", "WHOLE", "HALTED", "GONE"]},
        starts_at=to_datetime(new_york(date(2013, 10, 8), 4)),
        ends_at=to_datetime(new_york(date(2013, 10, 8), 20)),
        is_active=True,
    )


@pytest.fixture
def ibm(transactional_db: None) -> Asset:
    return make_asset("IBM", name="International Business Machines", exchange="NYSE", cusip="459200101")


@pytest.fixture
def make_bot(market: Market, ibm: Asset) -> Any:
    """Return a function that makes a user with an account, a key and 100,000 dollars."""

    def make(*, cash: Any = 100_000, scopes: list[str] | None = None, **fields: Any) -> Bot:
        user = fields.pop("user", None) or make_user(tier=Tier.PRO)  # who sees the market as it is now
        account = make_account(user, market=market, cash=cash, **fields)
        return Bot(account, make_api_key(account, **({"scopes": scopes} if scopes else {})))

    return make


@pytest.fixture
def bot(make_bot: Any) -> Bot:
    made: Bot = make_bot()
    return made


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Desk]:
    """Return a matcher that decides what it is told."""
    with session(roles.WORKER) as worker:
        yield Desk(worker)


@pytest.fixture
def show(market: Market, valkey: redis.Redis) -> Any:
    """Return a function that publishes the latest of a symbol, as the hub does; prices in dollars."""

    def publish(
        symbol: str = "IBM",
        *,
        bid: str = "0",
        ask: str = "0",
        last: str = "0",
        close: str = "0",
        age_s: int = 1,
    ) -> None:
        def units(price: str) -> int:
            return int(Decimal(price) * DOLLAR)

        at = to_ns(NOON) - age_s * 10**9
        known = latest.Latest(
            quote=Quote(seq=1, at=at, bid=units(bid), bid_size=10**11, ask=units(ask), ask_size=10**11)
            if units(bid) or units(ask)
            else None,
            trade=Trade(seq=2, at=at, price=units(last), size=10**11) if units(last) else None,
            previous_close=units(close),
        )
        valkey.hset(keys.latest(market.pk), symbol, latest.encode(known))

    return publish


@pytest.fixture
def holding(bot: Bot, desk: Desk) -> Any:
    """Return a function that lets the bot buy shares and have them."""

    def buy(quantity: str = "10", price: str = "100", **terms: Any) -> UUID:
        answer = bot.order(qty=quantity, limit_price=price, **terms)
        assert answer.status_code == 200, answer.content
        order_id = answer.json()["id"]
        desk.decide((order_id, "new"), (order_id, "fill", quantity, price))
        return order_id

    return buy


def refusal(answer: Any) -> tuple[int, int]:
    """Return status and code of an error answer, which always has a code, a message and its request's id."""
    body = told(answer)
    assert isinstance(body["message"], str), body
    assert body["message"], body
    return answer.status_code, body["code"]


def told(answer: Any) -> dict[str, Any]:
    """Return the body of an error answer but for the request's id, which is the header's."""
    body = dict(answer.json())  # a copy: the test client keeps the one that it made
    assert body.pop("request_id") == answer.headers["X-Request-ID"]
    return body
