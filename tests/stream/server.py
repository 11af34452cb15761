"""The stream process as production runs it, over the test's database."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from django.conf import settings

from raxx import embedded, roles
from raxx.process import Program, spawn
from tests.stream.peer import PATIENCE_S, login_of_the_web_role

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path


def database_url(role: str = roles.APP) -> str:
    """Return the test's database, as the web role or another, in the form of DATABASE_URL."""
    login = {**settings.DATABASE_SERVER.login(role), "dbname": login_of_the_web_role()["dbname"]}
    place = {name: login[name] for name in login.keys() - {"user", "password", "dbname"}}
    return f"postgresql://{login['user']}:{quote(login['password'])}@/{login['dbname']}?{urlencode(place)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Server:
    """A running granian."""

    def __init__(self, port: int, child: subprocess.Popen[bytes], program: Program, log: Path) -> None:
        self.log = log
        self.url = f"ws://127.0.0.1:{port}/stream"
        self._child = child
        self._program = program

    def stop(self) -> None:
        """Stop it as the supervisor does: SIGTERM, and SIGKILL after its grace."""
        embedded.stop(self._program, self._child)

    @property
    def status(self) -> int | None:
        return self._child.poll()


@contextmanager
def granian(log: Path) -> Iterator[Server]:
    port = free_port()
    command = (
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    )
    program = Program(
        name="stream",
        argv=(*command, "--workers-kill-timeout", "5", "raxx.asgi:application"),
        environment={"DATABASE_URL": database_url(), "PYTHONPATH": str(settings.BASE_DIR)},
        folder=settings.BASE_DIR,
    )
    with log.open("ab") as output:
        child = spawn(program, settings.DATA_FOLDER.root / "a server of a test", output)
    server = Server(port, child, program, log)
    try:
        embedded._wait_until_ready(program, child, lambda: accepts(port), log, PATIENCE_S)
        yield server
    finally:
        server.stop()
