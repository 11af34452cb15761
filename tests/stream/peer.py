"""A WebSocket client without a network: it speaks ASGI with an application in the same loop."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection

from raxx import roles
from tests.factories.rows import SECRET
from trading.stream.app import StreamApp
from trading.stream.service import Limits, StreamService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from accounts.models import ApiKey

PATIENCE_S = 20.0  # a test that waits longer has hung

LISTEN = {"action": "listen", "data": {"streams": ["trade_updates"]}}
AUTHORIZED = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}


def unauthorized(action: str) -> dict[str, Any]:
    """Return the refusal of an action."""
    return {"stream": "authorization", "data": {"status": "unauthorized", "action": action}}


def log_in(key: ApiKey, secret: str = SECRET) -> dict[str, Any]:
    """Return the message that authenticates with a key."""
    return {"action": "authenticate", "data": {"key_id": key.key_id, "secret_key": secret}}


def login_of_the_web_role() -> dict[str, str]:
    """Return libpq keywords of the role that the stream has in life, in the test's database."""
    return {**settings.DATABASE_SERVER.login(roles.APP), "dbname": connection.settings_dict["NAME"]}


@asynccontextmanager
async def running(
    limits: Limits | None = None,
    valkey_url: str = "",
    make_parts: Callable[[StreamService], Any] = lambda _: (),
) -> AsyncIterator[StreamApp]:
    """Run the application as a server does, from the start of its life to the end."""
    login = login_of_the_web_role()
    app = StreamApp(
        lambda: StreamService(login, valkey_url or settings.REDIS_URL, limits),
        takes_sigterm=False,
        make_parts=make_parts,
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
    assert told.get_nowait() == {"type": "lifespan.shutdown.complete"}


class Closed(Exception):
    """The server has closed the connection; the arguments are its code and reason."""


class Peer:
    """One connection. Close it by `leave`, or let the application's end close it."""

    def __init__(
        self,
        app: StreamApp,
        *,
        path: str = "/stream",
        query: bytes = b"",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        address: str = "192.0.2.1",
    ) -> None:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._told: asyncio.Queue[Any] = asyncio.Queue()
        self._is_waited_for = False
        self._reads = asyncio.Event()
        self._reads.set()
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": query,
            "headers": headers,
            "client": (address, 1),
            "extensions": {"websocket.http.response": {}},
        }
        self._inbox.put_nowait({"type": "websocket.connect"})
        self.life = asyncio.create_task(app(scope, self._speak, self._hear))

    async def _speak(self) -> dict[str, Any]:
        self._is_waited_for = True
        try:
            return await self._inbox.get()
        finally:
            self._is_waited_for = False

    async def _hear(self, event: Any) -> None:
        await self._reads.wait()
        self._told.put_nowait(event)
        if event["type"] == "websocket.close":
            assert not self._is_waited_for, (
                "with granian this close would not be sent before the client speaks"
            )
            self._inbox.put_nowait({"type": "websocket.disconnect", "code": event["code"]})

    def stop_reading(self) -> None:
        """Let the server's sends wait, as a full connection does."""
        self._reads.clear()

    def read_on(self) -> None:
        """Let the server's sends through again."""
        self._reads.set()

    def say(self, message: dict[str, Any] | str | bytes) -> None:
        """Send a message: an object as JSON in a text frame, as the SDK does."""
        if isinstance(message, bytes):
            self._inbox.put_nowait({"type": "websocket.receive", "bytes": message})
        else:
            text = message if isinstance(message, str) else json.dumps(message)
            self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    async def event(self) -> Any:
        """Return the next ASGI event that the application sent."""
        return await asyncio.wait_for(self._told.get(), PATIENCE_S)

    async def frame(self) -> bytes | str:
        """Return the next frame's content: bytes of a binary one, str of a text one. Raises Closed."""
        event = await self.event()
        while event["type"] == "websocket.accept":
            event = await self.event()
        if event["type"] == "websocket.close":
            raise Closed(event["code"], event["reason"])
        content: bytes | str = event["bytes"] if "bytes" in event else event["text"]
        return content

    async def message(self) -> Any:
        """Return the next message as an object. Raises Closed."""
        return json.loads(await self.frame())

    async def messages(self, count: int) -> list[Any]:
        """Return the next messages."""
        return [await self.message() for _ in range(count)]

    async def updates(self, count: int) -> list[Any]:
        """Return the data of the next messages, all of which must be trade updates."""
        messages = await self.messages(count)
        assert {message["stream"] for message in messages} == {"trade_updates"}
        return [message["data"] for message in messages]

    async def end(self) -> tuple[list[Any], tuple[int, str]]:
        """Return what is still told, and the code and reason of the close after it."""
        told = []
        try:
            while True:
                told.append(await self.message())
        except Closed as closed:
            code, reason = closed.args
        await asyncio.wait_for(self.life, PATIENCE_S)
        return told, (code, reason)

    def is_silent(self) -> bool:
        """Whether nothing was told but the acceptance."""
        while not self._told.empty():
            if self._told.get_nowait()["type"] != "websocket.accept":
                return False
        return True

    async def leave(self) -> None:
        """Disconnect."""
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.life, PATIENCE_S)


async def authorized(app: StreamApp, key: ApiKey, **options: Any) -> Peer:
    """Return a peer that has logged in."""
    peer = Peer(app, **options)
    peer.say(log_in(key))
    assert await peer.message() == AUTHORIZED
    return peer


async def listening(app: StreamApp, key: ApiKey, **options: Any) -> Peer:
    """Return a peer that has logged in and listens to its account's updates."""
    peer = await authorized(app, key, **options)
    peer.say(LISTEN)
    assert await peer.message() == LISTENING
    return peer
