"""Granian with the web application, armed or as it is."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx
from django.conf import settings

from raxx import embedded, process, roles
from raxx.process import Program
from tests.acceptance.house import free_port
from tests.faults.children import database_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIES_WITHIN_S = ANSWERS_WITHIN_S = 60.0
LOOK_S = 0.05
ARMED = "tests.faults.armed_web:application"


class ArmedWeb:
    """One granian after the other on one port, as a supervisor would start them."""

    def __init__(self, folder: Path, *, application: str = ARMED, **environment: str) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self._folder = folder
        options = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
        self._program = Program(
            name="web",
            argv=(sys.executable, "-m", "granian", *options, application),
            environment={
                "DATABASE_URL": database_url(roles.APP),
                "PYTHONPATH": str(settings.BASE_DIR),
                "RAXX_ALLOWED_HOSTS": "127.0.0.1",
                **environment,
            },
            folder=settings.BASE_DIR,
        )
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start one; whoever calls it too early is not answered."""
        with (self._folder / "web.log").open("ab") as log:
            self._child = process.spawn(self._program, self._folder, log)

    def until_it_answers(self) -> None:
        """Wait until it takes requests: its birth has no event for us."""
        assert self._child is not None
        with httpx.Client(base_url=self.base_url) as client:
            for _ in range(int(ANSWERS_WITHIN_S / LOOK_S)):
                with suppress(httpx.TransportError):
                    client.get("/health/live").raise_for_status()
                    return
                with suppress(subprocess.TimeoutExpired):
                    raise AssertionError(f"web ended with {self._child.wait(LOOK_S)}")
        raise AssertionError("web does not answer")

    def until_dead(self) -> None:
        """Wait until granian has followed its worker."""
        assert self._child is not None
        self._child.wait(DIES_WITHIN_S)

    def stop(self) -> None:
        """End the last one."""
        if self._child is not None:
            embedded.stop(self._program, self._child)


@contextmanager
def armed_web(folder: Path, **environment: str) -> Iterator[ArmedWeb]:
    """Run one over the test's database; whoever kills it starts the next."""
    web = ArmedWeb(folder, **environment)
    web.start()
    try:
        yield web
    finally:
        web.stop()
