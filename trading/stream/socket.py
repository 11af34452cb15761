"""One client's WebSocket: says nothing first, learns who it is, and tells it what it listens to.

Two tasks: one reads the client's messages in order, one sends what is in the outbox. The outbox
is bounded: who does not read is told so, if that is still possible, and closed.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from accounts.credentials import UNREADABLE, pair_of_token
from trading.stream import frames
from trading.stream.database import UNREACHABLE
from trading.stream.event_ids import NotAnEventId, sequence_of
from trading.stream.outbox import Outbox
from trading.stream.principals import authenticate
from trading.stream.resuming import Held, read_past
from trading.stream.tasks import end

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from trading.stream.principals import Principal
    from trading.stream.service import StreamService

    Event = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Event]]
    Send = Callable[[Event], Awaitable[None]]

logger = logging.getLogger(__name__)

FAILURES_MAX = 3  # failed log-ins of one socket
REASON_MAX = 40  # characters, of a protocol that allows 123 bytes


class Close(IntEnum):
    """Why we close. Source: RFC 6455, 7.4.1, and its registry for 1013."""

    GOING_AWAY = 1001
    UNREADABLE = 1007
    REFUSED = 1008
    TOO_BIG = 1009
    FAULT = 1011
    TRY_LATER = 1013


class Socket:
    """One accepted connection; `serve` is its life."""

    def __init__(
        self, service: StreamService, receive: Receive, send: Send, *, coding: frames.Coding, address: str
    ) -> None:
        self.principal: Principal | None = None
        self._service = service
        self._limits = service.limits
        self._receive = receive
        self._send = send
        self._coding = coding
        self._address = address
        self._outbox = Outbox(self._limits.room)
        self._held = Held(self._limits.room.messages)
        self._failures = 0
        self._is_listening = False
        self._past: asyncio.Task[None] | None = None
        self._has_left = False
        self._closing = asyncio.Event()
        self.gone = asyncio.Event()  # set when the connection's life is over
        self._close_code = Close.FAULT
        self._close_reason = ""

    async def serve(self) -> None:
        """Accept the client and serve it until one of us leaves."""
        try:
            await self._send({"type": "websocket.accept"})
            await self._converse()
        finally:
            self._service.forget(self)
            self.gone.set()

    async def _converse(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self._limits.log_in_s, self._not_authorized_in_time)
        reading = loop.create_task(self._read())
        writing = loop.create_task(self._write())
        closing = loop.create_task(self._closing.wait())
        try:
            await asyncio.wait({reading, writing, closing}, return_when=asyncio.FIRST_COMPLETED)
            if self._closing.is_set():
                await self._say_farewell(reading, writing)
        finally:
            deadline.cancel()
            self._service.forget(self)  # before the tasks end: no more is queued for nobody
            await end(filter(None, (reading, writing, closing, self._past)))
            if not writing.cancelled() and (error := writing.exception()) is not None:
                # Some servers raise where the client has just gone, others say nothing.
                logger.info("a stream socket could not be written to: %r", error)

    async def _say_farewell(self, reading: asyncio.Task[None], writing: asyncio.Task[None]) -> None:
        """Send what is queued and the close, and wait for the client's: a bounded time, as it may not read."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.farewell_s):
                await asyncio.wait({writing})
                await end((reading,))  # granian's close waits until nobody waits to receive
                if self._has_left:
                    return
                await self._send(
                    {
                        "type": "websocket.close",
                        "code": int(self._close_code),
                        "reason": self._close_reason[:REASON_MAX],
                    }
                )
                while (await self._receive())["type"] != "websocket.disconnect":
                    continue  # said too late

    # --- What others tell us ----------------------------------------------------------------------

    def begin(self) -> None:
        """Say that the listening has begun: what is queued from now on are updates."""
        self._is_listening = True
        self._say(frames.listening([frames.TRADE_UPDATES]))

    def hear(self, message: frames.Update) -> None:
        """Queue one update, or hold it back until older ones have been told."""
        if not self._held.is_holding:
            self._say(message)
        elif not self._held.put(message):
            self._drop_as_slow()

    def fail(self) -> None:
        """Close after a fault of ours."""
        self.close(Close.FAULT, "internal error")

    def revoke(self) -> None:
        """Close because the key is good no more: what was queued is not told either."""
        self.close(Close.REFUSED, "the key was revoked or has expired")

    def go_away(self) -> None:
        """Close because this process stops; the client may connect again at once."""
        self.close(Close.GOING_AWAY, "the server is stopping", tell=False, drop=False)

    def close(self, code: Close, reason: str, *, tell: bool = True, drop: bool = True) -> None:
        """Close soon. `tell` sends the reason as an error message too; `drop` forgets what is queued."""
        if self._closing.is_set():
            return
        self._close_code, self._close_reason = code, reason
        self._outbox.close(frames.error(reason).encoded(self._coding) if tell else None, drop=drop)
        self._closing.set()

    def _not_authorized_in_time(self) -> None:
        if self.principal is None:
            self.close(Close.REFUSED, "not authenticated in time", tell=False)

    # --- Sending ----------------------------------------------------------------------------------

    def _say(self, message: frames.Message) -> None:
        if not self._outbox.put(message.encoded(self._coding)):
            self._drop_as_slow()

    def _drop_as_slow(self) -> None:
        self.close(Close.REFUSED, "slow client: too many messages are waiting")

    async def _tell_past(self, after: int, head: int) -> None:
        """Tell what came after an old event, then what was held back meanwhile."""
        assert self.principal is not None
        if after > head:
            self.close(Close.REFUSED, "since_id is not an event of this account")
            return
        reader, tell = self._service.reader, self._tell_when_there_is_room
        try:
            await read_past(reader, self.principal, after=after, until=head, tell=tell)
        except Exception:
            logger.exception("the past of account %s cannot be told", self.principal.account_id)
            self.fail()
            return
        for update in self._held.let_go():
            self._say(update)

    async def _tell_when_there_is_room(self, update: frames.Update) -> bool:
        if not await self._outbox.room():
            return False
        self._say(update)
        return True

    async def _write(self) -> None:
        kind = "text" if self._coding is frames.Coding.TEXT else "bytes"
        while (content := await self._outbox.take()) is not None:
            await self._send({"type": "websocket.send", kind: content})
            self._outbox.sent()

    # --- Reading ----------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while (event := await self._receive())["type"] != "websocket.disconnect":
                text = event.get("text")
                await self._take(text if text is not None else event["bytes"])
                if self._closing.is_set():
                    return
            self._has_left = True
        except Exception:
            logger.exception("a stream socket failed")
            self.fail()

    async def _take(self, content: str | bytes) -> None:
        if len(content) > frames.MESSAGE_BYTES_MAX:
            self.close(Close.TOO_BIG, f"a message is at most {frames.MESSAGE_BYTES_MAX} bytes")
            return
        try:
            request = frames.read(content, self._coding)
        except frames.Unreadable as bad:
            self.close(Close.UNREADABLE, str(bad), drop=False)
            return
        if isinstance(request, frames.Authenticate):
            await self._log_in(request.data)
        elif self.principal is None:
            self._refuse("listen")
        else:
            await self._listen(request.data)

    def _refuse(self, action: str) -> None:
        self._failures += 1
        self._say(frames.authorization(action, is_authorized=False))
        if self._failures >= FAILURES_MAX:
            self.close(Close.REFUSED, "too many unauthorized messages", tell=False, drop=False)

    async def _log_in(self, credentials: frames.Credentials) -> None:
        if self.principal is not None:
            self.close(Close.REFUSED, "already authenticated", drop=False)
            return
        now = asyncio.get_running_loop().time()
        guard = self._service.guard
        key_id, secret = credentials.key_id, credentials.secret_key
        if credentials.oauth_token:
            key_id, secret = UNREADABLE if key_id or secret else pair_of_token(credentials.oauth_token)
        if guard.is_blocked(key_id, self._address, now):
            self._refuse("authenticate")
            self.close(Close.REFUSED, "too many failed log-ins", tell=False, drop=False)
            return
        try:
            principal = await authenticate(self._service.pool, key_id, secret, self._address)
        except UNREACHABLE as error:
            logger.warning("a log-in cannot be checked: %s", error)
            self.close(Close.TRY_LATER, "service unavailable")
            return
        if principal is None:
            guard.failed(key_id, self._address, now)
            logger.warning("stream log-in refused: key %.32r from %s", key_id, self._address or "unknown")
            self._refuse("authenticate")
            return
        guard.succeeded(key_id, self._address)
        if not self._service.admit(principal):
            self.close(Close.REFUSED, "connection limit exceeded")
            return
        self.principal = principal
        self._say(frames.authorization("authenticate", is_authorized=True))

    async def _listen(self, wanted: frames.Streams) -> None:
        reader = self._service.reader
        wants_updates = frames.TRADE_UPDATES in wanted.streams
        if wants_updates and not self._is_listening:
            try:
                after = sequence_of(wanted.since_id) if wanted.since_id else None
            except NotAnEventId:
                self.close(Close.REFUSED, "since_id is not an event's id")
                return
            if after is not None:
                self._held.begin()
            try:
                # Answers by `begin`, before the first update can come.
                async with asyncio.timeout(self._limits.join_s):
                    head = await reader.join(self)
            except TimeoutError:
                self.close(Close.TRY_LATER, "service unavailable")
                return
            if after is not None:
                # A task of its own: the client must be heard meanwhile, also when it leaves.
                self._past = asyncio.create_task(self._tell_past(after, head))
            return
        if not wants_updates and self._is_listening:
            reader.leave(self)
            self._is_listening = False
            if self._past is not None:
                await end((self._past,))
            self._held.let_go()
        self._say(frames.listening([frames.TRADE_UPDATES] if wants_updates else []))
