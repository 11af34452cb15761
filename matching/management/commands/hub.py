"""`manage.py hub`: publish one market's feed until SIGTERM."""

from __future__ import annotations

import logging
import signal
import time
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

logger = logging.getLogger(__name__)

BEAT_S = 1.0  # between two looks for a market that has no hub
LEFT_ALONE_S = 30.0  # a market beside the default one that could not be published

HELP = """\
Publish a market's feed (tape, synthetic or live) to Valkey until stopped.

One of the processes of an installation: `up` starts it, or a unit of the system. One for each active
market: without --market it takes one that has none, the default one first, and stands by while all
have theirs. It may be stopped and started again at any time, and waits for servers that are away and
for its market to be opened.

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
    # They work, and the help is about the command.
    suppressed_base_arguments = {
        "--version",
        "--settings",
        "--pythonpath",
        "--no-color",
        "--force-color",
    }
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        """Keep the lines of the help as they are written."""
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, **options
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--market",
            metavar="N",
            type=int,
            help="the market's number (`manage.py market list`); without it an active one that has no hub",
        )

    def handle(self, *_: Any, market: int | None, **__: Any) -> None:
        waker = Waker()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: waker.stop())
        free = _FreeMarkets(market, waker)
        while (chosen := free.next()) is not None:
            try:
                Hub(chosen, valkey_url=settings.REDIS_URL, waker=waker).run()
            except MarketError as error:
                if market is not None or free.is_first(chosen):
                    raise CommandError(str(error)) from error
                # What stands beside the default market does not take the processes down with it.
                logger.error("market %s cannot be published: %s", chosen, error)  # noqa: TRY400 - it is said in a line
                free.leave_alone(chosen)


class _FreeMarkets:
    """Finds active markets that no hub runs, and takes their locks on Django's connection."""

    def __init__(self, pinned: int | None, waker: Waker) -> None:
        self._pinned = pinned
        self._waker = waker
        self._outage = Outage()
        self._left_alone: dict[int, float] = {}
        self._active: list[int] = []

    def next(self) -> int | None:
        """Return the next market, once there is one and PostgreSQL tells it; None when we are to stop first.

        Raises CommandError when there is no market of the number that was asked for.
        """
        is_told = False
        while not self._waker.is_stopped:
            try:
                found = self._look()
                self._outage.is_over()
            except rows.DATABASE_DOWN as error:
                connection.close()
                self._waker.wait(self._outage.pause_after(error))
                continue
            except MarketError as error:
                raise CommandError(str(error)) from error
            if found is not None:
                return found
            if not is_told:
                logger.warning("standing by: %s", self._reason())
                is_told = True
            self._waker.wait(BEAT_S)
        return None

    def is_first(self, market_id: int) -> bool:
        """Say whether this is the market of whoever names none."""
        return self._active[:1] == [market_id]

    def leave_alone(self, market_id: int) -> None:
        """Do not offer this market for a while."""
        self._left_alone[market_id] = time.monotonic() + LEFT_ALONE_S

    def _look(self) -> int | None:
        self._active = rows.active_market_ids()
        if self._pinned is not None:
            is_free = rows.market_state(self._pinned).is_active and rows.HubLock(self._pinned).hold()
            return self._pinned if is_free else None
        for market_id in self._active:
            is_over = self._left_alone.get(market_id, 0.0) <= time.monotonic()
            if is_over and rows.HubLock(market_id).hold():
                return market_id
        return None

    def _reason(self) -> str:
        if self._pinned is not None and self._pinned in self._active:
            return f"another process runs the hub of market {self._pinned}"
        if self._pinned is not None:
            return f"market {self._pinned} is closed"
        return "each active market has its hub" if self._active else "no market is active"
