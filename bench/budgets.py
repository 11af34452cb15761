"""What counting a person's requests costs: orders entered with budgets, and without.

    python -m bench.budgets [--rounds 6] [--seconds 3] [--warm-up 3]

Two web servers stand beside each other on one cluster: the product's own, and one with RAXX_BUDGETS=off.
They are interleaved, forwards and backwards. The value is orders a second with budgets; the ratio is how
many times as fast it goes without them. `detail` tells the CPU of one order in microseconds: the web
process's and Valkey's, with and without.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.figure import Figure
from bench.harness import HarnessFailed, Installation, installation
from bench.load import Address, LoadFailed, fresh_orders, run_load
from bench.people import orders_of, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("budgets_entry",)
ACCOUNTS = 200  # with the largest budget, 10,000 orders a second between them
CONNECTIONS = 16
WARM_UP_S = 3.0
UNCOUNTED = "web.uncounted"
REFILLED_EVERY_S = 0.25  # the largest budget lasts for longer at any rate that we have seen


@contextmanager
def refilled() -> Iterator[None]:
    """Give everybody their whole budget again and again: one person may then ask as often as thousands."""
    import redis
    from django.conf import settings

    client = redis.Redis.from_url(settings.REDIS_URL)
    is_over = threading.Event()

    def refill() -> None:
        while not is_over.wait(REFILLED_EVERY_S):
            for key in client.scan_iter(match="raxx:budget*", count=1_000):
                client.unlink(key)

    thread = threading.Thread(target=refill)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        client.close()


class Budgets:
    """The prepared requests, and the rounds measured so far."""

    def __init__(self, target: Installation) -> None:
        from trading.services.running_markets import default_market

        market = default_market()
        self._requests = orders_of(settle(ACCOUNTS, market), market)
        self._target = target
        self._addresses = {
            "web": target.web,
            UNCOUNTED: Address(place=str(target.folder.root / UNCOUNTED)),
        }
        self._rates: dict[str, list[float]] = {name: [] for name in self._addresses}
        self._cpu: dict[str, list[dict[str, float]]] = {name: [] for name in self._addresses}

    def warm_up(self, seconds: float) -> None:
        """Let both servers meet every key."""
        for name in self._addresses:
            self._send(name, seconds)
        self._target.analyze()

    def measure(self, rounds: int, seconds: float) -> None:
        """Run the rounds. Raises LoadFailed when an order was not accepted."""
        for number in range(rounds):
            for name in self._addresses if number % 2 == 0 else reversed(self._addresses):
                rate, cpu = self._send(name, seconds)
                self._rates[name].append(rate)
                self._cpu[name].append(cpu)

    def figure(self) -> Figure:
        """Return what the rounds have shown."""
        counted, uncounted = self._rates["web"], self._rates[UNCOUNTED]
        return Figure(
            name=NAMES[0],
            values=counted,
            unit="orders/s",
            against="RAXX_BUDGETS=off",
            ratios=[without / with_ for with_, without in zip(counted, uncounted, strict=True)],
            detail={
                f"{part}_{words}": round(statistics.median(cpu[part] for cpu in self._cpu[name]), 1)
                for name, words in (("web", "us"), (UNCOUNTED, "without_us"))
                for part in ("web", "valkey")
            },
        )

    def _send(self, name: str, seconds: float) -> tuple[float, dict[str, float]]:
        before = self._target.cpu()
        run = run_load(self._addresses[name], self._requests, seconds=seconds, connections=CONNECTIONS)
        after = self._target.cpu()
        accepted = len(fresh_orders(run))
        used = {part: (after[part] - before[part]) / accepted * 1e6 for part in (name, "valkey")}
        return run.rate, {"web": used[name], "valkey": used["valkey"]}


def serve(target: Installation) -> None:
    """Start the product's web server, and beside it the one that does not count."""
    from raxx import programs
    from raxx.supervisor import Task

    environment = {"PYTHONUNBUFFERED": "1", "RAXX_LOG_LEVEL": "WARNING"}
    off = {**environment, "RAXX_BUDGETS": "off"}
    (web,) = (task for task in programs.servers(target.folder, off, ()) if task.name == "web")
    program = web.prepare()
    place = {str(target.folder.web_socket): str(target.folder.root / UNCOUNTED)}
    argv = tuple(place.get(word, word) for word in program.argv)
    target.start(Task(name=UNCOUNTED, prepare=lambda: replace(program, name=UNCOUNTED, argv=argv)))
    target.serve()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each HTTP run")
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds of each server, before")
    options = parser.parse_args()
    try:
        with installation() as target:
            budgets = Budgets(target)
            serve(target)
            budgets.warm_up(options.warm_up)
            budgets.measure(options.rounds, options.seconds)
    except (HarnessFailed, LoadFailed, OSError) as error:
        sys.exit(f"bench.budgets FAILED: {error}")
    budgets.figure().print()


if __name__ == "__main__":
    main()
