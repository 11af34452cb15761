"""The real thing: granian as `up` runs it, and the SDK's own data stream, unmodified."""

from __future__ import annotations

import logging
import queue
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from alpaca.data.live import StockDataStream
from alpaca.data.models import Bar, Quote, Trade

from tests.factories.rows import SECRET
from tests.marketdata.conftest import TUESDAY
from tests.stream.peer import PATIENCE_S
from tests.stream.server import granian

if TYPE_CHECKING:
    from collections.abc import Iterator

FILLERS = [f"FILL{number}" for number in range(10_000)]  # a subscription of several fragments


@pytest.fixture(autouse=True)
def _quiet_sdk(caplog: pytest.LogCaptureFixture) -> None:
    """Spare a failure's report the SDK's list of ten thousand symbols."""
    caplog.set_level(logging.WARNING, logger="alpaca")


@pytest.fixture
def url(hub: Any, tmp_path: Any) -> Iterator[str]:
    """Return where the stream process, as production runs it, listens."""
    with granian(tmp_path / "stream.log") as server:
        yield server.url.removesuffix("/stream")


def heard_by(stream: StockDataStream, channels: dict[str, list[str]], moves: Any) -> list[Any]:
    """Return what the SDK's stream hears of a market that `moves`, called again and again until it is done."""
    heard: queue.Queue[Any] = queue.Queue()

    async def hear(message: Any) -> None:
        heard.put(message)

    for channel, symbols in channels.items():
        getattr(stream, f"subscribe_{channel}")(hear, *symbols)
    running = threading.Thread(target=stream.run)
    running.start()
    found: list[Any] = []
    try:
        while moves(found):
            try:
                found.append(heard.get(timeout=PATIENCE_S / 100))
            except queue.Empty:
                continue
    finally:
        stream.stop()
        running.join(PATIENCE_S)
    assert not running.is_alive()
    return found


def minute_by_minute(hub: Any, wanted: set[type]) -> Any:
    """Return a function that moves the market on, minute by minute, until all kinds of message were heard.

    The SDK does not say when it has begun to listen.
    """
    minutes = iter(range(31, 30 + 60 * 6))

    def move(found: list[Any]) -> bool:
        if {type(message) for message in found} >= wanted:
            return False
        minute = next(minutes)
        hub.move(TUESDAY, 9 + minute // 60, minute % 60)
        return True

    return move


def test_the_unmodified_sdk_hears_quotes_trades_and_bars(url: str, pro: Any, hub: Any) -> None:
    hub.move(TUESDAY, 9, 30)
    stream = StockDataStream(pro.key.pk, SECRET, url_override=f"{url}/v2/iex")
    channels = {"trades": ["IBM", *FILLERS], "quotes": ["*"], "bars": ["IBM"], "daily_bars": ["IBM"]}

    found = heard_by(stream, channels, minute_by_minute(hub, {Quote, Trade, Bar}))

    trade = next(message for message in found if isinstance(message, Trade))
    assert (trade.symbol, trade.size, trade.exchange, trade.tape) == ("IBM", 100, "N", "A")
    assert trade.timestamp > datetime(2013, 10, 8, 13, 30, tzinfo=UTC)
    quote = next(message for message in found if isinstance(message, Quote))
    assert quote.ask_price - quote.bid_price == pytest.approx(0.02)
    bar = next(message for message in found if isinstance(message, Bar))
    assert (bar.symbol, bar.open) == ("IBM", pytest.approx(110, abs=2))


def test_the_unmodified_sdk_hears_the_test_market(url: str, free: Any) -> None:
    stream = StockDataStream(free.key.pk, SECRET, url_override=f"{url}/v2/test")

    found = heard_by(stream, {"quotes": ["FAKEPACA"]}, lambda found: len(found) < 3)

    assert {message.symbol for message in found} == {"FAKEPACA"}


def test_the_sdk_gives_up_where_the_tier_is_not_enough(url: str, free: Any) -> None:
    stream = StockDataStream(free.key.pk, SECRET, url_override=f"{url}/v2/sip")

    async def hear(_: Any) -> None:
        pytest.fail("a delayed caller heard the recent SIP")

    stream.subscribe_trades(hear, "IBM")
    running = threading.Thread(target=stream.run)
    running.start()
    running.join(PATIENCE_S)

    assert not running.is_alive()  # any other refusal makes it try again for ever
