"""The tests' side of the nursery: real processes of real commands, born in milliseconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from raxx import embedded, roles
from raxx.process import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PATIENCE_S = 60.0
LOOK_S = 0.02


def database_url(role: str) -> str:
    """Return the test's database, as one of our roles, in the form of DATABASE_URL."""
    login = {**settings.DATABASE_SERVER.login(role), "dbname": connection.settings_dict["NAME"]}
    place = {name: login[name] for name in login.keys() - {"user", "password", "dbname"}}
    return f"postgresql://{login['user']}:{quote(login['password'])}@/{login['dbname']}?{urlencode(place)}"


@dataclass(eq=False)
class Child:
    """One process; `status` is None while it lives, and negative when a signal ended it."""

    tag: int
    log: Path
    pid: int | None = None
    status: int | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal; a child whose death has not been told yet is fine."""
        assert self.pid is not None
        if self.status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


class Nursery:
    """Bears children; every wait is bounded, and ended by what it waits for."""

    def __init__(self, running: subprocess.Popen[bytes], folder: Path) -> None:
        self._running = running
        self._folder = folder
        self._children: list[Child] = []
        self._is_ready = False
        self.news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        with self.news:
            assert self.news.wait_for(lambda: self._is_ready, PATIENCE_S), "the nursery does not open"

    def bear(
        self,
        command: str,
        point: str | None = None,
        number: int = 1,
        gate: Path | None = None,
        options: Sequence[str] = (),
    ) -> Child:
        """Start a management command with its options.

        With a `point` it kills itself where it comes there for the `number`-th time. With a `gate`, a
        named pipe, it waits there in its recovery until somebody opens the pipe to write.
        """
        with self.news:
            tag = len(self._children)
            child = Child(tag, self._folder / f"{command}-{self._running.pid}-{tag}.log")
            self._children.append(child)
        order = {
            "tag": child.tag, "command": command, "log": str(child.log), "point": point, "number": number,
            "gate": None if gate is None else str(gate), "options": list(options),
        }  # fmt: skip
        assert self._running.stdin is not None
        self._running.stdin.write(json.dumps(order).encode() + b"\n")
        self._running.stdin.flush()
        self.wait(lambda: child.pid is not None, f"{command} is not born")
        return child

    def wait(self, is_so: Callable[[], bool], otherwise: str | Callable[[], str]) -> None:
        """Wait until it is so: woken by births and deaths, and looking now and then for all else."""
        with self.news:
            for _ in range(int(PATIENCE_S / LOOK_S)):
                if is_so():
                    return
                self.news.wait(LOOK_S)
        raise AssertionError(otherwise if isinstance(otherwise, str) else otherwise())

    def end(self, child: Child, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask a child to end, and wait for it."""
        child.send(number)
        self.wait(lambda: child.status is not None, f"{child.log.name} does not end:\n{child.said}")

    def end_all(self) -> None:
        """Kill whoever lives; between two tests nobody may hold a session on the database."""
        for child in self._children:
            if child.status is None:
                child.send(signal.SIGCONT)
                self.end(child, signal.SIGKILL)

    def _read(self) -> None:
        assert self._running.stdout is not None
        for line in self._running.stdout:
            news = json.loads(line)
            with self.news:
                self._take(news)
                self.news.notify_all()

    def _take(self, news: dict[str, Any]) -> None:
        if "born" in news:
            self._children[news["tag"]].pid = news["born"]
        elif "died" in news:
            (child,) = (one for one in self._children if one.pid == news["died"] and one.status is None)
            child.status = news["status"]
        else:
            self._is_ready = True


@contextmanager
def opened_nursery(folder: Path, **environment: str) -> Iterator[Nursery]:
    """Run a nursery over the test's database while the block lasts; its children work as `raxx_worker`."""
    program = Program(
        name="nursery",
        argv=(sys.executable, "-m", "tests.faults.nursery"),
        environment={"DATABASE_URL": database_url(roles.WORKER), "RAXX_LOG_LEVEL": "INFO", **environment},
        folder=settings.BASE_DIR,
    )
    with _spawn(program, folder) as running:
        try:
            yield Nursery(running, folder)
        finally:
            embedded.stop(program, running)  # whose children the kernel kills


def _spawn(program: Program, folder: Path) -> subprocess.Popen[bytes]:
    """Start it with both ends of a conversation; its own words of trouble go to a log."""
    with (folder / "nursery.log").open("ab") as log:
        return subprocess.Popen(
            program.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=program.folder,
            env={**os.environ, **program.environment},
        )
