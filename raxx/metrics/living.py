"""Which of the processes that count in a folder still live, without asking by number: numbers come again.

A process counts under a name that nobody had before, and holds a lock on a file of that name for as long as it lives.
The kernel lets the lock go when the process ends, however it ends; so whoever can take the lock knows that it is over.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".alive"


class Name:
    """What this process calls itself in the folder: another after a fork, for the child is another process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._of: tuple[int, str] | None = None

    def __call__(self) -> str:
        """Return the name, known to be alive since before it was returned for the first time."""
        known = self._of  # asked at each count, and nearly always known
        if known is not None and known[0] == os.getpid():
            return known[1]
        with self._lock:
            if self._of is None or self._of[0] != os.getpid():
                self._of = (os.getpid(), self._taken())
            return self._of[1]

    def _taken(self) -> str:
        name = f"{os.getpid()}-{secrets.token_hex(8)}"  # no underscore: the client's files end in _NAME.db
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{name}"
        # Never closed: the kernel does that when the process ends, and the lock goes with it.
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        # Only now: nobody ever sees the file without its lock.
        draft.rename(self._folder / f"{name}{SUFFIX}")
        return name


def ended(folder: Path) -> list[str]:
    """Return the names whose processes live no more, in order."""
    return [file.stem for file in sorted(folder.glob(f"*{SUFFIX}")) if _is_ended(file)]


def _is_ended(file: Path) -> bool:
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        return False  # somebody else has cleared it away
    with opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
