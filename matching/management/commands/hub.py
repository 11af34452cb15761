"""`manage.py hub`: publish one market's feed until SIGTERM."""

from __future__ import annotations

import signal
from argparse import RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from matching.market import rows
from matching.market.errors import MarketError
from matching.market.hub import Hub, Outage
from matching.market.waker import Waker

if TYPE_CHECKING:
    from argparse import ArgumentParser


HELP = """\
Publish a market's feed (tape, synthetic or live) to Valkey until stopped.

One of the processes of an installation: `up` starts it, or a unit of the system. One for each market;
it may be stopped and started again at any time, and waits for servers that are away.

Examples:
  manage.py hub
  manage.py hub --market 2

Exit codes:
  0  stopped by a signal
  1  the market cannot be published, with the reason on stderr
  2  called with wrong options
"""


class Command(BaseCommand):
    help = HELP
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """Keep the lines of the help as they are written."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **options
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--market", type=int, help="the market's id; without it the active one")

    def handle(self, *_: Any, market: int | None, **__: Any) -> None:
        waker = Waker()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: waker.stop())
        try:
            chosen = market or self._active_market(waker)
            if chosen is not None:
                Hub(chosen, valkey_url=settings.REDIS_URL, waker=waker).run()
        except MarketError as error:
            raise CommandError(str(error)) from error

    @staticmethod
    def _active_market(waker: Waker) -> int | None:
        """Return the active market's id, once PostgreSQL tells it; None when we are to stop first."""
        outage = Outage()
        while not waker.is_stopped:
            try:
                return rows.active_market_id()
            except rows.DATABASE_DOWN as error:
                connection.close()
                waker.wait(outage.pause_after(error))
        return None
