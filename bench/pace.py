"""What a thing took: seconds on the wall, and CPU seconds of this process and of PostgreSQL."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.harness import cpu_s

if TYPE_CHECKING:
    import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds."""

    seconds: float
    own_s: float
    postgres_s: float

    @property
    def cpu_s(self) -> float:
        return self.own_s + self.postgres_s


@dataclass(slots=True)
class Timer:
    """Takes the time between `start` and `stop`, with a collector that has nothing old to look through."""

    postgres: psutil.Process
    _begin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def start(self) -> None:
        gc.collect()
        gc.freeze()  # as a matcher does with the orders that it has taken up
        self._begin = (cpu_s(self.postgres), time.process_time(), time.perf_counter())

    def stop(self) -> Pace:
        """Return what happened since `start`."""
        wall, own = time.perf_counter(), time.process_time()
        postgres = cpu_s(self.postgres)
        gc.unfreeze()
        before = self._begin
        return Pace(seconds=wall - before[2], own_s=own - before[1], postgres_s=postgres - before[0])
