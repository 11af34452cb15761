"""Web processes as production runs them, several beside each other, over the test's database."""

from __future__ import annotations

import json
import socket
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from django.conf import settings

from raxx import embedded, process
from raxx.process import Program
from tests.counters import PATIENCE_S
from tests.factories.rows import SECRET
from tests.stream.server import accepts, database_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accounts.models import ApiKey

STARTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Web:
    """One process."""

    port: int

    def call(
        self, key: ApiKey, method: str, path: str, body: Any = None, **more: str
    ) -> tuple[int, dict[str, str]]:
        """Send one request on a connection of its own, with `more` headers; return status and headers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        headers = {
            "APCA-API-KEY-ID": key.pk,
            "APCA-API-SECRET-KEY": SECRET,
            "Content-Type": "application/json",
            **more,
        }
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, dict(answer.getheaders())
        finally:
            connection.close()


@contextmanager
def webs(count: int, folder: Path, **environment: str) -> Iterator[list[Web]]:
    """Run so many while the block lasts."""
    with ExitStack() as stack:
        yield [stack.enter_context(_web(folder / f"web{number}.log", environment)) for number in range(count)]


@contextmanager
def _web(log: Path, environment: dict[str, str]) -> Iterator[Web]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    place = ("--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "8")
    program = Program(
        name="web",
        argv=(sys.executable, "-m", "granian", "--interface", "wsgi", *place, "raxx.wsgi:application"),
        environment={
            "DATABASE_URL": database_url(),
            "PYTHONPATH": str(settings.BASE_DIR),
            "RAXX_ALLOWED_HOSTS": "127.0.0.1",
            **environment,
        },
        folder=settings.BASE_DIR,
    )
    with log.open("ab") as output:
        child = process.spawn(program, settings.DATA_FOLDER.root / "a web of a test", output)
    try:
        embedded._wait_until_ready(program, child, lambda: accepts(port), log, STARTS_WITHIN_S)
        yield Web(port)
    finally:
        embedded.stop(program, child)
