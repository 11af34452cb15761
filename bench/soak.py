"""A soak: `make soak` (SOAK_MINUTES, 20), one report, and its latest figures in bench/README.md.

`manage.py up` serves a synthetic market of 200 symbols. 500 people (SOAK_USERS) send mixed orders at a fixed rate
(SOAK_RATE a second, 10), and 50 of them (SOAK_STREAMS) listen. After a warm-up, the first quiet window is measured; then every
process is killed once a minute; then the last quiet window is measured. In the end both logs are verified, all that was
accepted has to be there and decided, the memory of each kind of process has to be within 5 % of the first window's, and
the 99th percentile of the answers to POST within 1.2 times. The exit status is 1 when something is not so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench import soak_report
from bench.harness import HOST, ROOT, HarnessFailed, environment, free_port, temporary_folder
from bench.soak_load import Load, Streams
from raxx import process
from raxx.process import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

SYMBOLS = [f"S{first}{second}" for first in "ABCDEFGHIJKLMNOPQRST" for second in "ABCDEFGHIJ"]
SEED = 20261123
READY_WITHIN_S = 180.0
DRAINED_WITHIN_S = 120.0
LOOK_S = 0.2
SAMPLE_S = 5.0
MINUTE_S = 60.0
# What a process of `up` has in its command line. Children count with their parent: sessions, web's workers.
KINDS = {
    "postgres": "bin/postgres -D",
    "valkey": "valkey-server",
    "front": "raxx.front",
    "web": "raxx.wsgi:application",
    "stream": "raxx.asgi:application",
    "hub": "manage.py hub",
    "matcher": "manage.py matcher",
    "worker": "raxx --quiet worker",
    "beat": "raxx --quiet beat",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how much; seconds, people, orders a second."""

    seconds: float
    users: int
    streams: int
    rate: float

    @classmethod
    def of_environment(cls) -> Plan:
        """Read SOAK_*. Raises ValueError."""
        minutes = float(os.environ.get("SOAK_MINUTES", "20"))
        return cls(
            seconds=minutes * MINUTE_S,
            users=int(os.environ.get("SOAK_USERS", "500")),
            streams=int(os.environ.get("SOAK_STREAMS", "50")),
            rate=float(os.environ.get("SOAK_RATE", "10")),
        )

    @property
    def warm_up_s(self) -> float:
        return min(120.0, self.seconds / 10)

    @property
    def window_s(self) -> float:
        """How long each quiet window lasts."""
        return min(120.0, self.seconds / 5)

    @property
    def kills_s(self) -> float:
        """How long processes are killed; before the last window the house has as long to recover as it had to warm up."""
        return self.seconds - 2 * self.warm_up_s - 2 * self.window_s


class House:
    """The processes under one `up`."""

    def __init__(self, supervisor: subprocess.Popen[bytes], port: int) -> None:
        self._supervisor = supervisor
        self.port = port

    def parts(self) -> dict[str, psutil.Process]:
        """Return the running processes by kind; one that is being started anew is left out."""
        found = {}
        for one in psutil.Process(self._supervisor.pid).children():
            with suppress(psutil.Error):
                words = " ".join(one.cmdline())
                found.update({kind: one for kind, mark in KINDS.items() if mark in words})
        return found

    def memory(self) -> dict[str, float]:
        """Return what a process of each kind has for itself alone (USS), in MiB: the mean of it and its children.

        A mean, because PostgreSQL has a process a session, and web opens sessions as it needs them.
        """
        found = {}
        for kind, one in self.parts().items():
            with suppress(psutil.Error):
                own = [_own_bytes(each) for each in (one, *one.children(recursive=True))]
                found[kind] = sum(own) / len(own) / 2**20
        return found

    def kill(self, kind: str) -> bool:
        """Kill a process of this kind; False when none was there."""
        victim = self.parts().get(kind)
        if victim is None:
            return False
        with suppress(psutil.NoSuchProcess):
            victim.kill()
            return True
        return False

    def require_running(self) -> None:
        """Raise HarnessFailed when the supervisor has given up."""
        if self._supervisor.poll() is not None:
            raise HarnessFailed("`up` gave up")


def _own_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.NoSuchProcess:
        return 0


@contextmanager
def house(root: Path) -> Iterator[House]:
    """Run `up` on a data folder until the block is left. Raises HarnessFailed."""
    port = free_port()
    words = ("up", "--port", str(port), "--feed", "synthetic", "--symbols", ",".join(SYMBOLS))
    program = Program(name="up", argv=(sys.executable, "manage.py", *words), folder=ROOT)
    log = root / "up.log"
    # Unlike a plain Popen it cannot outlive a soak that is killed.
    with log.open("wb") as output, process.spawn(program, root, output) as running:
        try:
            deadline = time.monotonic() + READY_WITHIN_S
            while b"Raxx is ready at " not in log.read_bytes():
                if running.poll() is not None or time.monotonic() > deadline:
                    raise HarnessFailed(f"`up` is not ready:\n{log.read_text(encoding='utf-8')[-2_000:]}")
                time.sleep(LOOK_S)
            yield House(running, port)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait()


def measure(target: House, seconds: float) -> tuple[float, float, dict[str, list[float]]]:
    """Leave the house alone for so long, and return when that began and ended, and the memory in its second half."""
    began = time.monotonic()
    samples: dict[str, list[float]] = {}
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_S, left))
        target.require_running()
        if time.monotonic() > began + seconds / 2:
            for kind, value in target.memory().items():
                samples.setdefault(kind, []).append(value)
    return began, time.monotonic(), samples


def hurt(target: House, seconds: float) -> dict[str, int]:
    """Kill every process once a minute, one after the other, and return how many of each were killed."""
    pause = MINUTE_S / len(KINDS)
    killed = dict.fromkeys(KINDS, 0)
    for number in range(int(seconds / pause)):
        kind = list(KINDS)[number % len(KINDS)]
        time.sleep(pause)
        target.require_running()
        killed[kind] += target.kill(kind)
    return killed


def undecided() -> int:
    """Return how many wishes no matcher has decided."""
    from trading.models import Order
    from trading.models.order import INBOX_STATUSES

    return Order.objects.across_owners().filter(status__in=INBOX_STATUSES).count()


def missing(accepted: list[str]) -> int:
    """Return how many accepted orders are not there."""
    from trading.models import Order

    found = set(map(str, Order.objects.across_owners().values_list("pk", flat=True).iterator()))
    return len(set(accepted) - found) + len(accepted) - len(set(accepted))


def verifies(command: str, root: Path) -> bool:
    """Run one of the verifications."""
    words = [sys.executable, "manage.py", command]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **environment(root)}, check=False)
    return done.returncode == 0


def soak(plan: Plan) -> soak_report.Report:
    """Run a soak and return what was found. Raises HarnessFailed."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(temporary_folder()))
        os.environ.update(environment(root), DJANGO_SETTINGS_MODULE="raxx.settings")
        import django

        django.setup()
        target = stack.enter_context(house(root))
        from django.db import connections

        from bench.people import settle
        from trading.services.running_markets import default_market

        people = settle(plan.users, default_market())
        connections.close_all()  # whose server is about to be killed
        load = Load(target.port, people, SYMBOLS, rate=plan.rate, seed=SEED)
        streams = Streams(target.port, people[: plan.streams])
        with streams, load:
            time.sleep(plan.warm_up_s)
            first = measure(target, plan.window_s)
            killed = hurt(target, plan.kills_s)
            time.sleep(plan.warm_up_s)
            last = measure(target, plan.window_s)
        deadline = time.monotonic() + DRAINED_WITHIN_S
        while (left := undecided()) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        return soak_report.Report(
            minutes=plan.seconds / MINUTE_S,
            users=plan.users,
            streams=plan.streams,
            rate=plan.rate,
            killed=killed,
            first=soak_report.window(load.memory.told, *first),
            last=soak_report.window(load.memory.told, *last),
            memory=load.memory,
            heard=streams.heard,
            resumed=streams.resumed,
            undecided=left,
            missing=missing(load.memory.accepted),
            is_ledger_sound=verifies("verify_ledger", root),
            is_audit_sound=verifies("verify_audit", root),
        )


def main() -> None:
    try:
        report = soak(Plan.of_environment())
    except (HarnessFailed, ValueError, OSError) as error:
        sys.exit(f"bench.soak FAILED on {HOST}: {error}")
    print(report.text(), flush=True)
    if report.minutes >= soak_report.WRITTEN_MINUTES:
        soak_report.keep(report)
    sys.exit(1 if report.faults() else 0)


if __name__ == "__main__":
    main()
