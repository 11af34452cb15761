"""What the pages of one process share: threads that look at markets, and the boards that tell of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from trading.datastream.past import Past
from trading.marketdata import entitlement
from trading.stream.desk.boards import Board
from trading.stream.desk.stream import PATH, DeskStream
from trading.stream.tasks import end

if TYPE_CHECKING:
    from trading.marketdata.entitlement import Entitlement
    from trading.stream.service import StreamService
    from trading.stream.websocket import Receive, Scope, Send


class DeskService:
    """A part of the stream process (`trading.stream.app.Part`): the pages' channel.

    A page counts as a stream of its account like any other: log-in, limits, log and end are those of the
    service that it shares.
    """

    paths: frozenset[str] = frozenset()
    event_paths = frozenset({PATH})

    def __init__(self, shared: StreamService) -> None:
        self.shared = shared
        self._present, self._past = Past(), Past()  # see Board
        self._boards: dict[tuple[int, Entitlement], Board] = {}
        self._endings: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin; nothing is looked at before somebody comes."""

    async def drain(self) -> None:
        """Leave it to the service, which counts the pages among its own."""

    async def stop(self) -> None:
        """End all boards, and the threads."""
        await self.shared.drain()
        await end([board.task for board in self._boards.values() if board.task is not None])
        await asyncio.gather(*self._endings)
        await self._present.close()
        await self._past.close()

    def has_room(self) -> bool:
        """Whether one more page may open its channel."""
        return self.shared.has_room()

    async def serve(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        """Serve one request to its end."""
        stream = DeskStream(self, scope, receive, send, address=address)
        self.shared.add(stream)
        await stream.serve()

    def join(self, stream: DeskStream) -> None:
        """Show a stream the market of its account, as its tier may see it."""
        name = self._name_of(stream)
        board = self._boards.get(name)
        if board is None:
            board = self._boards[name] = Board(self._present, self._past, *name)
        board.join(stream)

    def leave(self, stream: DeskStream) -> None:
        """Show it no more; one that never joined is fine."""
        if stream.principal is None or (board := self._boards.get(name := self._name_of(stream))) is None:
            return
        if board.leave(stream):
            del self._boards[name]
            if board.task is not None:
                ending = asyncio.get_running_loop().create_task(end((board.task,)))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)

    def _name_of(self, stream: DeskStream) -> tuple[int, Entitlement]:
        assert stream.principal is not None
        return stream.principal.market_id, entitlement.of_tier(stream.principal.tier)
