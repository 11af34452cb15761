"""Everything behind one address, over the test's database: web, stream, hub, matcher, and the front before them.

The market is a synthetic one that never closes, of `SYMBOLS`. The processes serve many tests, of several modules, and
so the rows stay until the house closes: each test has people of its own.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import redis
from django.conf import settings
from django.db import connections

from matching.market import keys
from matching.models import Shard
from raxx import embedded, process, roles
from raxx.process import Program
from tests import emptying
from tests.browser.server import STARTS_WITHIN_S, Site
from tests.stream.server import accepts, database_url, free_port
from trading.services.accounts import open_account
from trading.services.markets import activate_market, market_time

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from accounts.models import User
    from matching.models import Market
    from trading.models import TradingAccount

SYMBOLS = ("AAPL", "IBM", "MSFT", "NVDA")
DRAINS_WITHIN_S = "5"


class House(Site):
    """The running processes. `stop` and `start` end and begin one of them, by its name."""

    def __init__(self, folder: Path, market: Market, **environment: str) -> None:
        self._port = free_port()
        super().__init__(self._port, folder / "web.log")
        self.market = market
        self._folder = folder
        self._programs = _programs(folder, self._port, self.url, self.elsewhere, **environment)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def open_account(self, person: User, cash: Any = 100_000, name: str = "") -> TradingAccount:
        """Open a paper account in the market that runs here."""
        return open_account(
            owner=person, market=self.market, cash=Decimal(cash), now=market_time(self.market), name=name
        )

    def start(self, *names: str) -> None:
        """Start programs, and return when all of them are ready."""
        for name in names:
            with (self._folder / f"{name}.log").open("ab") as output:
                self._children[name] = process.spawn(self._programs[name], self._folder, output)
        for name in names:
            embedded._wait_until_ready(
                self._programs[name],
                self._children[name],
                lambda name=name: self._is_ready(name),  # type: ignore[misc]
                self._folder / f"{name}.log",
                STARTS_WITHIN_S,
            )

    def stop(self, *names: str) -> None:
        """End programs, all of them without a name, as the supervisor does."""
        ending = [
            threading.Thread(target=embedded.stop, args=(self._programs[name], self._children.pop(name)))
            for name in names or list(self._children)
        ]
        for one in ending:
            one.start()
        for one in ending:
            one.join()

    def _is_ready(self, name: str) -> bool:
        if name == "hub":
            with redis.Redis.from_url(settings.REDIS_URL) as client:
                return bool(client.hlen(keys.latest(self.market.pk)) >= len(SYMBOLS))
        if name == "matcher":
            return Shard.objects.filter(market=self.market, epoch__gt=0).exists()
        if name in {"worker", "live_updates"}:
            return True  # what there is for them to do waits
        if name == "front":
            return accepts(self._port)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            try:
                probe.connect(str(self._folder / f"{name}.sock"))
                probe.sendall(b"GET /health/live HTTP/1.0\r\nHost: localhost\r\n\r\n")
                return probe.recv(12).endswith(b" 200")
            except OSError:
                return False


def _programs(folder: Path, port: int, *origins: str, **more: str) -> dict[str, Program]:
    environment = {
        "DATABASE_URL": database_url(),
        "RAXX_SUPPORT_DATABASE_URL": database_url(roles.SUPPORT),
        "PYTHONPATH": str(settings.BASE_DIR),
        "PYTHONUNBUFFERED": "1",
        "RAXX_ORIGINS": ",".join(origins),
        "RAXX_BUDGETS": "off",
        "CELERY_SKIP_CHECKS": "1",
        **more,
    }
    python, manage = sys.executable, str(settings.BASE_DIR / "manage.py")
    web, stream = (str(folder / f"{name}.sock") for name in ("web", "stream"))

    def program(name: str, *words: str, role: str = roles.APP) -> Program:
        more = {"DATABASE_URL": database_url(role)}
        return Program(
            name=name, argv=(python, *words), environment={**environment, **more}, folder=settings.BASE_DIR
        )

    granian = ("-m", "granian", "--workers-kill-timeout", DRAINS_WITHIN_S, "--interface")
    return {
        "web": program(
            "web", *granian, "wsgi", "--uds", web, "--blocking-threads", "8", "raxx.wsgi:application"
        ),
        "stream": program("stream", *granian, "asgi", "--uds", stream, "raxx.asgi:application"),
        "hub": program("hub", manage, "hub", role=roles.WORKER),
        "matcher": program("matcher", manage, "matcher", role=roles.WORKER),
        "worker": program(
            "worker",
            "-m",
            "celery",
            "-A",
            "raxx",
            "--quiet",
            "worker",
            "--pool",
            "threads",
            "--concurrency",
            "2",
            role=roles.WORKER,
        ),
        "live_updates": program("live_updates", manage, "live_updates", role=roles.WORKER),
        "front": program("front", "-m", "raxx.front", "--port", str(port), "--web", web, "--stream", stream),
    }


@contextmanager
def open_house(folder: Path, *more: str, **environment: str) -> Iterator[House]:
    """Run everything while the block lasts, and `more` programs; what is in the database stays until then."""
    with ExitStack() as closing:
        closing.callback(connections.close_all)  # nobody else does so after a fixture of a module
        closing.enter_context(emptying.put_off())
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.flushall()
        house = House(folder, activate_market(feed="synthetic", symbols=SYMBOLS), **environment)
        closing.callback(house.stop)
        house.start("hub", "web", "stream", "matcher", "front", *more)
        yield house
