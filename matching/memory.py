"""Keep the collector of cycles away from what a matcher takes up at its start, and keeps.

A million open orders are some millions of objects. To look through them again and again, while they are
made and ever after, would cost as much as making them, and stop the market for a second each time.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def settled() -> Iterator[None]:
    """Make objects that stay: the collector sees neither their making nor, from then on, them.

    What was settled before is looked at once more first, so that an earlier start's objects can go.
    """
    was_enabled = gc.isenabled()
    gc.unfreeze()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
