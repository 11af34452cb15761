"""A worker in the test's own process, for an application that is not the project's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from celery.contrib.testing.worker import start_worker

from raxx import celery as project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Celery


@contextmanager
def working(app: Celery, *, shutdown_timeout: float) -> Iterator[None]:
    """Have it do one task after the other while the block lasts.

    Celery makes the application that of the process, for good; afterwards it is the project's again.
    """
    try:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=shutdown_timeout):
            yield
    finally:
        project.app.set_current()
        project.app.set_default()
