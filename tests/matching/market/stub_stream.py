"""A small data stream server that speaks what the SDK expects, in a thread, for the tests."""

from __future__ import annotations

import asyncio
import queue
import threading
from typing import Any, Self

import msgpack
from websockets.asyncio.server import ServerConnection, serve

# The acknowledgement names every one of them; other SDKs insist on it.
CHANNELS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
)


class StubStream:
    """Accepts one key; sends the batches of messages that the test puts; can drop its connections."""

    def __init__(self, *, refusal: str | None = None) -> None:
        self.subscriptions: queue.Queue[dict[str, Any]] = queue.Queue()
        self._refusal = refusal
        self._connections: set[ServerConnection] = set()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    def send(self, *messages: dict[str, Any]) -> None:
        """Send one frame with these messages to everybody who is subscribed."""
        asyncio.run_coroutine_threadsafe(self._send(list(messages)), self._loop).result(10)

    def drop(self) -> None:
        """Close every connection, as a network does."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with serve(self._handle, "127.0.0.1", 0) as server:
            self._port = server.sockets[0].getsockname()[1]
            self._is_ready.set()
            await self._stop.wait()

    async def _handle(self, connection: ServerConnection) -> None:
        await self._tell(connection, {"T": "success", "msg": "connected"})
        login = msgpack.unpackb(await connection.recv())
        if self._refusal or (login["key"], login["secret"]) != ("KEY", "SECRET"):
            await self._tell(connection, {"T": "error", "code": 402, "msg": self._refusal or "auth failed"})
            return
        await self._tell(connection, {"T": "success", "msg": "authenticated"})
        async for data in connection:
            wish = msgpack.unpackb(data)
            answer = {name: wish.get(name, []) for name in CHANNELS}
            await self._tell(connection, {"T": "subscription", **answer})
            self._connections.add(connection)
            self.subscriptions.put(wish)

    async def _send(self, messages: list[dict[str, Any]]) -> None:
        for connection in self._connections:
            await self._tell(connection, *messages)

    async def _drop(self) -> None:
        connections, self._connections = self._connections, set()
        for connection in connections:
            await connection.close(1011)

    @staticmethod
    async def _tell(connection: ServerConnection, *messages: dict[str, Any]) -> None:
        await connection.send(msgpack.packb(messages))
