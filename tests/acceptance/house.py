"""The real processes, started as an operator starts them, and proof that they all end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg

from raxx import process, roles
from raxx.folder import DataFolder
from raxx.process import Program
from tests import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 100.0
STOP_WITHIN_S = 60.0
COMMAND_WITHIN_S = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def kept_where_it_fails(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Have a folder for real servers while the block lasts; it is kept, with their logs, when a test fails meanwhile.

    Not pytest's: every pytest of this user makes the parent of those impassable for others, and
    PostgreSQL is another user where we are root.
    """
    session, config = request.session, request.config
    failed = session.testsfailed
    folder = Path(tempfile.mkdtemp(prefix="raxx-house-"))
    yield folder
    if session.testsfailed == failed:
        shutil.rmtree(folder)
    else:
        config.get_terminal_writer().line(f"\nkept, with its logs: {folder}")


class House:
    """One `manage.py up` in a data folder of its own.

    Unless it begins `from_nothing`, or with a server that is named to it, its tables are there already.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] | None = None,
        from_nothing: bool = False,
    ) -> None:
        self.folder = folder
        self._environment = {"RAXX_DATA_DIR": str(folder), **(environment or {})}
        has_own_database = not {**os.environ, **self._environment}.get("DATABASE_URL")
        self._is_to_furnish = has_own_database and not from_nothing
        self._port = free_port()
        self._options = options
        self._said: list[str] = []
        self._news = threading.Condition()
        self._running: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    # Start and stop

    def start(self) -> None:
        """Return when `up` says that it is ready."""
        is_furnished = self._is_to_furnish and not (self.folder / "postgres").exists()
        if is_furnished:
            schema.furnish(DataFolder(self.folder))
        words = ("up", "--port", str(self._port), *self._options)
        program = Program(
            name="up",
            argv=(sys.executable, str(ROOT / "manage.py"), *words),
            environment=self._environment,
            folder=ROOT,
        )
        # Unlike a plain Popen it cannot outlive a test run that is killed.
        self._running = process.spawn(program, self.folder, subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with self._news:
            is_settled = self._news.wait_for(lambda: self.is_ready or self._has_ended, timeout=READY_WITHIN_S)
        assert is_settled, f"`up` is not ready after {READY_WITHIN_S} s:\n{self.said}"
        assert self.is_ready, f"`up` ended:\n{self.said}"
        if is_furnished:
            login = roles.embedded_server(DataFolder(self.folder), "unused").administrative_login()
            with psycopg.connect(**login) as connection:
                connection.execute(schema.IS_NEW)

    def stop(self) -> int:
        """Ask it to end as an operator would, and return its exit status; nothing may be left."""
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)
        try:
            status = self._running.wait(timeout=STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        left = self.processes()
        assert left == [], f"still running after `up` ended: {[_name(one) for one in left]}\n{self.said}"
        return status

    def kill(self) -> None:
        """End what is left, for a test that has failed."""
        if self._running is not None and self._running.poll() is None:
            self._running.kill()
            self._running.wait()
        for left in self.processes():
            with suppress(psutil.NoSuchProcess):  # its parent's end was its own
                left.kill()

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    # What it says

    @property
    def said(self) -> str:
        with self._news:
            return "\n".join(self._said)

    @property
    def is_ready(self) -> bool:
        return any(line.startswith("Raxx is ready at ") for line in self._said)

    @property
    def _has_ended(self) -> bool:
        return bool(self._said) and self._said[-1] is _END

    @property
    def demo(self) -> dict[str, str]:
        content: dict[str, str] = json.loads((self.folder / "demo.json").read_text())
        return content

    def _read(self) -> None:
        assert self._running is not None
        assert self._running.stdout is not None
        with self._running.stdout as output:
            for line in output:
                self._say(line.decode(errors="replace").rstrip())
        self._say(_END)

    def _say(self, line: str) -> None:
        with self._news:
            self._said.append(line)
            self._news.notify_all()

    # What belongs to it

    def manage(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a management command in its data folder."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *words],
            cwd=ROOT,
            env={**os.environ, **self._environment},
            capture_output=True,
            text=True,
            timeout=COMMAND_WITHIN_S,
            check=False,
        )

    def processes(self) -> list[psutil.Process]:
        """Return every process that names the data folder: in its mark, its command line or its place."""
        own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
        return [one for one in psutil.process_iter() if one.pid not in own and self._owns(one)]

    def _owns(self, one: psutil.Process) -> bool:
        folder = str(self.folder)
        try:
            if one.status() == psutil.STATUS_ZOMBIE:
                return False
            return (
                one.environ().get(process.MARK) == folder
                or any(folder in word for word in one.cmdline())
                or one.cwd().startswith(folder)
            )
        except psutil.Error:
            return False

    def children(self, name: str) -> list[psutil.Process]:
        """Return the processes of one of our programs: hub, matcher, web workers, postgres, valkey."""
        assert self._running is not None
        found = []
        for one in psutil.Process(self._running.pid).children():
            try:
                words = one.cmdline()
            except psutil.Error:
                continue
            if WORDS[name] in " ".join(words):
                found += one.children() if name == "web worker" else [one]
        return found

    def environment(self) -> dict[str, str]:
        return dict(self._environment)


_END = "(no more)"
WORDS: dict[str, Any] = {
    "hub": "manage.py hub",
    "matcher": "manage.py matcher",
    "web": "raxx.wsgi:application",
    "stream": "raxx.asgi:application",
    "web worker": "raxx.wsgi:application",
    "worker": "celery -A raxx --quiet worker",
    "postgres": "bin/postgres -D",
    "valkey": "valkey-server",
}


def _name(one: psutil.Process) -> str:
    try:
        return f"{one.pid} {' '.join(one.cmdline())[:120]}"
    except psutil.Error:
        return str(one.pid)
