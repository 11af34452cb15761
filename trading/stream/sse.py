"""`GET /v2/events/trades`: the account's event log as server-sent events, from any point of it.

The same log, reader and limits as the WebSocket. `since_id` (or the header `Last-Event-ID`, which a
browser sends by itself) begins after that event, `since` with the first one of that market time;
without them it begins now. `until_id` and `until` end the answer after the last such event, and
`generation` is both bounds of one generation of the account. A client that reconnects with its last
id misses nothing and hears nothing twice; where its tier keeps nothing so old any more, the answer is 410.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from accounts import tracing
from accounts.binding import BIND
from accounts.credentials import key_pair
from trading.errors import NotFound
from trading.stream import frames
from trading.stream.database import UNREACHABLE
from trading.stream.outbox import Outbox
from trading.stream.pages import page_of
from trading.stream.principals import authenticate, authenticate_page
from trading.stream.resuming import Forgotten, Held, read_past
from trading.stream.tasks import end
from trading.stream.window import Refused, Window, window_of

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from datetime import datetime

    from trading.stream.principals import Principal
    from trading.stream.service import StreamService
    from trading.stream.websocket import Receive, Send

logger = logging.getLogger(__name__)

PATH = "/v2/events/trades"
KEEP_ALIVE_S = 15.0  # proxies close what is silent for longer, often after a minute
KEEP_ALIVE = b": keep-alive\n\n"

HEAD: Final = (
    "select event_seq, history_seq from trading_tradingaccount where account_id = %s and user_id = %s"
)
BEFORE: Final = (
    "select greatest(a.history_seq, (select max(e.seq) from trading_orderevent e"
    "  where e.account_id = a.account_id and e.user_id = a.user_id and e.at < %s)) as seq"
    " from trading_tradingaccount a where a.account_id = %s and a.user_id = %s"
)
GENERATIONS: Final = (
    "select generation, event_seq from trading_accountreset"
    " where account_id = %s and user_id = %s and at is not null and generation in (%s, %s)"
)


class EventStream:
    """One request, from its headers to the end of its answer."""

    is_of_a_tier: ClassVar[bool] = False
    transport: ClassVar[str] = "sse"
    keep_alive_s: ClassVar[float] = KEEP_ALIVE_S
    keep_alive: ClassVar[bytes] = KEEP_ALIVE

    def __init__(
        self,
        service: StreamService,
        scope: MutableMapping[str, Any],
        receive: Receive,
        send: Send,
        *,
        address: str,
    ) -> None:
        self.principal: Principal | None = None
        self.gone = asyncio.Event()
        self._service = service
        self._scope = scope
        self._receive = receive
        self._send = send
        self._address = address
        self._headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        self._outbox = Outbox(service.limits.room)
        self._held = Held(service.limits.room.messages)
        self._window = Window()

    async def serve(self) -> None:
        """Answer the request."""
        try:
            await self._begin()
        except Refused as refused:
            await self._refuse(refused)
        finally:
            self._service.forget(self)
            self.gone.set()

    async def _begin(self) -> None:
        if self._scope["method"] != "GET":
            raise Refused(405, 40510000, "method not allowed", allow="GET")
        self._window = self._asked(self._scope["query_string"].decode("latin-1"))
        self.principal = await self._log_in()
        try:
            async with asyncio.timeout(self._service.limits.join_s):
                after = await self._start()
                head = await self._service.reader.join(self)
        except (TimeoutError, *UNREACHABLE):
            raise Refused(503, 50310000, "service unavailable") from None
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                    (b"x-request-id", tracing.current().request_id.encode()),
                ],
            }
        )
        self._begun(head if after is None else after)
        await self._converse(head if after is None else after, head)

    # What a stream of more than the log does in its own way.

    def _asked(self, text: str) -> Window:
        """Return what of the log a query string asks for. Raises Refused."""
        return window_of(text, self._headers)

    def _begun(self, after: int) -> None:
        """Be told that the answer begins, with what comes after a sequence."""

    def _caught_up(self, head: int) -> None:
        """Be told that all was told up to the sequence that was the last one when the stream began."""

    # The conversation.

    async def _converse(self, after: int, head: int) -> None:
        loop = asyncio.get_running_loop()
        writing = loop.create_task(self._write())
        leaving = loop.create_task(self._wait_until_it_leaves())
        telling = loop.create_task(self._tell_past(after, head))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                return
            with suppress(TimeoutError):  # a client that does not read is not waited for
                async with asyncio.timeout(self._service.limits.farewell_s):
                    await self._send({"type": "http.response.body", "body": b""})
        finally:
            self._service.forget(self)
            await end((writing, leaving, telling))
            if not writing.cancelled() and (error := writing.exception()) is not None:
                logger.info("an event stream could not be written to: %r", error)

    async def _tell_past(self, after: int, head: int) -> None:
        assert self.principal is not None
        try:
            await read_past(
                self._service.reader,
                self.principal,
                after=after,
                until=head,
                tell=self._tell_when_there_is_room,
            )
        except Forgotten:
            self._drop("the account's history begins later")
            return
        except Exception:
            logger.exception("the past of account %s cannot be told", self.principal.account_id)
            self.fail()
            return
        self._caught_up(head)
        while (update := self._held.next()) is not None:  # as much as the outbox takes, and no faster
            if not await self._tell_when_there_is_room(update):
                return
        is_complete = self._window.until_id is not None and self._window.until_id <= head
        if is_complete or (self._window.until is not None and await self._is_over(self._window.until)):
            self._finish()

    async def _is_over(self, instant: datetime) -> bool:
        """Whether market time is past an instant, so that nothing of it can come any more."""
        assert self.principal is not None
        rows = await _ask(
            self._service, "select matching_now(%s) > %s as is_over", [self.principal.market_id, instant]
        )
        return bool(rows[0]["is_over"])

    # --- Before the answer ------------------------------------------------------------------------

    async def _log_in(self) -> Principal:
        pair = key_pair(
            self._headers.get("apca-api-key-id"),
            self._headers.get("apca-api-secret-key"),
            self._headers.get("authorization"),
        )
        page, pool, address = page_of(self._scope), self._service.pool, self._address
        guard, now = self._service.guard, asyncio.get_running_loop().time()
        key_id, secret = pair or ("", "")
        name = key_id if page is None else page.name
        if (pair or page) and guard.is_blocked(name, address, now):
            raise Refused(429, 42910000, "too many failed log-ins", **{"retry-after": "30"})
        try:
            if page is None:
                principal = await authenticate(pool, key_id, secret, address)
            else:
                principal = await authenticate_page(pool, page)
        except UNREACHABLE:
            raise Refused(503, 50310000, "service unavailable") from None
        except NotFound as error:
            raise Refused(404, 40410000, error.message) from None
        if principal is None:
            if pair or page:
                guard.failed(name, address, now)
            raise Refused(401, 40110000, "unauthorized.")
        guard.succeeded(name, address)
        if not self._service.admit(principal):
            raise Refused(429, 42910000, "too many streams are open for this account")
        return principal

    async def _start(self) -> int | None:
        """Return the sequence after which to begin; None for what is yet to come. Raises Refused."""
        assert self.principal is not None
        owner = [self.principal.account_id, self.principal.user_id]
        window = self._window
        asked_id = window.since_id
        if window.generation is not None:
            window = self._window = await self._bounded(window, window.generation)
        if window.since_id is not None:
            rows = await _ask(self._service, HEAD, owner, bound=self.principal)
            if not rows or window.since_id > rows[0]["event_seq"]:
                raise Refused(422, 40010001, "since_id is not an event of this account")
            begins: int = rows[0]["history_seq"]
            if asked_id is not None and asked_id < begins:
                raise Refused(
                    410, 41010000, f"the account's history begins later: since_id is {begins} at least"
                )
            return max(window.since_id, begins)  # a generation is told as far as it is kept
        if window.since is not None:
            rows = await _ask(self._service, BEFORE, [window.since, *owner], bound=self.principal)
            return int(rows[0]["seq"])
        return None

    async def _bounded(self, window: Window, generation: int) -> Window:
        """Return the window as far as it is within one generation. Raises Refused for one that has not begun."""
        assert self.principal is not None
        asked = [self.principal.account_id, self.principal.user_id, generation, generation + 1]
        rows = await _ask(self._service, GENERATIONS, asked, bound=self.principal)
        begins = {1: 0, **{row["generation"]: row["event_seq"] for row in rows}}
        if generation not in begins:
            raise Refused(422, 40010001, "the account has had no such generation")
        since_id = max(begins[generation], window.since_id or 0)
        end = begins.get(generation + 1)
        until_ids = [each for each in (end, window.until_id) if each is not None]
        return replace(window, since_id=since_id, until_id=min(until_ids, default=None))

    async def _refuse(self, refused: Refused) -> None:
        request_id = tracing.current().request_id
        body = msgspec.json.encode(
            {"code": refused.code, "message": refused.message, "request_id": request_id}
        )
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-request-id": request_id,
            **refused.headers,
        }
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": refused.status, "headers": encoded})
        await self._send({"type": "http.response.body", "body": body})

    # --- What others tell us ----------------------------------------------------------------------

    def begin(self) -> None:
        """Hold back what comes from now on, until the past has been told."""
        self._held.begin()

    def hear(self, message: frames.Update) -> None:
        """Queue one update, or hold it back."""
        if not self._held.is_holding:
            self._tell(message)
        elif not self._held.put(message):
            self._drop("slow client: too many messages are waiting")

    def fail(self) -> None:
        """End after a fault of ours."""
        self._drop("internal error")

    def revoke(self) -> None:
        """End because the credential is good no more: what was queued is not told either."""
        assert self.principal is not None
        self._drop(self.principal.farewell)

    def go_away(self) -> None:
        """End because this process stops; the client may connect again at once."""
        self._finish()

    def _drop(self, reason: str) -> None:
        line = msgspec.json.encode({"message": reason})
        self._outbox.close(b"event: error\ndata: %b\n\n" % line, drop=True)

    def _finish(self) -> None:
        self._outbox.close(None, drop=False)

    # --- Sending ----------------------------------------------------------------------------------

    async def _tell_when_there_is_room(self, update: frames.Update) -> bool:
        return await self._outbox.room() and self._tell(update)

    def _tell(self, update: frames.Update) -> bool:
        """Queue an update and return whether more may follow."""
        if self._window.ends_before(update):
            self._finish()
            return False
        if self._outbox.put(update.encoded(frames.Coding.SSE)):
            return True
        self._drop("slow client: too many messages are waiting")
        return False

    async def _write(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.keep_alive_s):
                    content = await self._outbox.take()
            except TimeoutError:
                content = self.keep_alive
            if content is None:
                return
            await self._send({"type": "http.response.body", "body": content, "more_body": True})
            if content is not self.keep_alive:
                self._outbox.sent()

    async def _wait_until_it_leaves(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue  # the end of a body that we do not read


async def _ask(
    service: StreamService, statement: str, parameters: list[Any], *, bound: Principal | None = None
) -> list[Any]:
    """Return the rows of one statement, bound to an owner where it asks for owned rows."""
    async with service.pool.connection() as connection, connection.transaction():
        if bound is not None:
            await connection.execute(BIND, [str(bound.user_id)])
        cursor = await connection.execute(statement, parameters)
        return await cursor.fetchall()
