"""What the sockets of one process share: database, reader, bells, limits, and the list of them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Protocol

from accounts.tiers import allowance
from trading import metrics
from trading.stream.bells import Bells
from trading.stream.database import UNREACHABLE, make_pool
from trading.stream.limits import LogInGuard
from trading.stream.outbox import Room
from trading.stream.principals import still_good
from trading.stream.reader import EventReader, Listener
from trading.stream.tasks import end, keep_on, see_off

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from trading.stream.principals import Principal

logger = logging.getLogger(__name__)

BEAT_S = 0.75  # a lost bell costs this much, and so does a key or session that ends by itself


class Connection(Listener, Protocol):
    """A WebSocket, or an answer of server-sent events. `gone` is set when its life is over."""

    gone: asyncio.Event
    is_of_a_tier: ClassVar[bool]  # whether what it tells is more for one tier than for another

    def revoke(self) -> None:
        """End because the key or the session is good no more."""

    def go_away(self) -> None:
        """End because this process stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one process and one account may hold, and how long a client may keep us waiting."""

    sockets: int = 5_000
    sockets_an_account: int | None = None  # None: as many as the tier allows
    room: Room = field(default_factory=Room)
    log_in_s: float = 10.0  # from the handshake to a good log-in
    join_s: float = 10.0  # for the database, when a client begins to listen
    farewell_s: float = 1.0  # to send what is queued, and the close, at the end
    stop_s: float = 2.0  # for all sockets together, when the process stops


class StreamService:
    """Starts and stops what a stream process runs besides its sockets."""

    def __init__(self, login: Mapping[str, str], valkey_url: str, limits: Limits | None = None) -> None:
        """Make the service of the web role's `login` (libpq keywords); nothing is opened yet."""
        self.limits = limits or Limits()
        self.guard = LogInGuard()
        self.pool = make_pool(login)
        self.reader = EventReader(self.pool, self._account_wanted)
        self._bells = Bells(valkey_url, self.reader.ring, self._credentials_rung)
        self._sockets: set[Connection] = set()
        self._of_account: Counter[UUID] = Counter()
        self._credentials_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False

    async def start(self) -> None:
        """Begin; neither PostgreSQL nor Valkey needs to be there yet."""
        await self.pool.open(wait=False)
        for work in (self.reader.run, self._bells.run, self._beat, self._recheck):
            self._tasks.append(asyncio.create_task(keep_on(work)))

    async def drain(self) -> None:
        """Close every socket as going away, and take no new one; may be called again."""
        self._is_stopping = True
        await see_off(self._sockets, within_s=self.limits.stop_s)

    async def stop(self) -> None:
        """Close every socket, then all the rest."""
        await self.drain()
        await end(self._tasks)
        await self.pool.close()

    # --- Sockets ----------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether one more socket may be accepted."""
        return not self._is_stopping and len(self._sockets) < self.limits.sockets

    def add(self, socket: Connection) -> None:
        """Count a socket in from its handshake on."""
        self._sockets.add(socket)

    def admit(self, principal: Principal) -> bool:
        """Count one more socket of an account in, unless it has as many as it may; one that is in stays."""
        most = self.limits.sockets_an_account
        most = allowance(principal.tier).streams if most is None else most
        if self._of_account[principal.account_id] >= most:
            return False
        self._of_account[principal.account_id] += 1
        return True

    def forget(self, socket: Connection) -> None:
        """Count a socket out; again does nothing."""
        if socket not in self._sockets:
            return
        self._sockets.discard(socket)
        self.reader.leave(socket)
        if socket.principal is not None:
            self._of_account[socket.principal.account_id] -= 1
            if not self._of_account[socket.principal.account_id]:
                del self._of_account[socket.principal.account_id]

    # --- Bells and the beat -----------------------------------------------------------------------

    def _account_wanted(self, account_id: str, *, is_wanted: bool) -> None:
        self._bells.want(account_id, is_wanted=is_wanted)

    def _credentials_rung(self) -> None:
        self._credentials_changed.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            metrics.pooled(self.pool.get_stats())
            self.reader.ring_all()
            self._credentials_changed.set()

    async def _recheck(self) -> None:
        """Close the sockets of whoever may no longer read; while that cannot be asked, no event comes either."""
        is_asking = True
        while True:
            await self._credentials_changed.wait()
            self._credentials_changed.clear()
            held = {socket.principal for socket in self._sockets if socket.principal is not None}
            if not held:
                continue
            try:
                good = {one: one for one in await still_good(self.pool, held)}
            except UNREACHABLE as error:
                if is_asking:
                    logger.warning("keys and sessions cannot be rechecked, trying again: %s", error)
                is_asking = False
                continue
            is_asking = True
            for socket in list(self._sockets):
                # Who logged in while we asked is rechecked next time.
                if (principal := socket.principal) is None or principal not in held:
                    continue
                if principal not in good:
                    socket.revoke()
                elif socket.is_of_a_tier and good[principal].tier != principal.tier:
                    socket.go_away()  # it comes back as what it is now
