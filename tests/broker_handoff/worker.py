"""A Celery worker as production runs one, over the test's database and queue."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from raxx import embedded, process, roles
from raxx.process import Program
from tests.stream.server import database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 60.0
LOOK_S = 0.05


@contextmanager
def worker(log: Path, **environment: str) -> Iterator[None]:
    """Run it while the block lasts; it writes all that it has to say to `log`."""
    celery = (sys.executable, "-m", "celery", "-A", "raxx", "--quiet", "worker")
    program = Program(
        name="worker",
        argv=(*celery, "--pool", "threads", "--concurrency", "1", "--loglevel", "DEBUG"),
        environment={
            "DATABASE_URL": database_url(roles.WORKER),
            "CELERY_SKIP_CHECKS": "1",
            "RAXX_LOG_LEVEL": "DEBUG",
            **environment,
        },
        folder=settings.BASE_DIR,
    )
    with log.open("ab") as output:
        child = process.spawn(program, settings.DATA_FOLDER.root / "a worker of a test", output)
    try:
        yield
    finally:
        embedded.stop(program, child)


def wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    """Look until it is so. Raises AssertionError when it never is."""
    for _ in range(int(PATIENCE_S / LOOK_S)):
        if is_so():
            return
        time.sleep(LOOK_S)  # another process commits it, and tells nobody
    raise AssertionError(otherwise)
