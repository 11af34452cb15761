"""The life of one WebSocket, whatever it speaks: accepted, read and written, and closed with a reason.

Two tasks: one reads the client's messages in order, one sends what is in the outbox. The outbox is
bounded, and every wait for the client is.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Protocol

from accounts import tracing
from trading.stream.outbox import Outbox
from trading.stream.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from trading.stream.outbox import Content, Room

    Scope = MutableMapping[str, Any]
    Event = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Event]]
    Send = Callable[[Event], Awaitable[None]]

logger = logging.getLogger(__name__)

REASON_MAX = 40  # characters, of a protocol that allows 123 bytes


class Close(IntEnum):
    """Why we close. Source: RFC 6455, 7.4.1, and its registry for 1013."""

    GOING_AWAY = 1001
    UNREADABLE = 1007
    REFUSED = 1008
    TOO_BIG = 1009
    FAULT = 1011
    TRY_LATER = 1013


class Limits(Protocol):
    """How much a socket may hold, and how long its client may keep us waiting, in seconds."""

    @property
    def room(self) -> Room: ...

    @property
    def log_in_s(self) -> float: ...

    @property
    def farewell_s(self) -> float: ...


class WebSocket:
    """One accepted connection; `serve` is its life, and what it speaks is a subclass's."""

    def __init__(self, receive: Receive, send: Send, limits: Limits, *, is_text: bool) -> None:
        self.gone = asyncio.Event()  # set when the connection's life is over
        self._receive = receive
        self._send = send
        self._log_in_s, self._farewell_s = limits.log_in_s, limits.farewell_s
        self._frame = "text" if is_text else "bytes"
        self._outbox = Outbox(limits.room)
        self._has_left = False
        self._closing = asyncio.Event()
        self._close_code = Close.FAULT
        self._close_reason = ""

    async def serve(self) -> None:
        """Accept the client and serve it until one of us leaves."""
        try:
            request_id = tracing.current().request_id.encode()
            await self._send({"type": "websocket.accept", "headers": [(b"x-request-id", request_id)]})
            self._greet()
            await self._converse()
        finally:
            self._forget()
            self.gone.set()

    # --- What a subclass says ---------------------------------------------------------------------

    def _greet(self) -> None:
        """Queue what is said before the client has spoken."""

    async def _begin(self) -> None:
        """Do what comes before the client's first message."""

    async def _take(self, content: Content) -> None:
        """Do what a message of the client asks."""
        raise NotImplementedError

    def fail(self) -> None:
        """Close after a fault of ours."""
        raise NotImplementedError

    def _not_logged_in_in_time(self) -> None:
        """Close, unless the client has logged in."""
        raise NotImplementedError

    def _forget(self) -> None:
        """Count the socket out; again does nothing."""
        raise NotImplementedError

    def _beside(self) -> Iterable[asyncio.Task[None]]:
        """Return the tasks that end with the conversation."""
        return ()

    # --- The life ---------------------------------------------------------------------------------

    async def _converse(self) -> None:
        loop = asyncio.get_running_loop()
        # One context for all of them: what reading learns of the client is known to the others' log lines.
        shared = contextvars.copy_context()
        deadline = loop.call_later(self._log_in_s, self._not_logged_in_in_time, context=shared)
        reading = loop.create_task(self._read(), context=shared)
        writing = loop.create_task(self._write(), context=shared)
        closing = loop.create_task(self._closing.wait())
        try:
            await asyncio.wait({reading, writing, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.is_set():
                await self._say_farewell(reading, writing)
        finally:
            deadline.cancel()
            self._forget()  # before the tasks end: no more is queued for nobody
            await end((reading, writing, closing, *self._beside()))
            if not writing.cancelled() and (error := writing.exception()) is not None:
                # Some servers raise where the client has just gone, others say nothing.
                shared.run(logger.info, "a socket could not be written to: %r", error)

    async def _say_farewell(self, reading: asyncio.Task[None], writing: asyncio.Task[None]) -> None:
        """Send what is queued and the close, and wait for the client's: a bounded time, as it may not read."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._farewell_s):
                await asyncio.wait({writing})
                await end((reading,))  # granian's close waits until nobody waits to receive
                if self._has_left:
                    return
                reason = self._close_reason[:REASON_MAX]
                await self._send({"type": "websocket.close", "code": int(self._close_code), "reason": reason})
                while (await self._receive())["type"] != "websocket.disconnect":
                    continue  # said too late

    async def _write(self) -> None:
        while (content := await self._outbox.take()) is not None:
            await self._send({"type": "websocket.send", self._frame: content})
            self._outbox.sent()

    async def _read(self) -> None:
        try:
            await self._begin()
            while not self._closing.is_set():
                event = await self._receive()
                if event["type"] == "websocket.disconnect":
                    self._has_left = True
                    return
                text = event.get("text")
                await self._take(text if text is not None else event["bytes"])
        except Exception:
            logger.exception("a socket failed")
            self.fail()

    def _close(self, code: Close, reason: str, last: Content | None, *, drop: bool) -> None:
        """Close soon. `last` is told before it; `drop` forgets what is queued. The first reason stands."""
        if self._closing.is_set():
            return
        self._close_code, self._close_reason = code, reason
        self._outbox.close(last, drop=drop)
        self._closing.set()
