"""How long the orders of a matcher that is killed wait for whoever takes its shard.

    python -m bench.takeover [--runs 5] [takeover_0 takeover_10k]

Hub and matchers run on a synthetic market; one matcher stands by. In each run the one that decides is killed
(SIGKILL), an order is stored at once, and its wait ends with the commit of its first decision, by the database's
clock on the same machine. `takeover_10k` has 10,000 open orders of all types to take up. The ratio is to the
five seconds that deploy/growing.md promises. `detail` has the same without anybody standing by: a new process is
started at the instant of the kill, which no supervisor does faster.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from bench.figure import Figure
from bench.harness import LOOK_AGAIN_S, ROOT, HarnessFailed, Installation, installation
from bench.latency import prices_of
from bench.people import settle
from bench.restart import WISH
from bench.resting import store_open_orders

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

NAMES = ("takeover_0", "takeover_10k")
ORDERS = dict(zip(NAMES, (0, 10_000), strict=True))
ACCOUNTS = 100
BAR_S = 5.0
DECIDED_WITHIN_S = 60.0


class TakeoverFailed(Exception):
    """Nobody took the shard; the text says what the matchers said."""


class Pool:
    """The matchers of an installation with one shard, each with a log of its own."""

    def __init__(self, target: Installation, stack: ExitStack) -> None:
        from trading.services.running_markets import default_market

        self._target, self._stack, self._born = target, stack, 0
        self._symbol, *_ = sorted(prices_of(default_market()))
        self._market_id = default_market().pk
        self.owner = self.bear()
        self.until(lambda: "has shard" in self.said(self.owner), "nobody takes the shard")

    def bear(self) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a matcher, and return it with its log at once."""
        from raxx.process import Program

        self._born += 1
        log = self._target.folder.logs / f"matcher-{self._born}.log"
        program = Program(
            name="matcher",
            argv=(sys.executable, str(ROOT / "manage.py"), "matcher"),
            environment={"PYTHONUNBUFFERED": "1", "RAXX_LOG_LEVEL": "INFO"},
            folder=ROOT,
        )
        return self._stack.enter_context(_running(program, self._target, log)), log

    @staticmethod
    def said(matcher: tuple[subprocess.Popen[bytes], Path]) -> str:
        return matcher[1].read_text(encoding="utf-8")

    def kill_before_a_standby(self) -> float:
        """Kill the owner while another stands by, who is the next owner; return the wait in seconds."""
        standby = self.bear()
        self.until(lambda: "standing by" in self.said(standby), "it does not stand by")
        wait = self._kill(lambda: None)
        self.owner = standby
        return wait

    def kill_and_start_anew(self) -> float:
        """Kill the owner while nobody stands by, and start the next; return the wait in seconds."""
        found = []
        wait = self._kill(lambda: found.append(self.bear()))
        (self.owner,) = found
        return wait

    def _kill(self, do: Callable[[], Any]) -> float:
        """Kill the owner, do what is to be done then, and return after how long an order was decided."""
        from django.db import connection

        from trading.doorbells import ring_market

        connection.ensure_connection()
        begin = time.time()
        os.kill(self.owner[0].pid, signal.SIGKILL)
        do()
        with connection.cursor() as cursor:
            cursor.execute(WISH, {"market_id": self._market_id, "symbol": self._symbol})
            (order_id,) = cursor.fetchone()
        ring_market(self._market_id)
        decided: list[datetime] = []

        def is_decided() -> bool:
            decided.extend(_decided_at(order_id))
            return bool(decided)

        self.until(is_decided, "nobody decides")
        return decided[0].timestamp() - begin

    def until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Wait until it is so. Raises TakeoverFailed."""
        deadline = time.monotonic() + DECIDED_WITHIN_S
        while not is_so():
            if time.monotonic() > deadline:
                raise TakeoverFailed(f"{otherwise}: {self.said(self.owner)[-2_000:]}")
            time.sleep(LOOK_AGAIN_S)  # between two looks at another process; the database's clock measures


@contextmanager
def _running(program: Any, target: Installation, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    from raxx import embedded, process

    with log.open("ab") as output:
        child = process.spawn(program, target.folder.root, output)
    try:
        yield child
    finally:
        embedded.stop(program, child)


def _decided_at(order_id: Any) -> list[datetime]:
    from trading.models import OrderEvent

    events = OrderEvent.objects.across_owners().filter(order_id=order_id, kind="new")
    return list(events.values_list("recorded_at", flat=True))


def measure(runs: int) -> Iterator[Figure]:
    """Yield the figures: with no open order first, then with many."""
    with installation() as target, ExitStack() as stack:
        from raxx import programs
        from trading.services.running_markets import default_market

        market = default_market()
        settle(ACCOUNTS, market)
        target.start(
            *(task for task in programs.engines({"PYTHONUNBUFFERED": "1"}, ()) if task.name == "hub")
        )
        pool = Pool(target, stack)
        for name, orders in ORDERS.items():
            if orders:
                store_open_orders(market, prices_of(market), orders, ACCOUNTS)
                pool.kill_and_start_anew()  # who has the shard has them in its books
            warm = [pool.kill_before_a_standby() for _ in range(runs)]
            cold = [pool.kill_and_start_anew() for _ in range(runs)]
            yield Figure(
                name=name,
                values=warm,
                unit="s",
                against=f"{BAR_S:.0f} s",
                ratios=[one / BAR_S for one in warm],
                detail={
                    "orders": orders,
                    "cold_s": round(statistics.median(cold), 2),
                    "cold_to_bar": round(statistics.median(cold) / BAR_S, 3),
                },
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    try:
        for figure in measure(options.runs):
            if not options.names or figure.name in options.names:
                figure.print()
    except (HarnessFailed, TakeoverFailed, OSError) as error:
        sys.exit(f"bench.takeover FAILED: {error}")


if __name__ == "__main__":
    main()
