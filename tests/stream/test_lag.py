"""How late events are told, as Prometheus sees it: by each transport's own name, from when an event was recorded."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import pytest

from tests.factories.people import signed_in
from tests.metering import counted
from tests.stream import channel, sse_client
from tests.stream.peer import listening, running
from trading import metrics
from trading.stream.desk.service import DeskService

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.factories.people import Browser
    from tests.stream.conftest import Trader
    from trading.stream.app import StreamApp

    Listen = Callable[[StreamApp, Trader, Browser], Awaitable[Callable[[], Awaitable[Any]]]]

LATE_S = 90.0


class Late(datetime):
    """A clock by which everything is handed over so much later than it is."""

    @classmethod
    def now(cls, tz: Any = None) -> Self:
        return super().now(tz) + timedelta(seconds=LATE_S)


async def by_socket(app: StreamApp, trader: Trader, _: Browser) -> Callable[[], Awaitable[Any]]:
    peer = await listening(app, trader.key)
    return lambda: peer.updates(1)


async def by_sse(app: StreamApp, trader: Trader, _: Browser) -> Callable[[], Awaitable[Any]]:
    reading = await sse_client.opened(app, trader.key)
    return lambda: reading.events(1)


async def by_desk(app: StreamApp, _: Trader, browser: Browser) -> Callable[[], Awaitable[Any]]:
    page = await channel.opened(app, browser)
    await page.until("caught-up")
    return lambda: page.until("")


def told(transport: str) -> dict[str, float]:
    """Return how many events were told, how many of them within a minute, and the sum of their lags."""
    return {
        "count": counted("raxx_event_lag_seconds_count", transport=transport),
        "within a minute": counted("raxx_event_lag_seconds_bucket", transport=transport, le="60.0"),
        "sum": counted("raxx_event_lag_seconds_sum", transport=transport),
    }


@pytest.mark.parametrize(
    ("transport", "listen"),
    [("ws", by_socket), ("sse", by_sse), ("desk", by_desk)],
    ids=["ws", "sse", "desk"],
)
def test_an_event_that_is_told_late_shows_in_the_lag_of_its_transport_alone(
    trader: Trader, transport: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = signed_in(trader.account.user)
    others = [name for name in metrics.TRANSPORTS if name != transport]
    before, of_others = told(transport), [told(name) for name in others]

    async def scenario() -> None:
        async with running(make_parts=lambda shared: [DeskService(shared)]) as app:
            hear = await listen(app, trader, browser)
            for is_late in (False, True):
                if is_late:
                    monkeypatch.setattr(metrics, "datetime", Late)
                trader.place_working()
                trader.ring()
                await hear()

    asyncio.run(scenario())

    after = told(transport)
    assert after["count"] == before["count"] + 2
    assert after["within a minute"] == before["within a minute"] + 1
    assert after["sum"] >= before["sum"] + LATE_S
    assert [told(name) for name in others] == of_others
