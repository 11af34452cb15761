"""What became of scheduled work: one row a run, and of the most frequent jobs one row each."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

ERROR_MAX = 300  # characters


class ScheduledRun(models.Model):
    """One run of one job of the installation's schedule; it belongs to nobody, and names nobody.

    `counts` is what the job said that it did. A job that runs every few seconds keeps its last run alone
    (`is_latest_only`). A run is lost whose worker died: the job has been run again since.
    """

    class Outcome(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        LOST = "lost"

    job = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome)
    counts = models.JSONField(default=dict)
    error = models.CharField(max_length=ERROR_MAX, blank=True)
    is_latest_only = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["job", "-started_at"], name="scheduled_run_of_job"),
            models.Index(fields=["started_at"], name="scheduled_run_by_age"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["job"],
                condition=models.Q(is_latest_only=True),
                name="scheduled_run_one_row_of_a_sweep",
            ),
            models.CheckConstraint(
                condition=~models.Q(outcome__in=("done", "failed")) | models.Q(duration_ms__isnull=False),
                name="scheduled_run_that_ended_took_a_while",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job} {self.started_at:%Y-%m-%d %H:%M:%S} {self.outcome}"
