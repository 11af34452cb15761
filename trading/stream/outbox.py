"""What a socket has yet to send: bounded, so that a reader who does not read costs little."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

Content = bytes | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How far a reader may fall behind. One event is about 1.3 KB as JSON."""

    messages: int = 2_000
    content_bytes: int = 4 * 1024 * 1024


class Outbox:
    """A queue of one writer. What the writer has in hand still counts until `sent`."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiting: deque[Content] = deque()
        self._bytes = 0
        self._in_hand = 0
        self._changed = asyncio.Event()
        self._freed = asyncio.Event()
        self._is_closed = False

    def put(self, content: Content) -> bool:
        """Queue a message; False, and nothing queued, when there is no room or the box is closed."""
        if self._is_closed or len(self._waiting) >= self._room.messages:
            return False
        if self._bytes + len(content) > self._room.content_bytes:
            return False
        self._waiting.append(content)
        self._bytes += len(content)
        self._changed.set()
        return True

    @property
    def is_idle(self) -> bool:
        """Whether all that was put in has been sent."""
        return not self._waiting and not self._bytes

    async def room(self) -> bool:
        """Wait until there is room for a message, half of the box being free; False when it is closed."""
        while not self._is_closed and (
            len(self._waiting) > self._room.messages // 2 or self._bytes > self._room.content_bytes // 2
        ):
            self._freed.clear()
            await self._freed.wait()
        return not self._is_closed

    def close(self, last: Content | None, *, drop: bool) -> None:
        """Take no more. `last` is what the reader is told at the end; `drop` forgets what was waiting."""
        if drop:
            self._waiting.clear()
            self._bytes = self._in_hand
        if last is not None:
            self._waiting.append(last)
            self._bytes += len(last)
        self._is_closed = True
        self._changed.set()
        self._freed.set()

    async def take(self) -> Content | None:
        """Return the next message, waiting for it; None when the box is closed and empty."""
        while not self._waiting:
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        content = self._waiting.popleft()
        self._in_hand = len(content)
        return content

    def sent(self) -> None:
        """Note that what was taken last has been sent."""
        self._bytes -= self._in_hand
        self._in_hand = 0
        self._freed.set()
