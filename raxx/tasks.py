"""What keeps the schedule itself: jobs that were missed are started as soon as they can be."""

from __future__ import annotations

from celery import current_app, shared_task
from django.core.cache import cache
from django.utils import timezone

from raxx.overdue import missed
from raxx.schedule import AGAIN_AFTER


@shared_task(name="raxx.catch_up", expires=10)
def catch_up() -> dict[str, int]:
    """Start each job that has not ended well for longer than its period; each once in ten minutes.

    Beat keeps the time of a job's last run in a file of its own, so that a machine that is new, or was away,
    may not know what it missed; the rows of the runs do.
    """
    started = 0
    for job in missed(timezone.now()):
        if cache.add(f"started:{job.name}", 1, timeout=AGAIN_AFTER.total_seconds()):
            current_app.send_task(job.task, **job.options)
            started += 1
    return {"started": started}
