"""How long a matcher with 1,000,000 open orders takes to start, and what it then occupies.

    python -m bench.restart [--orders 1000000] [--runs 3]

The orders are of all types, spread over 1,000 symbols and 1,000 accounts. Each run starts a process of
its own, and its clock runs from there to the commit of the first decision: about an order that waited
in the inbox. Program, journal, engine and connection are the matcher's own; the market stands still,
so that nothing but the start is measured. `detail` has what a start without any order takes, the
most memory that was ever resident, and what each order added to it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bench.figure import Figure
from bench.harness import ROOT, HarnessFailed, installation
from bench.people import settle
from bench.resting import store_open_orders

if TYPE_CHECKING:
    from matching.engine.types import Chunk
    from matching.ports import Progress, Reading

NAMES = ("restart_1m",)
SYMBOLS, ACCOUNTS = 1_000, 1_000
BAR_S, BAR_MIB = 60.0, 2_048.0
MIB = 2**20
STARTED_WITHIN_S = 600.0


class RestartFailed(Exception):
    """The matcher did not start; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start: seconds until it had decided, those of its own CPU, and the most bytes that were resident."""

    seconds: float
    cpu_s: float
    peak: int


class Stillness:
    """A market in its regular session in which nothing happens. Implements Feed, Clock and Bell."""

    replayable: bool = False
    without_prints: frozenset[str] = frozenset()

    def __init__(self, progress: Progress) -> None:
        self._seq, self._run = progress.seq + 1, progress.run

    def read(self, after: int, until: int, limit: int) -> Chunk | None:  # noqa: ARG002 - the port's signature
        from matching.engine.types import Chunk, Session, SessionChange

        if after >= self._seq:
            return None
        opening = SessionChange(seq=self._seq, at=0, session=Session.REGULAR)
        return Chunk(seq=self._seq, at=0, session=opening, is_repeat=True)


class Standing:
    """A clock that stands, and a bell that nobody rings."""

    def read(self) -> Reading:
        from matching.ports import Reading

        return Reading(run=0, until=0, is_moving=False)

    def wait(self, timeout: float) -> None:
        """Return at once."""


def decide_once(market_id: int, symbols: list[str]) -> None:
    """Be the matcher until its first round is over, and print what that needed."""
    import os

    os.environ["DJANGO_SETTINGS_MODULE"] = "raxx.settings"
    import django

    django.setup()
    from django.conf import settings
    from psycopg.conninfo import make_conninfo

    from matching.matcher import Matcher
    from raxx import roles
    from trading.adapters.journal import PostgresJournal

    conninfo = make_conninfo("", **settings.DATABASE_SERVER.login(roles.WORKER))
    journal = PostgresJournal(conninfo, market_id=market_id, symbols=symbols)
    clock = Standing()
    matcher = Matcher(journal=journal, open_feed=Stillness, clock=clock, bell=clock)
    matcher.recover()
    matcher.round()
    journal.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024
    told = {"peak": peak, "open": matcher.open_count, "cpu_s": time.process_time()}
    print(json.dumps(told), flush=True)


def start(market_id: int, symbols: list[str], orders: int) -> Start:
    """Start a matcher, and return when it has decided. Raises RestartFailed."""
    command = [sys.executable, "-m", "bench.restart", "--decide", str(market_id), *symbols]
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=STARTED_WITHIN_S
    )
    seconds = time.perf_counter() - begin
    if done.returncode:
        raise RestartFailed(done.stderr[-2_000:])
    told = json.loads(done.stdout)
    if told["open"] < orders:
        raise RestartFailed(f"{told['open']} of {orders} open orders were taken up")
    return Start(seconds=seconds, cpu_s=told["cpu_s"], peak=told["peak"])


class Restarts:
    """A market with open orders, and people who place one more before each start."""

    def __init__(self, accounts: int) -> None:
        from trading.models import Asset
        from trading.services.running_markets import default_market

        self.market = default_market()
        self.symbols = [f"S{number}" for number in range(SYMBOLS)]
        Asset.objects.bulk_create(Asset(symbol=symbol) for symbol in self.symbols)
        self.people = settle(accounts, self.market)

    def start(self, orders: int) -> Start:
        """Put an order into the inbox and start a matcher, that is to decide it. Raises RestartFailed."""
        from trading.models import Order, OrderEvent

        waiting = self._wish()
        started = start(self.market.pk, self.symbols, orders)
        if not OrderEvent.objects.filter(order_id=waiting, kind="new").exists():
            raise RestartFailed(f"the order is {Order.objects.get(pk=waiting).status} after the first round")
        return started

    def _wish(self) -> Any:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(WISH, {"market_id": self.market.pk, "symbol": self.symbols[0]})
            return cursor.fetchone()[0]


# As entry leaves it, but for its hold.
WISH = """
insert into trading_order (
  id, user_id, account_id, market_id, asset_id, symbol, client_order_id, status, side, type, time_in_force,
  order_class, extended_hours, quantity, limit_price, position_intent, profile_id, reserve_price, cash_held,
  quantity_held, filled_quantity, filled_money, command_no, request_id, reason, created_at, submitted_at, updated_at)
select uuidv7(), a.user_id, a.account_id, a.market_id, s.id, s.symbol, uuidv7()::text, 'pending_new', 'buy', 'limit',
       'gtc', '', false, 1, 1, 'buy_to_open', 1, 0, 0, 0, 0, 0, 2000000000 + nextval('trading_command_no'), '', '',
       clock_timestamp(), clock_timestamp(), 'epoch'
  from trading_asset s, (select * from trading_tradingaccount where market_id = %(market_id)s limit 1) a
 where s.symbol = %(symbol)s
returning id
"""


def measure(orders: int, runs: int) -> Figure:
    """Start it once with no order and `runs` times with all of them."""
    accounts = min(ACCOUNTS, orders)
    restarts = Restarts(accounts)
    empty = restarts.start(0)
    store_open_orders(restarts.market, dict.fromkeys(restarts.symbols, Decimal(100)), orders, accounts)
    starts = [restarts.start(orders) for _ in range(runs)]
    peak = max(one.peak for one in starts)
    return Figure(
        name="restart_1m",
        values=[one.seconds for one in starts],
        unit="s",
        against=f"{BAR_S:.0f} s",
        ratios=[one.seconds / BAR_S for one in starts],
        detail={
            "orders": orders,
            "empty_s": round(empty.seconds, 2),
            "cpu_s": round(statistics.median(one.cpu_s for one in starts), 1),
            "peak_mib": round(peak / MIB),
            "peak_to_bar": round(peak / MIB / BAR_MIB, 3),
            "bytes_per_order": round((peak - empty.peak) / orders),
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--decide", nargs="+", metavar="MARKET SYMBOL", help="be the matcher that is measured"
    )
    options = parser.parse_args()
    if options.decide:
        market_id, *symbols = options.decide
        decide_once(int(market_id), symbols)
        return
    try:
        with installation():
            figure = measure(options.orders, options.runs)
    except (HarnessFailed, RestartFailed, OSError) as error:
        sys.exit(f"bench.restart FAILED: {error}")
    figure.print()


if __name__ == "__main__":
    main()
