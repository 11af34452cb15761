"""A trading client's WebSocket: says nothing first, learns who it is, and tells it what it listens to.

Who does not read is told so, if that is still possible, and closed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, ClassVar

from accounts.credentials import UNREADABLE, pair_of_token, shown
from trading.errors import NotFound
from trading.stream import frames
from trading.stream.database import UNREACHABLE
from trading.stream.event_ids import NotAnEventId, sequence_of
from trading.stream.principals import authenticate, authenticate_page
from trading.stream.resuming import Forgotten, Held, read_past
from trading.stream.tasks import end
from trading.stream.websocket import Close, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from trading.stream.pages import Page
    from trading.stream.principals import Principal
    from trading.stream.service import StreamService
    from trading.stream.websocket import Receive, Send

logger = logging.getLogger(__name__)

FAILURES_MAX = 3  # failed log-ins of one socket


class Socket(WebSocket):
    """One accepted connection; `serve` is its life."""

    is_of_a_tier: ClassVar[bool] = False
    transport: ClassVar[str] = "ws"

    def __init__(
        self,
        service: StreamService,
        receive: Receive,
        send: Send,
        *,
        coding: frames.Coding,
        address: str,
        page: Page | None = None,
    ) -> None:
        super().__init__(receive, send, service.limits, is_text=coding is frames.Coding.TEXT)
        self.principal: Principal | None = None
        self._service = service
        self._limits = service.limits
        self._coding = coding
        self._address = address
        self._page = page
        self._held = Held(self._limits.room.messages)
        self._failures = 0
        self._is_listening = False
        self._past: asyncio.Task[None] | None = None

    def _forget(self) -> None:
        self._service.forget(self)

    def _beside(self) -> Iterable[asyncio.Task[None]]:
        return () if self._past is None else (self._past,)

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
        """Close because the credential is good no more: what was queued is not told either."""
        assert self.principal is not None
        self.close(Close.REFUSED, self.principal.farewell)

    def go_away(self) -> None:
        """Close because this process stops; the client may connect again at once."""
        self.close(Close.GOING_AWAY, "the server is stopping", tell=False, drop=False)

    def close(self, code: Close, reason: str, *, tell: bool = True, drop: bool = True) -> None:
        """Close soon. `tell` sends the reason as an error message too; `drop` forgets what is queued."""
        last = frames.error(reason).encoded(self._coding) if tell else None
        self._close(code, reason, last, drop=drop)

    def _not_logged_in_in_time(self) -> None:
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
        except Forgotten:
            self.close(Close.REFUSED, "history begins later: since_id is gone")
            return
        except Exception:
            logger.exception("the past of account %s cannot be told", self.principal.account_id)
            self.fail()
            return
        while (update := self._held.next()) is not None:  # as much as the outbox takes, and no faster
            if not await self._tell_when_there_is_room(update):
                return

    async def _tell_when_there_is_room(self, update: frames.Update) -> bool:
        if not await self._outbox.room():
            return False
        self._say(update)
        return True

    # --- Reading ----------------------------------------------------------------------------------

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
        elif self.principal is not None or await self._is_let_in():
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
        key_id, secret = credentials.key_id, credentials.secret_key
        if credentials.oauth_token:
            key_id, secret = UNREADABLE if key_id or secret else pair_of_token(credentials.oauth_token)
        pool, address = self._service.pool, self._address
        if await self._prove("authenticate", key_id, lambda: authenticate(pool, key_id, secret, address)):
            self._say(frames.authorization("authenticate", is_authorized=True))

    async def _is_let_in(self) -> bool:
        """Log in by the page's cookie, as late as this, so that a message with a key would come first."""
        page = self._page
        if page is None:
            self._refuse("listen")
            return False
        return await self._prove("listen", page.name, lambda: authenticate_page(self._service.pool, page))

    async def _prove(self, action: str, name: str, proof: Callable[[], Awaitable[Principal | None]]) -> bool:
        """Log in by a proof, and say whether that has succeeded; `name` is what failures are counted by."""
        now, guard = asyncio.get_running_loop().time(), self._service.guard
        if guard.is_blocked(name, self._address, now):
            self._refuse(action)
            self.close(Close.REFUSED, "too many failed log-ins", tell=False, drop=False)
            return False
        try:
            principal = await proof()
        except UNREACHABLE as error:
            logger.warning("a log-in cannot be checked: %s", error)
            self.close(Close.TRY_LATER, "service unavailable")
            return False
        except NotFound:  # a session lives, and the account is not its person's
            principal = None
        if principal is None:
            guard.failed(name, self._address, now)
            logger.warning("stream log-in refused: key %s from %s", shown(name), self._address or "unknown")
            self._refuse(action)
            return False
        guard.succeeded(name, self._address)
        if not self._service.admit(principal):
            self.close(Close.REFUSED, "connection limit exceeded")
            return False
        self.principal = principal
        return True

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
