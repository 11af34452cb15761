"""A wait that a thread or a signal handler can end."""

from __future__ import annotations

import contextlib
import os
import select


class Waker:
    """A pipe: safe to set in a signal handler, where a lock of `threading` could be held already."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self.is_stopped = False

    def set(self) -> None:
        """End the wait that is on, or the next one."""
        with contextlib.suppress(BlockingIOError):  # a full pipe has been set often enough
            os.write(self._writer, b"\0")

    def stop(self) -> None:
        """End the wait, and say that there is no further one to come."""
        self.is_stopped = True
        self.set()

    def wait(self, seconds: float) -> bool:
        """Wait for `set`, at most so long; return whether it was set."""
        ready, _, _ = select.select([self._reader], [], [], max(0.0, seconds))
        if ready:
            with contextlib.suppress(BlockingIOError):
                while os.read(self._reader, 4096):
                    pass
        return bool(ready)

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._reader)
        os.close(self._writer)
