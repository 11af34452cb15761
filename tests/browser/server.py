"""The web process as production runs it, over the test's database, at the address where passkeys work."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from raxx import embedded, process, roles
from raxx.process import Program
from tests.stream.server import accepts, database_url, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTS_WITHIN_S = 60.0


class Site:
    """A running web process. `url` is where people go; `elsewhere` is the same page at a bare address."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://localhost:{port}"
        self.elsewhere = f"http://127.0.0.1:{port}"
        self._log = log

    def mails_to(self, email: str) -> list[str]:
        """Return the mails that somebody got, oldest first: in development the process prints them."""
        printed = self._log.read_text(errors="replace")
        parts = re.split(r"^Content-Type: text/plain", printed, flags=re.MULTILINE)[1:]
        return [part for part in parts if f"\nTo: {email}\n" in part]

    def link_to(self, email: str) -> str:
        """Return the address of the page that the last mail to somebody names."""
        found = re.findall(rf"^{re.escape(self.url)}/\S+/\S+$", self.mails_to(email)[-1], re.MULTILINE)
        return str(found[-1])


@contextmanager
def site(folder: Path, **environment: str) -> Iterator[Site]:
    """Run it while the block lasts, with more of an environment where a test needs other settings."""
    port, log = free_port(), folder / "web.log"
    place = ("--host", "127.0.0.1", "--port", str(port), "--blocking-threads", "8")
    program = Program(
        name="web",
        argv=(sys.executable, "-m", "granian", "--interface", "wsgi", *place, "raxx.wsgi:application"),
        environment={
            "DATABASE_URL": database_url(),
            "RAXX_SUPPORT_DATABASE_URL": database_url(roles.SUPPORT),
            "PYTHONPATH": str(settings.BASE_DIR),
            "PYTHONUNBUFFERED": "1",
            "RAXX_ORIGINS": f"http://localhost:{port},http://127.0.0.1:{port}",
            "RAXX_BUDGETS": "off",
            **environment,
        },
        folder=settings.BASE_DIR,
    )
    with log.open("ab") as output:
        child = process.spawn(program, settings.DATA_FOLDER.root / "a web of the browser's", output)
    try:
        embedded._wait_until_ready(program, child, lambda: accepts(port), log, STARTS_WITHIN_S)
        yield Site(port, log)
    finally:
        embedded.stop(program, child)
