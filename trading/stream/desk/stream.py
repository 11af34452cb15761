"""`GET /stream/desk`: one channel of server-sent events for a page of ours, by the cookie of its person's session.

`account_id` names the account, `symbols` (A,B,…; at most 100) what the page shows, and `since_id`, or the header
`Last-Event-ID` that a browser sends by itself, where in the account's log it stands. Events:

    log        the first one: where the log is told from; `gap` where it could not be what was asked for
    (no name)  an order event, as /v2/events/trades tells it
    caught-up  all is told that had happened when the channel began
    quotes     what changed since the last one, by symbol: at most four times a second
    market     session, time, and how the tape plays: on a change, and each second while one plays
    alive      nothing else was said for ten seconds
    error      the last one: why it ends
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from trading.marketdata import entitlement
from trading.stream import sse
from trading.stream.pages import is_asked_by_another_site, page_of
from trading.stream.window import Refused, window_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trading.stream.desk.looks import MarketState
    from trading.stream.desk.service import DeskService
    from trading.stream.principals import Principal
    from trading.stream.websocket import Receive, Scope, Send
    from trading.stream.window import Window

PATH = "/stream/desk"
SYMBOLS_MAX = 100

_SYMBOL = re.compile(r"[A-Z0-9./-]{1,32}", re.ASCII)
_UNTOLD = frozenset({410, 422})  # statuses of a log that does not have what comes after an id


class DeskStream(sse.EventStream):
    """One page, from its request to the end of its answer. A `trading.stream.desk.boards.Viewer`."""

    is_of_a_tier: ClassVar[bool] = True
    transport: ClassVar[str] = "desk"
    keep_alive_s: ClassVar[float] = 10.0
    keep_alive: ClassVar[bytes] = b"event: alive\ndata: {}\n\n"  # a comment is nothing that a page could hear

    def __init__(
        self, service: DeskService, scope: Scope, receive: Receive, send: Send, *, address: str
    ) -> None:
        super().__init__(service.shared, scope, receive, send, address=address)
        self.symbols: frozenset[str] = frozenset()
        self._desk = service
        self._named: list[str] = []
        self._has_gap = False
        self._prices: dict[str, bytes] = {}  # that have changed, and wait for what was said before
        self._market: MarketState | None = None

    async def serve(self) -> None:
        """Answer the request."""
        try:
            await super().serve()
        finally:
            self._desk.leave(self)

    def show(self, prices: Mapping[str, bytes], market: MarketState | None) -> None:
        """Tell what has changed, when all that was told before has been sent: who reads slowly hears less."""
        self._prices.update(prices)
        self._market = market or self._market
        if not self._outbox.is_idle:
            return
        if self._market is not None:
            self._say("market", self._market.encoded())
            self._market = None
        if self._prices:
            self._say("quotes", _object(self._prices))
            self._prices.clear()

    # --- What is more than the log's --------------------------------------------------------------

    def _asked(self, text: str) -> Window:
        if is_asked_by_another_site(self._scope):
            raise Refused(403, 40310000, "a page of another site may not open this")
        parameters = dict(parse_qsl(text))
        self._named = list(dict.fromkeys(filter(None, parameters.get("symbols", "").split(","))))
        if bad := next((name for name in self._named if not _SYMBOL.fullmatch(name)), None):
            raise Refused(422, 40010001, f"invalid symbol: {bad[:32]}")
        if len(self._named) > SYMBOLS_MAX:
            raise Refused(422, 40010001, f"symbols are {SYMBOLS_MAX} at most")
        # A browser that comes back by itself asks for the same address: what it has heard last is in its header.
        since_id = self._headers.get("last-event-id") or parameters.get("since_id")
        return window_of(urlencode({"since_id": since_id}) if since_id else "", {})

    async def _log_in(self) -> Principal:
        if page_of(self._scope) is None:
            raise Refused(401, 40110000, "unauthorized.")
        principal = await super()._log_in()
        most = entitlement.of_tier(principal.tier).stream_symbols
        self._named = self._named[:most]
        self.symbols = frozenset(self._named)
        return principal

    async def _start(self) -> int | None:
        try:
            return await super()._start()
        except Refused as refused:
            if refused.status not in _UNTOLD:
                raise
            self._has_gap = True  # the page is told to look at everything anew
            return None

    def _begun(self, after: int) -> None:
        told = {"gap": self._has_gap, "symbols": self._named}
        self._say("log", msgspec.json.encode(told), seq=after)
        self._desk.join(self)

    def _caught_up(self, head: int) -> None:
        self._say("caught-up", b"{}", seq=head)

    def _say(self, name: str, content: bytes, *, seq: int | None = None) -> None:
        place = b"" if seq is None else b"id: %d\n" % seq
        if not self._outbox.put(b"%bevent: %b\ndata: %b\n\n" % (place, name.encode(), content)):
            self._drop("slow client: too many messages are waiting")


def _object(members: Mapping[str, Any]) -> bytes:
    """Return a JSON object of members that are JSON already."""
    return msgspec.json.encode({name: msgspec.Raw(value) for name, value in members.items()})
