"""Data sockets without a network, as `tests.stream.peer` has them for trade updates."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgpack
from django.conf import settings

from tests.factories.rows import SECRET
from tests.stream.peer import PATIENCE_S, Closed, Peer, login_of_the_web_role
from trading.datastream.service import DataLimits, DataService
from trading.stream.app import StreamApp
from trading.stream.service import StreamService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.api.conftest import Bot

MSGPACK = ((b"content-type", b"application/msgpack"),)

CONNECTED = [{"T": "success", "msg": "connected"}]
AUTHENTICATED = [{"T": "success", "msg": "authenticated"}]
NOTHING = {
    "T": "subscription",
    **{key: [] for key in ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")},
    "corrections": [],
    "cancelErrors": [],
}


def error(code: int, words: str) -> list[dict[str, Any]]:
    """Return an error's frame."""
    return [{"T": "error", "code": code, "msg": words}]


@asynccontextmanager
async def running(limits: DataLimits | None = None) -> AsyncIterator[StreamApp]:
    """Run the stream process's application from the start of its life to the end."""
    login = login_of_the_web_role()
    app = StreamApp(
        lambda: StreamService(login, settings.REDIS_URL),
        takes_sigterm=False,
        make_parts=lambda service: [DataService(service, settings.REDIS_URL, limits)],
    )
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    told: asyncio.Queue[Any] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan"}, inbox.get, told.put))
    await inbox.put({"type": "lifespan.startup"})
    assert await told.get() == {"type": "lifespan.startup.complete"}
    try:
        yield app
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await life


class DataPeer(Peer):
    """One connection; frames are arrays, read by their own coding."""

    def __init__(self, app: StreamApp, *, path: str = "/v2/iex", **options: Any) -> None:
        super().__init__(app, path=path, **options)

    async def message(self) -> Any:
        """Return the next frame's array. Raises Closed."""
        content = await self.frame()
        return msgpack.unpackb(content) if isinstance(content, bytes) else json.loads(content)

    async def data(self, count: int) -> list[dict[str, Any]]:
        """Return the next messages of data, at least so many, from however many frames."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += await self.message()
        return found

    def log_in(self, bot: Bot, secret: str = SECRET) -> None:
        """Say who we are."""
        self.say({"action": "auth", "key": bot.key.pk, "secret": secret})


async def authenticated(app: StreamApp, bot: Bot, **options: Any) -> DataPeer:
    """Return a peer that has logged in."""
    peer = DataPeer(app, **options)
    peer.log_in(bot)
    assert await peer.message() == CONNECTED
    assert await peer.message() == AUTHENTICATED
    return peer


async def subscribed(
    app: StreamApp, bot: Bot, options: dict[str, Any] | None = None, **channels: Any
) -> DataPeer:
    """Return a peer that subscribes to these channels, after its acknowledgement."""
    peer = await authenticated(app, bot, **(options or {}))
    peer.say({"action": "subscribe", **channels})
    [state] = await peer.message()
    assert {name: state[name] for name in channels} == channels
    return peer


__all__ = ["PATIENCE_S", "Closed", "DataPeer"]
