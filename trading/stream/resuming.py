"""From an old event to the present without a gap: the past is read while what happens now waits.

A listener joins the reader first, and learns the sequence up to which it will be told nothing. What
lies between is read from the log; what comes live meanwhile is held back and follows it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from trading.stream.database import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trading.stream import frames
    from trading.stream.principals import Principal
    from trading.stream.reader import EventReader

RETRY_S = 0.25  # between looks at a database that is away


class Forgotten(Exception):
    """What comes after the sequence is no longer kept: the account's history begins later."""


class Held:
    """Updates that wait for older ones; `is_holding` until they are let go."""

    def __init__(self, most: int) -> None:
        self.is_holding = False
        self._most = most
        self._updates: deque[frames.Update] = deque()

    def begin(self) -> None:
        self.is_holding = True

    def put(self, update: frames.Update) -> bool:
        """Hold one back; False when there is no room."""
        if len(self._updates) >= self._most:
            return False
        self._updates.append(update)
        return True

    def next(self) -> frames.Update | None:
        """Return the oldest that is held; None when there is none, and from here on nothing is held."""
        if self._updates:
            return self._updates.popleft()
        self.is_holding = False
        return None

    def let_go(self) -> None:
        """Forget what was held; from here on nothing is."""
        self.is_holding = False
        self._updates.clear()


async def read_past(
    reader: EventReader,
    principal: Principal,
    *,
    after: int,
    until: int,
    tell: Callable[[frames.Update], Awaitable[bool]],
) -> None:
    """Tell the updates after one sequence, up to and with another, until `tell` says that it is enough.

    Waits for a database that is away: it is cancelled when its client leaves. Raises Forgotten where the log
    has a gap, which a purge alone can make, and could make meanwhile.
    """
    while after < until:
        try:
            page = await reader.page(principal, after)
        except UNREACHABLE:
            await asyncio.sleep(RETRY_S)
            continue
        if not page:
            raise Forgotten
        for old in page:
            if old.seq != after + 1:
                raise Forgotten
            after = old.seq
            if after > until:
                return
            if old.message is not None and not await tell(old.message):
                return
