"""What row security and its guard cost: orders entered and orders listed with both, and with neither.

    python -m bench.walls [--rounds 6] [--seconds 3] [walls_entry walls_list]

Two web servers stand beside each other on one cluster: the product's own, and one whose database
connections have no guard. While the second is asked, row security is off on every table. The two are
interleaved, forwards and backwards. The value is requests a second behind the walls; the ratio is how
many times as fast it goes without them, so that 1.25 is a quarter dearer.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

from bench.figure import Figure
from bench.harness import HarnessFailed, Installation, installation
from bench.load import END_OF_HEAD, Address, LoadFailed, fresh_orders, run_load
from bench.people import orders_of, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.people import Person

NAMES = ("walls_entry", "walls_list")
ACCOUNTS = 200
CONNECTIONS = 16
WARM_UP_S = 3.0
UNGUARDED = "web.unguarded"

WALLED = "select c.relname from pg_class c where c.relrowsecurity and c.relnamespace = 'public'::regnamespace"


class Walls:
    """The prepared requests, and the rounds measured so far."""

    def __init__(self, target: Installation) -> None:
        from django.db import connection

        from trading.services.running_markets import default_market

        market = default_market()
        people = settle(ACCOUNTS, market)
        with connection.cursor() as cursor:
            cursor.execute(WALLED)
            self._tables = [name for (name,) in cursor.fetchall()]
        self._requests = {"walls_entry": orders_of(people, market), "walls_list": lists_of(people)}
        self._with, self._without = target.web, Address(place=str(target.folder.root / UNGUARDED))
        self._target = target
        self._rates: dict[str, list[float]] = {name: [] for name in NAMES}
        self._ratios: dict[str, list[float]] = {name: [] for name in NAMES}

    def warm_up(self) -> None:
        """Let both servers meet every key, and give each account orders to list."""
        for name in NAMES:
            self._send(name, self._with, WARM_UP_S)
            with self._taken_down():
                self._send(name, self._without, WARM_UP_S)
        self._target.analyze()

    def measure(self, rounds: int, seconds: float) -> None:
        """Run the rounds. Raises LoadFailed when an answer is not as it should be."""
        for number in range(rounds):
            for name in NAMES:
                rates: dict[bool, float] = {}
                for walled in (True, False) if number % 2 == 0 else (False, True):
                    if walled:
                        rates[walled] = self._send(name, self._with, seconds)
                    else:
                        with self._taken_down():
                            rates[walled] = self._send(name, self._without, seconds)
                self._rates[name].append(rates[True])
                self._ratios[name].append(rates[False] / rates[True])

    def figures(self) -> Iterator[Figure]:
        """Yield what the rounds have shown."""
        for name in NAMES:
            yield Figure(
                name=name,
                values=self._rates[name],
                unit="orders/s" if name == "walls_entry" else "lists/s",
                against="no row security and no guard",
                ratios=self._ratios[name],
            )

    def _send(self, name: str, address: Address, seconds: float) -> float:
        run = run_load(address, self._requests[name], seconds=seconds, connections=CONNECTIONS)
        if name == "walls_entry":
            fresh_orders(run)
        elif bad := [answer for answer in run.answers if not _is_list(answer)]:
            raise LoadFailed(f"not a list of orders: {bad[0][:1_000]!r}")
        return run.rate

    @contextmanager
    def _taken_down(self) -> Iterator[None]:
        self._alter("disable")
        try:
            yield
        finally:
            self._alter("enable")

    def _alter(self, word: str) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "; ".join(f"alter table {table} {word} row level security" for table in self._tables)
            )


def lists_of(people: list[Person]) -> Iterator[bytes]:
    """Return requests without end for the newest fifty orders of these people in turn."""
    return cycle([person.get(b"/v2/orders?status=all&limit=50") for person in people])


def _is_list(answer: bytes) -> bool:
    head, _, body = answer.partition(END_OF_HEAD)
    return head.startswith(b"HTTP/1.1 200 ") and body.startswith(b"[{")


def serve(target: Installation) -> None:
    """Start the product's web server, and beside it the one without a guard."""
    from raxx import programs
    from raxx.supervisor import Task

    environment = {"PYTHONUNBUFFERED": "1", "RAXX_LOG_LEVEL": "WARNING", "RAXX_BUDGETS": "off"}
    (web,) = (task for task in programs.servers(target.folder, environment, ()) if task.name == "web")
    program = web.prepare()
    others = {
        str(target.folder.web_socket): str(target.folder.root / UNGUARDED),
        "raxx.wsgi:application": "bench.unguarded:application",
    }
    argv = tuple(others.get(word, word) for word in program.argv)
    target.start(Task(name=UNGUARDED, prepare=lambda: replace(program, name=UNGUARDED, argv=argv)))
    target.serve(environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}; all without")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each HTTP run")
    options = parser.parse_args()
    try:
        with installation() as target:
            walls = Walls(target)
            serve(target)
            walls.warm_up()
            walls.measure(options.rounds, options.seconds)
    except (HarnessFailed, LoadFailed, OSError) as error:
        sys.exit(f"bench.walls FAILED: {error}")
    for figure in walls.figures():
        if not options.names or figure.name in options.names:
            figure.print()


if __name__ == "__main__":
    main()
