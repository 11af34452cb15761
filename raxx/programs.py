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
    from pathlib import Path

    from raxx.folder import DataFolder

WEB_WORKERS = 2
WEB_THREADS = 16  # per worker: about one per request it serves at a time
SOCKET_MODE = "0600"  # the leading nought makes granian read it as octal

# The services' warnings are about the machine and repeat at every start; their ends are not.
FATAL = re.compile(
    rb"\b(PANIC|OOM)\b|FATAL(?!.*starting up|.*not yet accepting|.*shutting down|.*administrator command)"
)
# granian warns of every number of threads above that of the cores, though ours mostly wait for the
# database; and the front warns of every backend that is not there yet.
ERRORS = re.compile(rb"\b(ERROR|CRITICAL)\b|^[A-Za-z_.]+(Error|Exception)\b")


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


def markets(environment: dict[str, str], needs: tuple[str, ...], *, hubs: int, matchers: int) -> list[Task]:
    """Return what moves the markets. Each hub and each matcher takes a market or shard that has none yet."""
    return [
        _task(
            name if number == 1 else f"{name}-{number}",
            (sys.executable, str(settings.BASE_DIR / "manage.py"), name),
            environment,
            needs,
        )
        for name, count in (("hub", hubs), ("matcher", matchers))
        for number in range(1, count + 1)
    ]


def engines(
    environment: dict[str, str], needs: tuple[str, ...], *, hubs: int = 1, matchers: int = 1
) -> list[Task]:
    """Return what moves the markets and does work in the background."""
    manage = (sys.executable, str(settings.BASE_DIR / "manage.py"))
    celery = (sys.executable, "-m", "celery", "-A", "raxx", "--quiet")
    pool = ("--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle")
    # Celery's worker would run all of Django's checks, and import every view for it.
    background = {**environment, "CELERY_SKIP_CHECKS": "1"}
    live = (
        [_task("live_updates", (*manage, "live_updates"), environment, needs)] if settings.LIVE_IS_ON else []
    )
    told = [] if settings.METRICS is None else [_task("metrics", (*manage, "metrics"), environment, needs)]
    return [
        *live,
        *told,
        *markets(environment, needs, hubs=hubs, matchers=matchers),
        _task("worker", (*celery, "worker", *pool, "--loglevel", "WARNING"), background, needs),
        _task("beat", (*celery, "beat", "--pidfile=", "--loglevel", "WARNING"), background, needs),
    ]


def servers(folder: DataFolder, environment: dict[str, str], needs: tuple[str, ...]) -> list[Task]:
    """Return what answers people: WSGI for HTTP, ASGI for the streams."""
    threads = ("--workers", str(WEB_WORKERS), "--blocking-threads", str(WEB_THREADS))
    return [
        _granian("web", "wsgi", folder.web_socket, threads, environment, needs),
        _granian("stream", "asgi", folder.stream_socket, (), environment, needs),
    ]


def front(folder: DataFolder, host: str, port: int, environment: dict[str, str]) -> list[Task]:
    """Return the one address before web and stream."""
    sockets = ("--web", str(folder.web_socket), "--stream", str(folder.stream_socket))
    command = (sys.executable, "-m", "raxx.front", "--host", host, "--port", str(port), *sockets)
    program = Program(name="front", argv=command, environment=environment, folder=settings.BASE_DIR)
    return [Task(name="front", prepare=lambda: program, important=ERRORS)]


def _granian(
    name: str,
    interface: str,
    socket: Path,
    more: tuple[str, ...],
    environment: dict[str, str],
    needs: tuple[str, ...],
) -> Task:
    place = ("--uds", str(socket), "--uds-permissions", SOCKET_MODE, "--workers-kill-timeout", "5")
    command = (
        sys.executable,
        "-m",
        "granian",
        "--interface",
        interface,
        "--log-config",
        "raxx/granian.json",
        *place,
        *more,
        f"raxx.{interface}:application",
    )
    program = Program(name=name, argv=command, environment=environment, folder=settings.BASE_DIR)

    def prepare() -> Program:
        socket.unlink(missing_ok=True)  # a killed server leaves its socket, and the next cannot bind
        return program

    return Task(name=name, prepare=prepare, needs=needs, important=ERRORS)


def _task(name: str, argv: tuple[str, ...], environment: dict[str, str], needs: tuple[str, ...]) -> Task:
    program = Program(name=name, argv=argv, environment=environment, folder=settings.BASE_DIR)
    return Task(name=name, prepare=lambda: program, needs=needs)
