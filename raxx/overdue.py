"""How the jobs of the schedule are, by the rows of their runs: for catching up, doctor and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Q

from raxx.schedule import AGAIN_AFTER, JOBS, Job
from trading.models import ScheduledRun

if TYPE_CHECKING:
    from datetime import datetime

SLACK = timedelta(minutes=10)  # beat comes first
DONE, RUNNING = ScheduledRun.Outcome.DONE, ScheduledRun.Outcome.RUNNING


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """A job and its runs: `last` is the newest that has ended, None before the first.

    `since` is when a run of it began last, or the installation learnt of schedules.
    """

    job: Job
    last: ScheduledRun | None
    since: datetime
    last_well_at: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether no run has begun within twice its period."""
        return now - self.since > self.job.overdue_after

    @property
    def has_failed(self) -> bool:
        """Whether the newest run that has ended did not end well."""
        return self.last is not None and self.last.outcome != DONE

    @property
    def faults(self) -> int:
        """How many faults the newest run has found: of jobs that look for some."""
        return 0 if self.last is None else int(self.last.counts.get("faults", 0))


def states() -> list[JobState]:
    """Return how each job of the table is."""
    ended = ScheduledRun.objects.exclude(outcome=RUNNING).order_by("job", "-started_at", "-pk")
    last = {run.job: run for run in ended.distinct("job")}
    times = {
        row["job"]: (row["begun"], row["well"])
        for row in ScheduledRun.objects.values("job").annotate(
            begun=Max("started_at"), well=Max("started_at", filter=Q(outcome=DONE))
        )
    }
    first = _first()
    found = []
    for job in JOBS:
        begun, well = times.get(job.name, (None, None))
        found.append(JobState(job=job, last=last.get(job.name), since=begun or first, last_well_at=well))
    return found


def missed(now: datetime) -> list[Job]:
    """Return the jobs to start now: none has ended well for longer than its period, and none was begun lately."""
    found, first = [], _first()
    for state in states():
        if not state.job.is_made_up:
            continue
        is_due = state.last_well_at is None or now - state.last_well_at > state.job.every + SLACK
        is_left_alone = state.last is None and state.since == first
        if is_due and (is_left_alone or now - state.since > AGAIN_AFTER):
            found.append(state.job)
    return found


def _first() -> datetime:
    row = MigrationRecorder.Migration.objects.get(app="trading", name="0016_scheduled_runs")
    applied: datetime = row.applied
    return applied
