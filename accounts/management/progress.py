"""Where long work stands: a bar on the terminal's last line, for as long as somebody looks on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

    from django.core.management.base import OutputWrapper

WIDTH = 20  # columns of the bar
EVERY_S = 0.1  # a terminal far away shall not be what the work waits for
WIPE = "\r\x1b[K"


class Progress:
    """Called with how much is done, of how much, and what it is; writes over what was written before.

    The first call and the last one of a whole are always shown, those between ten times a second at most. At the
    block's end the line is wiped. Where nobody looks on nothing is written.
    """

    def __init__(self, stream: OutputWrapper, *, is_watched: bool) -> None:
        self._stream = stream
        self._is_watched = is_watched
        self._next_at = 0.0
        self._is_there = False

    def __call__(self, done: int, of: int | None = None, what: str = "") -> None:
        """Show it; `of` is None where nobody knows how much there is."""
        if not self._is_watched:
            return
        now = time.monotonic()
        if now < self._next_at and done != of:
            return
        self._next_at = now + EVERY_S
        self._is_there = True
        self._write(f"{_bar(done, of)} {what}".rstrip())

    def step(self, what: str) -> None:
        """Show what is being done, where there is nothing to count."""
        if self._is_watched:
            self._is_there = True
            self._write(f"{what} ...")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_there:
            self._write("")

    def _write(self, text: str) -> None:
        self._stream.write(f"{WIPE}{text}", ending="")
        self._stream.flush()


def _bar(done: int, of: int | None) -> str:
    if of is None:
        return str(done)
    filled = WIDTH if not of else min(WIDTH, WIDTH * done // of)
    return f"[{'#' * filled}{'-' * (WIDTH - filled)}] {done}/{of}"
