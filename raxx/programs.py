"""The processes of an installation, as the plain commands that production uses too."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings

from raxx import embedded
from raxx.process import Program
from raxx.supervisor import Task

if TYPE_CHECKING:
    from raxx.folder import DataFolder

WEB_WORKERS = 2
WEB_THREADS = 16  # per worker: about one per request it serves at a time
SOCKET_MODE = "600"

# The services' warnings are about the machine and repeat at every start; their ends are not.
FATAL = re.compile(rb"\b(PANIC|OOM)\b|FATAL(?!.*starting up|.*shutting down|.*administrator command)")


def services(folder: DataFolder) -> list[Task]:
    """Return the embedded servers that this installation uses: none, one or both."""
    tasks = []
    if settings.DATABASE_SERVER.is_embedded:
        tasks.append(
            Task(
                name="postgres",
                prepare=partial(embedded.prepare_postgres, folder),
                is_ready=partial(embedded.postgres_is_ready, settings.DATABASE_SERVER),
                important=FATAL,
            )
        )
    if not settings.VALKEY_URL:
        tasks.append(
            Task(
                name="valkey",
                prepare=partial(embedded.prepare_valkey, folder),
                is_ready=partial(embedded.valkey_is_ready, settings.REDIS_URL),
                important=FATAL,
            )
        )
    return tasks


def engines(environment: dict[str, str], needs: tuple[str, ...]) -> list[Task]:
    """Return what moves the market and does work in the background."""
    manage = (sys.executable, str(settings.BASE_DIR / "manage.py"))
    celery = (sys.executable, "-m", "celery", "-A", "raxx", "--quiet")
    pool = ("--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle")
    return [
        _task("hub", (*manage, "hub"), environment, needs),
        _task("matcher", (*manage, "matcher"), environment, needs),
        _task("worker", (*celery, "worker", *pool, "--loglevel", "WARNING"), environment, needs),
        _task("beat", (*celery, "beat", "--pidfile=", "--loglevel", "WARNING"), environment, needs),
    ]


def servers(folder: DataFolder, environment: dict[str, str], needs: tuple[str, ...]) -> list[Task]:
    """Return what answers people: WSGI for HTTP, ASGI for the streams."""
    granian = (sys.executable, "-m", "granian", "--uds-permissions", SOCKET_MODE, "--log-level", "warning")
    web = ("--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS))
    return [
        _task(
            "web",
            (*granian, "--interface", "wsgi", "--uds", str(folder.web_socket), *web, "raxx.wsgi:application"),
            environment,
            needs,
        ),
        _task(
            "stream",
            (*granian, "--interface", "asgi", "--uds", str(folder.stream_socket), "raxx.asgi:application"),
            environment,
            needs,
        ),
    ]


def front(folder: DataFolder, host: str, port: int, environment: dict[str, str]) -> list[Task]:
    """Return the one address before web and stream."""
    sockets = ("--web", str(folder.web_socket), "--stream", str(folder.stream_socket))
    command = (sys.executable, "-m", "raxx.front", "--host", host, "--port", str(port), *sockets)
    return [_task("front", command, environment, ())]


def _task(name: str, argv: tuple[str, ...], environment: dict[str, str], needs: tuple[str, ...]) -> Task:
    program = Program(name=name, argv=argv, environment=environment, folder=settings.BASE_DIR)
    return Task(name=name, prepare=lambda: program, needs=needs)
