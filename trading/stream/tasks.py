"""Tasks and connections that live as long as the process: kept on, and ended for certain."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

logger = logging.getLogger(__name__)

AGAIN_S = 0.1
AFTER_A_FAULT_S = 1.0


class Guest(Protocol):
    """A connection that can be asked to end; `gone` is set when its life is over."""

    gone: asyncio.Event

    def go_away(self) -> None: ...


async def keep_on(work: Callable[[], Awaitable[None]]) -> None:
    """Run what never returns; a bug in it is logged, and it goes on from what it remembers."""
    while True:
        try:
            await work()
        except Exception:
            logger.exception("%s failed; it goes on", work.__qualname__)
        await asyncio.sleep(AFTER_A_FAULT_S)


async def see_off(guests: Iterable[Guest], *, within_s: float) -> None:
    """Ask every connection to end, and wait for them all together so long."""
    leaving = list(guests)
    for guest in leaving:
        guest.go_away()
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            for guest in leaving:
                await guest.gone.wait()


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and return when all have ended; what they raise is not looked at.

    Asks more than once: up to Python 3.11 `asyncio.wait_for`, which the libraries beneath us use,
    swallows a cancellation that comes at the moment in which it is done.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
