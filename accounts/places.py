"""Whether something can be written somewhere: a question that only trying answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def require_writable(folder: Path) -> None:
    """Raise OSError where nothing can be written into a folder, which is made if it is not there; then nothing stays.

    Rights do not tell it: a disk may be read only, and some folders are the kernel's.
    """
    tried = folder.absolute() / ".tried"
    made: list[Path] = []
    try:
        for place in reversed([tried, *(parent for parent in tried.parents if not parent.exists())]):
            place.mkdir(mode=0o700)
            made.append(place)
    finally:
        for place in reversed(made):
            place.rmdir()
