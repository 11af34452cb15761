"""Write down when scheduled work ran, and what came of it. For the worker, around each task."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from trading.models import ScheduledRun
from trading.models.scheduled_run import ERROR_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

KEPT = timedelta(days=30)
LOST_AFTER_MIN = timedelta(hours=1)  # no job takes so long, unless it comes as rarely


@transaction.atomic(durable=True)
def begin_run(*, job: str, every: timedelta, now: datetime) -> int:
    """Write down that a job runs from now on, and return the row's id. Its runs that never ended are lost."""
    runs = ScheduledRun.objects.filter(job=job)
    lost = runs.filter(outcome=ScheduledRun.Outcome.RUNNING, started_at__lt=now - max(every, LOST_AFTER_MIN))
    lost.update(outcome=ScheduledRun.Outcome.LOST)
    run = ScheduledRun.objects.create(job=job, started_at=now, outcome=ScheduledRun.Outcome.RUNNING)
    return int(run.pk)


@transaction.atomic(durable=True)
def end_run(run_id: int, *, duration_ms: int, counts: Mapping[str, int], error: str = "") -> None:
    """Write down how a run ended: well without an `error`. A row that is gone meanwhile is fine."""
    ScheduledRun.objects.filter(pk=run_id).update(**_ending(duration_ms, counts, error))


@transaction.atomic(durable=True)
def note_sweep(
    *, job: str, started_at: datetime, duration_ms: int, counts: Mapping[str, int], error: str = ""
) -> None:
    """Write down the last run of a job that runs every few seconds, in the place of the one before."""
    ScheduledRun.objects.update_or_create(
        job=job,
        is_latest_only=True,
        defaults={"started_at": started_at, **_ending(duration_ms, counts, error)},
    )


def forget_old_runs() -> int:
    """Delete runs that began longer ago than KEPT; return how many."""
    return ScheduledRun.objects.filter(started_at__lt=timezone.now() - KEPT).delete()[0]


def _ending(duration_ms: int, counts: Mapping[str, int], error: str) -> dict[str, object]:
    outcome = ScheduledRun.Outcome.FAILED if error else ScheduledRun.Outcome.DONE
    return {
        "duration_ms": duration_ms,
        "outcome": outcome,
        "counts": dict(counts),
        "error": error[:ERROR_MAX],
    }
