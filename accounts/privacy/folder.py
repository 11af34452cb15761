"""The folder of archives: files that nobody else may read, under names that nobody can guess."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import secrets
import time
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from django.conf import settings

from accounts.audit.anchors import sync
from accounts.places import require_writable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

PART = ".part"
ABANDONED_AFTER_S = 3_600  # since it was last written to: whoever made it is gone


def folder() -> Path:
    """Return the folder (setting EXPORTS), made if it is not there."""
    path: Path = settings.EXPORTS
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


@contextmanager
def new_file() -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the random name of a new file of mode 0600, and the file; it is on the disk when the block ends.

    When the block fails, it is gone.
    """
    name = f"{secrets.token_hex(16)}.zip"
    with private_file(folder() / name) as file:
        yield name, file


@contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file at `path`, for its owner alone; as `new_file`. Raises FileExistsError."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that is at `path` when the block has ended well, on the disk, for its owner alone; else nothing is.

    Until then it is beside it under a name of its own; what a killed process has left of this is deleted first,
    whose names nobody else writes: its writer holds a lock on it. Raises FileExistsError.
    """
    for left in path.parent.glob(f"{glob.escape(f'.{path.name}.')}*{PART}"):
        _remove_unless_written(left)
    require_place(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PART}")
    try:
        with private_file(draft) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        path.hardlink_to(draft)  # never over another
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)


def require_place(path: Path) -> None:
    """Raise OSError where `whole_file` could write none: there is one, or its folder takes none. Nothing is left."""
    if path.exists():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    require_writable(path.parent)


def _remove_unless_written(draft: Path) -> None:
    with suppress(OSError), draft.open("rb") as file:  # gone meanwhile, somebody else's, or being written
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.unlink()


def remove(name: str) -> None:
    """Delete a file by its name; one that is gone stays gone."""
    if name:
        with suppress(FileNotFoundError):
            (folder() / name).unlink()


def remove_abandoned(kept: Collection[str]) -> int:
    """Delete archives that no row names, unless somebody may still be writing them; return how many."""
    before = time.time() - ABANDONED_AFTER_S
    gone = 0
    for path in sorted(folder().glob("*.zip")):
        if path.name in kept:
            continue
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                gone += 1
    return gone
