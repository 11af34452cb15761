"""How many orders a second are accepted over HTTP, against pgbench on the same cluster.

    python -m bench.entry [--rounds 6] [--seconds 4] [order_entry order_entry_direct order_entry_hot]

32 kept connections; 1,000 accounts in turn, each with its own key, send limit orders; every answer is
read and must be a fresh order, and every order must be in the database. `order_entry` goes through
the front's address as a client does, `order_entry_direct` to the web's own socket, and in
`order_entry_hot` one account takes all the orders (its ratio is to order_entry's own).

The three are interleaved, forwards and backwards, with a run of pgbench between any two; a ratio is to
the mean of the two runs of pgbench around it. No matcher runs: what is measured is entry alone.
`detail` tells what one order cost, in microseconds of CPU, by process, and what one transaction of
pgbench did: on a busy machine the quotient of the two is steadier than that of the rates.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

from bench.budgets import refilled
from bench.figure import Figure
from bench.harness import HarnessFailed, Installation, installation
from bench.load import Address, LoadFailed, Run, fresh_orders, run_load
from bench.people import orders_of, settle
from bench.pgbench import Pace, PgBench

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = 1_000
CONNECTIONS = 32
PGBENCH_S = 2
WARM_UP_S = 3.0
TPC_B = "pgbench TPC-B-like, prepared, 8 clients"
NAMES = ("order_entry", "order_entry_direct", "order_entry_hot")


class Entry:
    """The prepared requests, and the rounds measured so far."""

    def __init__(self, target: Installation) -> None:
        from trading.services.running_markets import default_market

        market = default_market()
        *people, hot = settle(ACCOUNTS + 1, market)
        self._target = target
        self._pgbench = PgBench(target)
        self._spread, self._hot = orders_of(people, market), orders_of([hot], market)
        self._rates: dict[str, list[float]] = {name: [] for name in NAMES}
        self._ratios: dict[str, list[float]] = {name: [] for name in NAMES}
        self._details: dict[str, list[dict[str, float]]] = {name: [] for name in NAMES}
        self._paces: list[Pace] = []

    def warm_up(self) -> None:
        """Let every process meet every key once, and the planner every table, as pgbench does with its own."""
        for name in NAMES:
            self._send(name, WARM_UP_S)
        self._target.analyze()
        self._pgbench.pace(PGBENCH_S)

    def measure(self, rounds: int, seconds: float) -> None:
        """Run the rounds. Raises LoadFailed when an order went missing."""
        before = self._pgbench.pace(PGBENCH_S)
        self._paces.append(before)
        for number in range(rounds):
            for name in NAMES if number % 2 == 0 else reversed(NAMES):
                run, detail = self._send(name, seconds)
                after = self._pgbench.pace(PGBENCH_S)
                self._paces.append(after)
                self._rates[name].append(run.rate)
                self._ratios[name].append(run.rate / statistics.mean((before.rate, after.rate)))
                self._details[name].append(detail)
                before = after

    def figures(self) -> Iterator[Figure]:
        """Yield what the rounds have shown."""
        for name in NAMES:
            against, ratios = TPC_B, self._ratios[name]
            if name == "order_entry_hot":
                against = "order_entry"
                ratios = [
                    hot / spread for hot, spread in zip(ratios, self._ratios["order_entry"], strict=True)
                ]
            detail = {
                key: round(statistics.median(round_[key] for round_ in self._details[name]), 1)
                for key in self._details[name][0]
            }
            detail["pgbench_per_s"] = round(statistics.median(pace.rate for pace in self._paces))
            detail["pgbench_us"] = round(statistics.median(pace.cpu_s for pace in self._paces) * 1e6, 1)
            yield Figure(
                name=name,
                values=self._rates[name],
                unit="orders/s",
                against=against,
                ratios=ratios,
                detail=detail,
            )

    def _send(self, name: str, seconds: float) -> tuple[Run, dict[str, float]]:
        address: Address = self._target.web if name == "order_entry_direct" else self._target.front
        requests = self._hot if name == "order_entry_hot" else self._spread
        stored, cpu = _stored_orders(), self._target.cpu()
        # Of a thousand people nobody comes near their budget; the one of `order_entry_hot` would exceed it.
        with refilled() if name == "order_entry_hot" else nullcontext():
            run = run_load(address, requests, seconds=seconds, connections=CONNECTIONS)
        used = self._target.cpu()
        accepted = len(fresh_orders(run))
        if _stored_orders() - stored != accepted:
            raise LoadFailed(f"{accepted} orders were accepted and {_stored_orders() - stored} stored")
        per_order = {f"{part}_us": (used[part] - cpu[part]) / accepted * 1e6 for part in used}
        latency = {"p50_ms": run.percentile(0.5), "p99_ms": run.percentile(0.99)}
        return run, {**per_order, "client_us": run.cpu_s / accepted * 1e6, **latency}


def _stored_orders() -> int:
    from trading.models import Order

    return Order.objects.across_owners().count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}; all without a name"
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each HTTP run")
    options = parser.parse_args()
    try:
        with installation() as target:
            entry = Entry(target)
            target.serve()
            entry.warm_up()
            entry.measure(options.rounds, options.seconds)
    except (HarnessFailed, LoadFailed, OSError) as error:
        sys.exit(f"bench.entry FAILED: {error}")
    for figure in entry.figures():
        if not options.names or figure.name in options.names:
            figure.print()


if __name__ == "__main__":
    main()
