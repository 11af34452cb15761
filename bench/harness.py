"""A running installation for a benchmark: embedded servers with every promise kept, in a folder of its own.

PostgreSQL runs with the settings of `up`, fsync and synchronous_commit on; web, front, hub and matcher are
the commands of `raxx.programs`. Nothing of the developer's own installation is touched.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.load import Address

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from raxx.folder import DataFolder
    from raxx.supervisor import Task

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
READY_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.02
HEALTH = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class HarnessFailed(Exception):
    """The installation could not be brought up; the text says which part."""


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a data folder on the disk that the code is on: a /tmp in memory would make fsync free."""
    return tempfile.TemporaryDirectory(prefix=".raxx-bench-", dir=ROOT, ignore_cleanup_errors=True)


def environment(root: Path) -> dict[str, str]:
    """Return what makes any of our commands use this data folder and its embedded servers."""
    return {
        "RAXX_DATA_DIR": str(root),
        "DATABASE_URL": "",
        "VALKEY_URL": "",
        "RAXX_ENV": "development",
        "RAXX_BUDGETS": "on",  # what is measured is what people meet
    }


def free_port() -> int:
    """Return a port on which nobody listens now."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def cpu_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and its children, those that have ended included."""
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + (times.children_user + times.children_system)
    return total


@dataclass(slots=True)
class Installation:
    """The running parts, by name, and where they answer."""

    folder: DataFolder
    port: int
    parts: dict[str, psutil.Process]
    _stack: ExitStack

    @property
    def front(self) -> Address:
        """The address that clients use."""
        return Address(place=(HOST, self.port))

    @property
    def web(self) -> Address:
        """The web processes' own socket, behind the front."""
        return Address(place=str(self.folder.web_socket))

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds that each part has used so far."""
        return {name: cpu_s(process) for name, process in self.parts.items()}

    def analyze(self) -> None:
        """Let the planner know the tables, as autovacuum does within a minute of the first orders."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("analyze")

    def start(self, *tasks: Task) -> None:
        """Start programs; they end with the installation, the last one first."""
        for task in tasks:
            self._stack.enter_context(_running(task, self))

    def serve(self, more: Mapping[str, str] | None = None) -> None:
        """Start web and front, with `more` in their environment, and return when they answer. Raises HarnessFailed."""
        from raxx import programs

        environment = {"PYTHONUNBUFFERED": "1", "RAXX_LOG_LEVEL": "WARNING", **(more or {})}
        servers = programs.servers(self.folder, environment, ())
        self.start(*(task for task in servers if task.name == "web"))
        self.start(*programs.front(self.folder, HOST, self.port, environment))
        _wait_until_alive(self)

    def stream(self) -> None:
        """Start the server of the streams, which the front knows already."""
        from raxx import programs

        environment = {"PYTHONUNBUFFERED": "1", "RAXX_LOG_LEVEL": "WARNING"}
        servers = programs.servers(self.folder, environment, ())
        self.start(*(task for task in servers if task.name == "stream"))

    def trade(self) -> None:
        """Start hub and matcher."""
        from raxx import programs

        tasks = programs.engines({"PYTHONUNBUFFERED": "1"}, ())
        self.start(*(task for task in tasks if task.name in {"hub", "matcher"}))


@contextmanager
def installation() -> Iterator[Installation]:
    """Have an installation with an active market and nobody in it. One for each process: settings are read once."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(temporary_folder()))
        os.environ.update(environment(root), DJANGO_SETTINGS_MODULE="raxx.settings")
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connections

        from raxx import embedded
        from raxx.bootstrap import bootstrap
        from trading.services.markets import activate_market

        folder = settings.DATA_FOLDER
        stack.enter_context(folder.lock())
        postgres = stack.enter_context(embedded.running_postgres(folder, settings.DATABASE_SERVER))
        valkey = stack.enter_context(embedded.running_valkey(folder, settings.REDIS_URL))
        stack.callback(connections.close_all)
        bootstrap(settings.DATABASE_SERVER)
        call_command("migrate", interactive=False, verbosity=0)
        activate_market()
        parts = {"postgres": psutil.Process(postgres.pid), "valkey": psutil.Process(valkey.pid)}
        yield Installation(folder, free_port(), parts, stack)


@contextmanager
def _running(task: Task, target: Installation) -> Iterator[None]:
    from raxx import embedded, process

    program = task.prepare()
    with (target.folder.logs / f"{task.name}.log").open("ab") as output:
        child: subprocess.Popen[bytes] = process.spawn(program, target.folder.root, output)
    target.parts[task.name] = psutil.Process(child.pid)
    try:
        yield
    finally:
        embedded.stop(program, child)


def _wait_until_alive(target: Installation) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        for name, part in target.parts.items():
            if part.status() == psutil.STATUS_ZOMBIE:
                raise HarnessFailed(f"{name} ended: {_end_of_log(target, name)}")
        try:
            with socket.create_connection((HOST, target.port), timeout=5) as connection:
                connection.sendall(HEALTH)
                if connection.recv(64).startswith(b"HTTP/1.1 200 "):
                    return
        except OSError:
            pass
        time.sleep(LOOK_AGAIN_S)  # between two questions to something that has no event to wait for
    raise HarnessFailed(f"nothing answers on port {target.port}: {_end_of_log(target, 'web')}")


def _end_of_log(target: Installation, name: str) -> str:
    log = target.folder.logs / f"{name}.log"
    return log.read_text(encoding="utf-8", errors="replace")[-2_000:] if log.exists() else "no log"
