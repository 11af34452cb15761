"""One address before web and stream: `python -m raxx.front --port 8000 --web SOCKET --stream SOCKET`.

What a reverse proxy does in production: it routes each request by its path, says who the client
is, keeps slow clients away from the workers, and answers 503 while a backend is down. A client's
requests are served one after the other, so that responses cannot mix; bodies pass unread.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import uvloop

from raxx import logs
from raxx.relay import Client, Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from raxx.http1 import Request

logger = logging.getLogger("raxx.front")

# Everything that stays open; a WebSocket goes to stream whatever its path.
STREAM_PATHS = (
    b"/stream",
    b"/v2/events",
    b"/v2beta1/events",
    b"/v1beta1/events",
    b"/v2/iex",
    b"/v2/sip",
    b"/v2/delayed_sip",
    b"/v2/test",
    b"/raxx/v1/events",
)


@dataclass(kw_only=True, eq=False)
class Front:
    """The sockets behind us, and who is connected."""

    web: str
    stream: str
    limits: Limits

    def __post_init__(self) -> None:
        self.clients: set[Client] = set()
        self.down: dict[str, str] = {}  # socket -> reason
        self.listening = asyncio.Event()
        self.is_stopping = False
        self.drained = asyncio.Event()

    def route(self, request: Request) -> str:
        """Return the socket that serves this request."""
        if request.is_websocket:
            return self.stream
        for path in STREAM_PATHS:
            if request.path.startswith(path) and request.path[len(path) : len(path) + 1] in {b"", b"/"}:
                return self.stream
        return self.web

    def note(self, socket: str, error: OSError | None) -> None:
        """Log once when a backend goes down, when the reason changes, and when it is back."""
        reason = None if error is None else error.strerror
        if reason is not None and self.down.get(socket) != reason:
            self.down[socket] = reason
            logger.warning("%s does not answer: %s", socket, reason)
        elif reason is None and self.down.pop(socket, None) is not None:
            logger.info("%s answers again", socket)

    def sweep(self) -> None:
        """Close the clients that kept us waiting too long; calls itself again."""
        loop = asyncio.get_running_loop()
        for client in list(self.clients):
            if client.deadline is not None and loop.time() > client.deadline:
                client.time_out()
        loop.call_later(min(1.0, self.limits.request_s / 4), self.sweep)

    def forget(self, client: Client) -> None:
        """Note that a client is gone."""
        self.clients.discard(client)
        if self.is_stopping and not self.clients:
            self.drained.set()

    async def drain(self) -> None:
        """Close idle clients, give the busy ones a moment, then cut them off."""
        self.is_stopping = True
        for client in list(self.clients):
            client.close_when_idle()
        if self.clients:
            try:
                await asyncio.wait_for(self.drained.wait(), timeout=self.limits.drain_s)
            except TimeoutError:
                for client in list(self.clients):
                    client.transport.abort()


async def serve(front: Front, *, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve until `stop`, then let what is in flight finish. Raises OSError when the port is taken."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(front), host, port, backlog=1024)
    front.listening.set()
    front.sweep()
    await stop.wait()
    server.close()
    await front.drain()


async def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(
        prog="python -m raxx.front", description="One address before web and stream."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--web", required=True, help="socket of the web processes")
    parser.add_argument("--stream", required=True, help="socket of the stream process")
    options = parser.parse_args(arguments)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    front = Front(web=options.web, stream=options.stream, limits=Limits())
    await serve(front, host=options.host, port=options.port, stop=stop)


if __name__ == "__main__":
    logs.configure("front")
    uvloop.run(cast("Any", main()))
