"""While a process starts."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def without_collecting() -> Iterator[None]:
    """Let nobody look for garbage while the block imports: it makes half a million objects, and all of them stay.

    Looking for it takes a sixth of a start. What is there at the end of the block is not looked at later either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # or the next look, with all of it still new, would cost what was saved
        gc.enable()
