"""A page's channel, `/stream/desk`, as `sse_client` reads an event stream."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.stream.browsers import cookie
from tests.stream.peer import PATIENCE_S, running
from tests.stream.sse_client import Reading
from trading.stream.desk.service import DeskService

if TYPE_CHECKING:
    from tests.factories.people import Browser
    from trading.stream.app import StreamApp
    from trading.stream.service import Limits


class Said(NamedTuple):
    """One event of the channel: its name, "" for an order's; its id, None without; and its data."""

    name: str
    id: str | None
    data: Any


class Channel(Reading):
    """A page's channel."""

    async def said(self) -> Said:
        """Return the next event."""
        block = await self.block()
        assert block is not None, "the channel ended"
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        return Said(lines.get("event", ""), lines.get("id"), json.loads(lines["data"]))

    async def until(self, name: str) -> list[Said]:
        """Return the events up to the next one of a name, that one as the last."""
        heard: list[Said] = []
        async with asyncio.timeout(PATIENCE_S):  # it is never silent for long
            while not heard or heard[-1].name != name:
                heard.append(await self.said())
        return heard


def channel(app: StreamApp, browser: Browser, **options: Any) -> Channel:
    headers = {"Cookie": cookie(browser), "Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
    return Channel(app, headers, path="/stream/desk", **options)


async def opened(app: StreamApp, browser: Browser, **options: Any) -> Channel:
    """Return a channel that was answered; its first event comes next."""
    one = channel(app, browser, **options)
    status, headers = await one.start()
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    return one


def play(scenario: Any, limits: Limits | None = None) -> Any:
    """Return what a story in the application's loop returns."""

    async def playing() -> Any:
        async with running(limits, make_parts=lambda shared: [DeskService(shared)]) as app:
            return await scenario(app)

    return asyncio.run(playing())
