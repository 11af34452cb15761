"""A data client's WebSocket: greets first, learns who it is, and tells what it subscribes to."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from accounts.credentials import shown
from trading.datastream import frames
from trading.datastream.frames import Code
from trading.datastream.principals import authenticate, authenticate_page
from trading.datastream.subscription import Subscription, TooManySymbols
from trading.errors import NotFound
from trading.marketdata import entitlement
from trading.stream.database import UNREACHABLE
from trading.stream.pages import page_of
from trading.stream.websocket import Close, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trading.datastream.frames import Content
    from trading.datastream.principals import Principal
    from trading.datastream.service import DataService
    from trading.stream.websocket import Receive, Scope, Send

logger = logging.getLogger(__name__)

FAILURES_MAX = 3  # messages of one socket that were wrong, or came from nobody
IEX_PATH, SIP_PATH, DELAYED_SIP_PATH, TEST_PATH = "/v2/iex", "/v2/sip", "/v2/delayed_sip", "/v2/test"

KEY_HEADER, SECRET_HEADER = b"apca-api-key-id", b"apca-api-secret-key"


class DataSocket(WebSocket):
    """One connection; `serve` is its life. A `trading.datastream.feeds.Listener`."""

    def __init__(
        self, service: DataService, scope: Scope, receive: Receive, send: Send, *, address: str
    ) -> None:
        self.coding = frames.chosen_coding(scope["headers"])
        super().__init__(receive, send, service.limits, is_text=self.coding is frames.Coding.TEXT)
        self.principal: Principal | None = None
        self.path = str(scope["path"])
        self.subscription = Subscription(None)
        self._page = page_of(scope)
        self._headers = {name.lower(): value for name, value in scope["headers"]}
        self._service = service
        self._limits = service.limits
        self._address = address
        self._failures = 0

    def _forget(self) -> None:
        self._service.forget(self)

    def _greet(self) -> None:
        self._say(frames.success("connected", self.coding))

    # --- What others tell us ----------------------------------------------------------------------

    def offer(self, content: Content) -> bool:
        """Queue a frame of data; False when there is no room for it."""
        return self._closing.is_set() or self._outbox.put(content)

    async def insist(self, content: Content) -> None:
        """Queue a frame as soon as there is room; drop a client who makes none in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.behind_s):
                await self._outbox.room()
        if not self.offer(content):
            self._end_with(Code.SLOW_CLIENT)

    def revoke(self) -> None:
        """Close because the credential is good no more: what was queued is not told either."""
        self._end_with(Code.AUTH_FAILED)

    def go_away(self) -> None:
        """Close for reasons of ours; the client may connect again at once."""
        self._close(Close.GOING_AWAY, "the server is going away", None, drop=False)

    def fail(self) -> None:
        """Close after a fault of ours."""
        self._end_with(Code.INTERNAL_ERROR, Close.FAULT)

    def _end_with(self, code: Code, close: Close = Close.REFUSED, *, drop: bool = True) -> None:
        """Tell an error, and close."""
        self._close(close, code.name.lower().replace("_", " "), frames.error(code, self.coding), drop=drop)

    def _not_logged_in_in_time(self) -> None:
        if self.principal is None:
            self._end_with(Code.AUTH_TIMEOUT, drop=False)

    # --- Sending ----------------------------------------------------------------------------------

    def _say(self, content: Content) -> None:
        if not self._outbox.put(content):
            self._end_with(Code.SLOW_CLIENT)

    # --- Reading ----------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Log in by the headers of the handshake, where they have a secret."""
        if SECRET_HEADER in self._headers:
            key, secret = (self._headers.get(name, b"") for name in (KEY_HEADER, SECRET_HEADER))
            await self._log_in(key.decode("latin-1"), secret.decode("latin-1"))

    async def _take(self, content: Content) -> None:
        if len(content) > frames.MESSAGE_BYTES_MAX:
            self._end_with(Code.INVALID_SYNTAX, Close.TOO_BIG)
            return
        try:
            request = frames.read(content, self.coding)
        except frames.Unreadable:
            self._refuse(Code.INVALID_SYNTAX)
            return
        if isinstance(request, frames.Auth):
            await self._log_in(request.key, request.secret)
        elif self.principal is not None or await self._is_let_in():
            self._change(request)

    def _refuse(self, code: Code) -> None:
        """Tell an error; too many of them end the connection."""
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._end_with(code, drop=False)
        else:
            self._say(frames.error(code, self.coding))

    def _change(self, request: frames.Subscribe | frames.Unsubscribe) -> None:
        try:
            if isinstance(request, frames.Subscribe):
                self.subscription.add(request.channels())
            else:
                self.subscription.remove(request.channels())
        except TooManySymbols:
            self._say(frames.error(Code.TOO_MANY_SYMBOLS, self.coding))
            return
        except ValueError:
            self._refuse(Code.INVALID_SYNTAX)
            return
        self._say(frames.control({"T": "subscription", **self.subscription.state()}, self.coding))

    async def _log_in(self, key: str, secret: str) -> None:
        if self.principal is not None:
            self._say(frames.error(Code.ALREADY_AUTHENTICATED, self.coding))
            return
        pool, address = self._service.pool, self._address
        await self._prove(key, lambda: authenticate(pool, key, secret, address))

    async def _is_let_in(self) -> bool:
        """Log in by the page's cookie, as late as this, so that a message with a key would come first."""
        page = self._page
        if page is None:
            self._refuse(Code.NOT_AUTHENTICATED)
            return False
        await self._prove(page.name, lambda: authenticate_page(self._service.pool, page))
        return self.principal is not None

    async def _prove(self, name: str, proof: Callable[[], Awaitable[Principal | None]]) -> None:
        """Log in by a proof, where it is good; `name` is what failures are counted by."""
        now, guard = asyncio.get_running_loop().time(), self._service.guard
        if guard.is_blocked(name, self._address, now):
            self._end_with(Code.AUTH_FAILED, drop=False)
            return
        try:
            principal = await proof()
        except UNREACHABLE as error:
            logger.warning("a log-in cannot be checked: %s", error)
            self._end_with(Code.INTERNAL_ERROR, Close.TRY_LATER)
            return
        except NotFound:  # a session lives, and the account is not its person's
            principal = None
        if principal is None:
            guard.failed(name, self._address, now)
            logger.warning("data log-in refused: key %s from %s", shown(name), self._address or "unknown")
            self._refuse(Code.AUTH_FAILED)
            return
        guard.succeeded(name, self._address)
        await self._admit(principal)

    async def _admit(self, principal: Principal) -> None:
        rights = entitlement.of_tier(principal.tier)
        if not principal.may_read or (self.path == SIP_PATH and rights.delay):
            self._end_with(Code.INSUFFICIENT_SUBSCRIPTION, drop=False)
        elif not self._service.admit(self, principal):
            self._end_with(Code.TOO_MANY_CONNECTIONS, drop=False)
        else:
            self.principal = principal
            self.subscription = Subscription(None if self.path == TEST_PATH else rights.stream_symbols)
            await self._service.join(self, principal)
            self._say(frames.success("authenticated", self.coding))
