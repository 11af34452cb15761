"""While `up` runs: hubs and matchers for markets that are opened meanwhile, and for more shards.

Each hub and matcher takes a market or a shard that has none, so that only their number matters. Those that a
closed market has left stand by.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.db import Error, connections
from django.db.models import Count, Sum

from matching.models import Market
from raxx import programs

if TYPE_CHECKING:
    from raxx.supervisor import Supervisor

logger = logging.getLogger(__name__)

LOOK_S = 2.0  # between two looks at the markets: nobody rings when one is opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How many hubs and matchers there are, or should be."""

    hubs: int = 1
    matchers: int = 1


def wanted() -> Running:
    """Return how many the active markets need, at least one of each. Raises django.db.Error."""
    found = Market.objects.filter(is_active=True).aggregate(hubs=Count("pk"), matchers=Sum("shard_count"))
    return Running(hubs=max(1, found["hubs"]), matchers=max(1, found["matchers"] or 0))


async def keep_up(
    supervisor: Supervisor, environment: dict[str, str], needs: tuple[str, ...], running: Running
) -> None:
    """Start what the markets need beyond what runs, again and again, until everything is to stop."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "markets") as asking:  # one thread, and so one connection
        try:
            while not await _is_stopped(supervisor):
                need = await loop.run_in_executor(asking, _look, running)
                more = [
                    task
                    for task in programs.markets(environment, needs, **asdict(need))
                    if not supervisor.has(task.name)
                ]
                if more:
                    supervisor.start(more)
                running = need
        finally:
            await loop.run_in_executor(asking, connections.close_all)


async def _is_stopped(supervisor: Supervisor) -> bool:
    """Wait for the next look; say whether it is the end instead."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(supervisor.until_stopped(), LOOK_S)
        return True
    return False


def _look(before: Running) -> Running:
    try:
        return wanted()
    except Error as error:  # it comes back, and what runs goes on
        logger.debug("the markets cannot be looked at: %s", error)
        connections.close_all()
        return before
