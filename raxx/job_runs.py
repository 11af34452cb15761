"""Around each task that the schedule started: write down that it ran, how long it took, and what came of it.

Writing it down never stops a task: what the database refuses is told in the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import Error
from django.utils import timezone

from raxx.schedule import BY_NAME, JOB, Job

if TYPE_CHECKING:
    from datetime import datetime

logger = logging.getLogger(__name__)

SWEEP_NOTED_S = (
    10.0  # a sweep that ends as it ended before is written down no more often, for each is a commit
)

_noted: dict[str, tuple[float, bool]] = {}  # by job: when a sweep was written down last, and if it went well
_noting = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A scheduled run that has begun; a sweep, and one that could not be written down, has no row."""

    job: Job
    started_at: datetime
    started: float
    run_id: int | None


def begin(request: Any) -> Running | None:
    """Note that a task begins, if it was sent for a row of the table; None otherwise."""
    job = BY_NAME.get(request.get(JOB) or "")
    if job is None:
        return None
    now, run_id = timezone.now(), None
    if not job.is_sweep:
        from trading.services.scheduled_runs import (
            begin_run,
        )  # needs the apps, which this module's importer loads

        try:
            run_id = begin_run(job=job.name, every=job.every, now=now)
        except Error:
            logger.exception("the run of %s is not written down", job.name)
    return Running(job=job, started_at=now, started=time.monotonic(), run_id=run_id)


def end(running: Running, *, has_failed: bool, result: object) -> None:
    """Note how it ended; `result` is what the task returned or raised."""
    from trading.services import scheduled_runs

    job = running.job
    duration_ms = round((time.monotonic() - running.started) * 1_000)
    error = _told(result) if has_failed else ""
    counts = {} if has_failed else _counts(result)
    try:
        if running.run_id is not None:
            scheduled_runs.end_run(running.run_id, duration_ms=duration_ms, counts=counts, error=error)
        elif job.is_sweep and _is_news(job.name, is_well=not error):
            scheduled_runs.note_sweep(
                job=job.name,
                started_at=running.started_at,
                duration_ms=duration_ms,
                counts=counts,
                error=error,
            )
    except Error:
        logger.exception("the end of a run of %s is not written down", job.name)


def forget() -> None:
    """Know of no sweep that was written down; for tests."""
    _noted.clear()


def _is_news(name: str, *, is_well: bool) -> bool:
    now = time.monotonic()
    with _noting:
        at, was_well = _noted.get(name, (-SWEEP_NOTED_S, is_well))
        if was_well == is_well and now - at < SWEEP_NOTED_S:
            return False
        _noted[name] = (now, is_well)
        return True


def _told(error: object) -> str:
    """Return an error in one line: what stands in the next ones, databases fill with rows' values."""
    first = (str(error).strip() or "no further word").splitlines()[0]
    return f"{type(error).__name__}: {first}"


def _counts(result: object) -> dict[str, int]:
    if not isinstance(result, Mapping):
        return {}
    return {str(name): value for name, value in result.items() if isinstance(value, int)}
