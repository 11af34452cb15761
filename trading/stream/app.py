"""The stream process as a plain ASGI application: `/stream`, server-sent events, and 404 for the rest.

Plain, because nothing of a framework is wanted here: no session, no template, no ORM.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings

from accounts import addresses, tracing
from trading.stream import frames, sse
from trading.stream.pages import is_of_another_site, page_of
from trading.stream.socket import Socket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from trading.stream.service import StreamService
    from trading.stream.websocket import Receive, Send

    Scope = MutableMapping[str, Any]
    Handler = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

STREAM_PATH = "/stream"
NOT_FOUND = {"code": 40410000, "message": "endpoint not found"}
ANOTHER_SITE = {"code": 40310000, "message": "a page of another site may not open this"}
BUSY = {"code": 50310000, "message": "service unavailable"}


async def live(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer 200: the process runs and can answer."""
    await respond(send, 200, {"status": "live"})


HTTP_ROUTES: dict[str, Handler] = {"/health/live": live}


class Part(Protocol):
    """Something else that this process serves, at paths of its own."""

    paths: frozenset[str]  # of WebSockets
    event_paths: frozenset[str]  # of answers that stay open

    async def start(self) -> None: ...

    async def drain(self) -> None: ...

    async def stop(self) -> None: ...

    def has_room(self) -> bool: ...

    async def serve(self, scope: Scope, receive: Receive, send: Send, address: str) -> None: ...


class StreamApp:
    """The ASGI application over a service that is made when the server's loop runs."""

    def __init__(
        self,
        make_service: Callable[[], StreamService],
        *,
        takes_sigterm: bool,
        make_parts: Callable[[StreamService], Sequence[Part]] = lambda _service: (),
    ) -> None:
        """`make_parts` makes what else is served beside the service; its pool and guard may be shared.

        `takes_sigterm`: close the sockets on SIGTERM before the server does.

        Granian cuts WebSockets off before it tells the application that it stops, and a client
        that is cut off cannot tell a restart from a broken line.
        """
        self._make_service = make_service
        self._takes_sigterm = takes_sigterm
        self._make_parts = make_parts
        self.service: StreamService | None = None
        self.parts: Sequence[Part] = ()
        self._stopping: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, one request, or the process's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        # A connection has a task of its own, so nothing need end what is begun here.
        tracing.begin(request_id=said(scope, b"x-request-id"), traceparent=said(scope, b"traceparent"))
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["path"] == sse.PATH:
            await self._serve_events(scope, receive, send)
        elif (part := self._part_at(scope["path"])) is not None:
            await self._serve_part(part, scope, receive, send)
        else:
            await HTTP_ROUTES.get(scope["path"], not_found)(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.service = self._make_service()
        await self.service.start()
        self.parts = self._make_parts(self.service)
        for part in self.parts:
            await part.start()
        if self._takes_sigterm:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._terminate)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for part in self.parts:
            await part.stop()
        await self.service.stop()
        await send({"type": "lifespan.shutdown.complete"})

    def _terminate(self) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._drain_and_hand_on())

    async def _drain_and_hand_on(self) -> None:
        assert self.service is not None
        await asyncio.gather(self.service.drain(), *(part.drain() for part in self.parts))
        signal.raise_signal(signal.SIGINT)  # the server's own handler still has this one

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self.service
        assert service is not None
        await receive()  # websocket.connect
        if is_of_another_site(scope):
            await reject(scope, send, 403, ANOTHER_SITE)
            return
        for part in self.parts:
            if scope["path"] in part.paths:
                if part.has_room():
                    await part.serve(scope, receive, send, client_address(scope))
                else:
                    await reject(scope, send, 503, BUSY)
                return
        if scope["path"] != STREAM_PATH:
            await reject(scope, send, 404, NOT_FOUND)
            return
        if not service.has_room():
            await reject(scope, send, 503, BUSY)
            return
        headers = list(scope["headers"])
        socket = Socket(
            service,
            receive,
            send,
            coding=frames.chosen_coding(headers, scope["query_string"]),
            address=client_address(scope),
            page=page_of(scope),
        )
        service.add(socket)
        await socket.serve()

    def _part_at(self, path: str) -> Part | None:
        return next((part for part in self.parts if path in part.event_paths), None)

    async def _serve_part(self, part: Part, scope: Scope, receive: Receive, send: Send) -> None:
        if part.has_room():
            await part.serve(scope, receive, send, client_address(scope))
        else:
            await respond(send, 503, BUSY)

    async def _serve_events(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self.service
        assert service is not None
        if not service.has_room():
            await respond(send, 503, BUSY)
            return
        stream = sse.EventStream(service, scope, receive, send, address=client_address(scope))
        service.add(stream)
        await stream.serve()


def client_address(scope: Scope) -> str:
    """Return where a connection comes from, by its peer or the proxy before us; empty when nobody says."""
    peer = (scope.get("client") or ("",))[0]
    forwarded_for = said(scope, b"x-forwarded-for")
    return addresses.client_address(str(peer or ""), forwarded_for, settings.TRUSTED_PROXIES)


def said(scope: Scope, header: bytes) -> str:
    """Return the header's value, the last one where there are more; empty without one."""
    named = [value for name, value in scope["headers"] if name.lower() == header]
    return named[-1].decode("latin-1") if named else ""


# --- HTTP -----------------------------------------------------------------------------------------


async def not_found(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer 404: nothing else is served here."""
    await respond(send, 404, NOT_FOUND)


async def respond(send: Send, status: int, body: dict[str, Any]) -> None:
    """Answer a request with JSON."""
    await _answer(send, "http.response", status, body)


async def reject(scope: Scope, send: Send, status: int, body: dict[str, Any]) -> None:
    """Refuse a handshake: with an answer where the server can give one, else by closing (403)."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await _answer(send, "websocket.http.response", status, body)
    else:
        await send({"type": "websocket.close", "code": 1000})


async def _answer(send: Send, kind: str, status: int, body: dict[str, Any]) -> None:
    request_id = tracing.current().request_id
    is_refusal = "code" in body
    content = json.dumps({**body, "request_id": request_id} if is_refusal else body).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"x-request-id", request_id.encode()),
    ]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": content})
