"""What the tests of budgets count in: a Valkey of their own, one that never answers, and a clock that stands."""

from __future__ import annotations

import signal
import socket
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import redis

from raxx import embedded, process
from raxx.folder import DataFolder
from raxx.valkey import client_url

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    import pytest

PATIENCE_S = 20.0  # a test that waits longer has hung
NOON = 1_380_628_800  # 2013-10-01 12:00 UTC


class OwnValkey:
    """A server that its test may kill, stop and start again."""

    def __init__(self, folder: DataFolder) -> None:
        self.url = client_url("", folder)
        self._folder = folder
        self._program = embedded.prepare_valkey(folder)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, empty, and return when it answers."""
        log = self._folder.logs / "valkey.log"
        with log.open("ab") as output:
            self._child = process.spawn(self._program, self._folder.root, output)
        ready = lambda: embedded.valkey_is_ready(self.url)  # noqa: E731
        embedded._wait_until_ready(self._program, self._child, ready, log, PATIENCE_S)

    def kill(self) -> None:
        """Kill it: its socket's file stays and refuses."""
        if self._child is not None:
            self._child.kill()
            self._child.wait(PATIENCE_S)
            self._child = None

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Have it accept and never answer while the block lasts."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._child.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=PATIENCE_S)


@contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    """Run a Valkey that nobody else uses."""
    with tempfile.TemporaryDirectory(prefix="raxx-valkey-") as folder:
        server = OwnValkey(DataFolder(Path(folder)))
        server.start()
        try:
            yield server
        finally:
            server.kill()


class SilentServer:
    """A listener that takes connections and says nothing; it knows how many came."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self.asked = 0
        self._listens = True
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            held, _ = self._listener.accept()
            if not self._listens:
                held.close()
                return
            self._held.append(held)
            self.asked += 1

    def close(self) -> None:
        self._listens = False
        with socket.create_connection(self._listener.getsockname()):
            self._thread.join(PATIENCE_S)
        for held in (*self._held, self._listener):
            held.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    server = SilentServer()
    try:
        yield server
    finally:
        server.close()


@dataclass
class StandingClock:
    """The time that budgets see: seconds since the epoch, and of the monotonic clock."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now

    def stand(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the counter, the budgets and the limits see this time, and nothing else."""
        from accounts import budgets

        seen = SimpleNamespace(time=self, monotonic=self)
        for module in ("django_ratelimit.core", "accounts.budgets", "accounts.throttling"):
            monkeypatch.setattr(f"{module}.time", seen)
        monkeypatch.setattr(budgets, "breaker", budgets.Breaker(self))


def count_at(settings: Any, url: str) -> None:
    """Let budgets be counted by the server at this address."""
    caches = settings.CACHES
    settings.CACHES = {**caches, "budgets": {**caches["budgets"], "LOCATION": url}}
