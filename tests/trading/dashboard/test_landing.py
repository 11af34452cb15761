"""The first page: for everybody, light, alive, and nothing of a vendor's without a right to it."""

from __future__ import annotations

import gzip
import html
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from matching.engine.types import Quote, Trade
from matching.market.calendar import ALWAYS_OPEN
from matching.market.latest import Latest
from matching.models import Market
from tests.factories.calendar import store_season
from tests.factories.people import as_web, signed_in
from tests.factories.rows import make_account, make_asset, make_market
from trading import reference
from trading.dashboard import landing
from trading.dashboard.starters import starters
from trading.marketdata import entitlement

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

WIRE_MAX = 150_000  # bytes over the wire


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    for module in (landing, reference):
        module.forget()
    yield
    landing.forget()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return what the page asks of the market's data; one symbol is known."""
    asked: list[Any] = []

    def latest_of(view: Any, symbols: Any, rights: Any) -> dict[str, Latest]:
        asked.append((view, tuple(symbols), rights))
        quote = Quote(seq=1, at=1, bid=1_849_500, bid_size=1, ask=1_850_125, ask_size=1)
        return {"IBM": Latest(quote=quote, trade=Trade(seq=2, at=2, price=1_850_000, size=1))}

    monkeypatch.setattr(landing.markets, "view", lambda market_id: market_id)
    monkeypatch.setattr(landing, "latest_of", latest_of)
    return asked


def market_of(feed: str, *symbols: str) -> Market:
    for symbol in symbols:
        make_asset(symbol, name=f"{symbol} Inc. Common Stock")
    day = datetime.now(UTC).date()
    store_season((day - timedelta(days=3), day + timedelta(days=7)), ALWAYS_OPEN)
    return make_market(feed=feed, calendar=ALWAYS_OPEN, config={"symbols": list(symbols)})


def read(path: str = "/") -> Any:
    with as_web():
        return Client().get(path)


def test_it_is_there_before_a_market_was_chosen() -> None:
    answer = read()

    assert answer.status_code == 200
    assert "No market is running yet" in answer.content.decode()
    assert read("/?part=market").json() is None


def test_it_shows_a_few_symbols_with_the_rights_of_the_lowest_tier(seen: list[Any]) -> None:
    market = market_of(Market.FeedKind.SYNTHETIC, "IBM", "SPY", "ZZZ")

    page = read().content.decode()

    assert seen == [(market.pk, ("SPY", "IBM", "ZZZ"), entitlement.of_tier("free"))]
    row = re.search(r'<tr data-symbol="IBM">.*?</tr>', page, re.DOTALL)
    assert row is not None
    assert re.findall(r">([\d.,]+)<", row[0]) == ["184.95", "185.0125", "185.00"]
    assert "IBM Inc." in row[0]
    assert "Delayed by 15 minutes" in page
    assert '<th scope="row"><strong>ZZZ' in page  # of which nothing is known yet, and which has its place


def test_its_figures_are_looked_up_once_however_many_ask(seen: list[Any]) -> None:
    market_of(Market.FeedKind.SYNTHETIC, "IBM")

    answers = [read("/?part=market").json() for _ in range(5)]

    assert len(seen) == 1
    assert answers[0]["quotes"] == [
        {"symbol": "IBM", "name": "IBM Inc.", "bid": "184.95", "ask": "185.0125", "last": "185.00"}
    ]
    assert answers == answers[:1] * 5


def test_of_a_live_vendor_it_shows_the_clock_alone(seen: list[Any]) -> None:
    market_of(Market.FeedKind.ALPACA, "IBM")

    page = read().content.decode()

    assert seen == []
    assert read("/?part=market").json()["quotes"] == []
    assert "data-clock" in page
    assert "landing.js" not in page
    assert "IBM Inc." not in page


def test_who_is_signed_in_is_led_to_their_account_and_others_to_the_sign_up() -> None:
    make_market()
    browser = signed_in()
    make_account(browser.user)

    assert 'href="/sign-up"' in read().content.decode()
    mine = browser.get("/").content.decode()
    assert 'class="button main" href="/paper"' in mine
    assert "/sign-up" not in mine
    assert 'href="/sign-up"' in signed_in(is_enrol_only=True).get("/").content.decode()


def test_page_and_files_are_light() -> None:
    market_of(Market.FeedKind.SYNTHETIC, "IBM")
    page = read().content.decode()

    files = set(re.findall(r'(?:src|href)="/static/([^"]+)"', page))
    files |= {"accounts/http.js", "accounts/ui.js", "accounts/words.js", "accounts/passkey.js"}  # of frame.js
    paths = [finders.find(name) for name in files]
    assert all(paths)
    whole = len(gzip.compress(page.encode())) + sum(_size(str(path)) for path in paths)

    assert len(files) > 6
    assert "charts" not in page
    assert whole < WIRE_MAX


def _size(path: str) -> int:
    with open(path, "rb") as file:  # noqa: PTH123 - as it is
        return len(file.read())


def test_the_code_on_it_is_code_that_the_sdk_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from alpaca.trading.client import TradingClient

    market_of(Market.FeedKind.SYNTHETIC, "IBM")
    found = re.search(r'<code id="example">(.*?)</code>', read().content.decode(), re.DOTALL)
    assert found is not None
    code = html.unescape(found[1])
    sent: list[tuple[str, str, Any]] = []

    class Answered(dict[str, Any]):
        def __getattr__(self, name: str) -> str:
            return name

    def post(self: Any, path: str, data: Any = None) -> Answered:
        sent.append((self._base_url, path, data))
        return Answered()

    monkeypatch.setattr(TradingClient, "post", post)
    for name in ("get_order_by_id", "get_account"):
        monkeypatch.setattr(TradingClient, name, lambda *_: Answered())
    monkeypatch.setattr("alpaca.trading.client.Order", lambda **_: Answered())

    exec(compile(code, "landing", "exec"), {"print": lambda *_: None})  # noqa: S102 - that it runs is the test

    [(base, path, body)] = sent
    assert (base, path) == ("http://testserver", "/orders")
    assert body == {"symbol": "IBM", "qty": 10, "side": "buy", "type": "market", "time_in_force": "day"}
    assert len(code.strip().splitlines()) == 10


@pytest.mark.parametrize(
    ("known", "shown"),
    [(["ZZZ", "IBM", "SPY"], ("SPY", "IBM", "ZZZ")), (list("HGFEDCBA"), tuple("ABCDEF")), ([], ())],
    ids=["familiar first", "at most six", "none"],
)
def test_the_first_symbols_are_few_familiar_and_always_the_same(
    known: list[str], shown: tuple[str, ...]
) -> None:
    assert starters(known) == shown
