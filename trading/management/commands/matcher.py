"""`manage.py matcher`: one of a pool; decide the orders of a shard that nobody else has, and stand by while there is none."""

from __future__ import annotations

import logging
import random
import signal
import time
from typing import TYPE_CHECKING, Any

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
from trading.adapters.journal import PostgresJournal
from trading.adapters.shards import HASTE, PATIENCE, Seat, free_seats, seat, symbols_of_shard
from trading.services.markets import symbols_of

if TYPE_CHECKING:
    from datetime import timedelta

logger = logging.getLogger(__name__)

OUTAGE = (psycopg.OperationalError, OperationalError, InterfaceError, psycopg.InterfaceError, *DOWN)
BACKOFF_S = (0.1, 0.2, 0.5, 1.0, 2.0)
LEFT_ALONE_S = 30.0  # a market that cannot be run, say for want of its tape on this machine
FIRST_LOOKS_S = (
    0.01,
    0.02,
    0.05,
    0.1,
)  # a killed owner's session, whom this one may follow, goes in a moment
LOOK_S = (0.15, 0.35)  # between two looks for a free shard: not in step with others who stand by


class Command(OperatorCommand):
    help = (
        "Decide orders: take a shard of an active market that has no matcher, read its feed, take what owners ask "
        "for, and commit every decision. While every shard has one, stand by and take over from whoever dies."
    )

    when = (
        "One of the processes of an installation: `up` starts them, or a unit of the system. Run one for each shard "
        "of all markets (`manage.py market list`), and one more that stands by. It may be killed at any "
        "instant and started again, and waits for servers that are away."
    )
    examples = ("", "--market 1 --shard 0")
    exits = {
        0: "stopped by a signal",
        1: "the market cannot be run",
        3: "another matcher has the shard that was asked for",
    }
    is_process = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--market", type=int, help="with --shard: the market of the one shard to decide")
        parser.add_argument(
            "--shard", type=int, help="which of its shards, from 0; whichever is free without both"
        )

    def handle(self, *, market: int | None, shard: int | None, **_: Any) -> None:
        if (market is None) != (shard is None):
            raise CommandError("--market and --shard go together", returncode=2)
        waker = Waker()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: waker.stop())
        self.failures = 0
        self.is_closed = False  # the one market that was asked for
        self.left_alone: dict[int, float] = {}  # until when, by this process's clock
        while not waker.is_stopped:
            try:
                if market is not None and shard is not None:
                    self._decide_only(market, shard, waker)
                elif (free := self._standing_by(waker)) is not None:
                    self._decide_one_of_many(free, waker)
            except MarketError as error:
                raise CommandError(str(error)) from None
            except Disturbed as error:
                self._pause(waker, f"starting anew: {error}")
            except OUTAGE as error:
                self._pause(waker, f"PostgreSQL or Valkey is away, starting anew when it is back: {error}")

    def _decide_only(self, market: int, shard: int, waker: Waker) -> None:
        if (place := seat(market, shard)) is None:
            if not self.is_closed:
                logger.info("market %d is closed: standing by until it is opened again", market)
            self.is_closed, self.failures = True, 0
            waker.wait(random.uniform(*LOOK_S))  # noqa: S311 - nothing is secret about it
            return
        self.is_closed = False
        try:
            self._match(place, waker, PATIENCE)
        except Fenced as error:
            raise CommandError(str(error), returncode=3) from None

    def _decide_one_of_many(self, free: Seat, waker: Waker) -> None:
        try:
            self._match(free, waker, HASTE)
        except Fenced as error:
            logger.info("%s: standing by", error)
            waker.wait(random.uniform(*LOOK_S))  # noqa: S311 - nothing is secret about it
        except MarketError as error:
            if free.market_id == rows.default_market_id():
                raise
            # What stands beside the default market does not take the processes down with it.
            logger.error("market %d cannot be run: %s", free.market_id, error)  # noqa: TRY400 - it is said in a line
            self.left_alone[free.market_id] = time.monotonic() + LEFT_ALONE_S

    def _pause(self, waker: Waker, reason: str) -> None:
        """Wait before the next start, the longer the more often; tell the reason once."""
        if self.failures == 0:
            logger.warning(reason)
        connection.close()
        waker.wait(BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)])
        self.failures += 1

    def _standing_by(self, waker: Waker) -> Seat | None:
        """Return a shard that is free, as soon as there is one; None when we are to stop first."""
        first_looks = iter(FIRST_LOOKS_S)
        is_told = False
        while not waker.is_stopped:
            now = time.monotonic()
            free = [
                one for one in free_seats(settings.LEASE) if self.left_alone.get(one.market_id, 0.0) <= now
            ]
            if free:
                return random.choice(free)  # noqa: S311 - so that those who look at once take different ones
            if (pause := next(first_looks, None)) is None:
                pause = random.uniform(*LOOK_S)  # noqa: S311 - nothing is secret about it
                if not is_told:
                    logger.info("every shard of every active market has a matcher: standing by")
                is_told, self.failures = True, 0
            waker.wait(pause)
        return None

    def _match(self, place: Seat, waker: Waker, patience: timedelta) -> None:
        """Decide a shard until we are to stop, or its market is closed."""
        market = rows.market_state(place.market_id)
        symbols = symbols_of_shard(symbols_of(market), place.number, place.shards)
        client = connect(settings.REDIS_URL, timeout=READ_TIMEOUT)

        def feed(progress: Progress) -> Feed:
            return open_feed(market, client, only=symbols, since=progress.at or None)

        clock = MarketClock(market.market_id)
        journal = PostgresJournal(
            make_conninfo("", **settings.DATABASE_SERVER.login(connection.settings_dict["USER"])),
            market_id=market.market_id,
            symbols=symbols,
            shard=place.number,
            shards=place.shards,
            lease=settings.LEASE,
            patience=patience,
        )
        matcher = Matcher(
            journal=journal,
            open_feed=feed,
            clock=clock,
            bell=MarketBell(settings.REDIS_URL, market.market_id, waker),
        )
        try:
            matcher.recover()
            logger.info("has shard %s of %d: %s", place, place.shards, place.reason)
            self.failures = 0
            matcher.run(lambda: waker.is_stopped or not clock.is_open)
        finally:
            journal.close()
        if not waker.is_stopped:
            logger.info("market %d is closed, and its shard %s given back", place.market_id, place)
