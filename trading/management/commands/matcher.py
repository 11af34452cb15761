"""`manage.py matcher`: decide the orders of one shard of the active market, for as long as it runs."""

from __future__ import annotations

import logging
import signal
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection
from psycopg.conninfo import make_conninfo

from accounts.management.command import OperatorCommand
from matching.market import rows
from matching.market.bells import MarketBell
from matching.market.errors import MarketError
from matching.market.feeds import open_feed
from matching.market.market_clock import MarketClock
from matching.market.valkey import DOWN, READ_TIMEOUT, connect
from matching.market.waker import Waker
from matching.matcher import Matcher
from matching.ports import Disturbed, Feed, Fenced, Progress
from trading.adapters.journal import PostgresJournal, symbols_of_shard
from trading.services.markets import symbols_of

logger = logging.getLogger(__name__)

OUTAGE = (psycopg.OperationalError, OperationalError, InterfaceError, psycopg.InterfaceError, *DOWN)
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)


class Command(OperatorCommand):
    help = (
        "Decide the orders of the active market: read its feed, take what owners ask for, and commit every "
        "decision. Run one for each shard; a second one for the same shard waits, and refuses when the first lives."
    )

    when = (
        "One of the processes of an installation: `up` starts it, or a unit of the system. It may be killed at any "
        "instant and started again, and waits for servers that are away."
    )
    examples = ("", "--shard 0 --shards 2")
    exits = {0: "stopped by a signal", 1: "the market cannot be run", 3: "another matcher has the shard"}
    is_process = True
    requires_system_checks: list[str] = []  # `check` has run before; a start after a crash is quick

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--shard", type=int, default=0, help="which share of the symbols, from 0")
        parser.add_argument("--shards", type=int, default=1, help="how many shares there are")

    def handle(self, *, shard: int, shards: int, **_: Any) -> None:
        if not 0 <= shard < shards:
            raise CommandError(f"--shard {shard} is not one of {shards} shards: 0 to {shards - 1}")
        waker = Waker()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: waker.stop())
        self.failures = 0
        while not waker.is_stopped:
            try:
                self._match(shard, shards, waker)
            except Fenced as error:
                raise CommandError(str(error), returncode=3) from None
            except MarketError as error:
                raise CommandError(str(error)) from None
            except Disturbed as error:
                self._pause(waker, f"starting anew: {error}")
            except OUTAGE as error:
                self._pause(waker, f"PostgreSQL or Valkey is away, starting anew when it is back: {error}")

    def _pause(self, waker: Waker, reason: str) -> None:
        """Wait before the next start, the longer the more often; tell the reason once."""
        if self.failures == 0:
            logger.warning(reason)
        connection.close()
        waker.wait(BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)])
        self.failures += 1

    def _match(self, shard: int, shards: int, waker: Waker) -> None:
        market = rows.market_state(rows.active_market_id())
        symbols = symbols_of_shard(symbols_of(market), shard, shards)
        client = connect(settings.REDIS_URL, timeout=READ_TIMEOUT)

        def feed(progress: Progress) -> Feed:
            return open_feed(market, client, only=symbols, since=progress.at or None)

        journal = PostgresJournal(
            make_conninfo("", **settings.DATABASE_SERVER.login(connection.settings_dict["USER"])),
            market_id=market.market_id,
            symbols=symbols,
            shard=shard,
            lease=settings.LEASE,
        )
        matcher = Matcher(
            journal=journal,
            open_feed=feed,
            clock=MarketClock(market.market_id),
            bell=MarketBell(settings.REDIS_URL, market.market_id, waker),
        )
        try:
            matcher.recover()
            self.failures = 0
            matcher.run(lambda: waker.is_stopped)
        finally:
            journal.close()
