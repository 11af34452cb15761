"""Strikes a house full of processes at moments drawn from a seed, while somebody trades."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Self

import psutil

from tests.faults.faults import deck

if TYPE_CHECKING:
    from tests.acceptance.house import House
    from tests.faults.faults import Fault
    from tests.faults.load import Load

# A supervisor gives up when a program dies five times within thirty seconds. That is as it should be:
# no program is killed more often than this, which leaves it a death of its own.
DEATHS_MAX, DEATHS_WINDOW_S = 3, 31.0

ANSWERS_MAX = 30  # between two faults
DELAY_MAX_S = 0.06  # after an answer: about as long as one takes
QUIET_MAX_S = 4.0  # nobody is answered: then the next fault meets a house that is already hurt
FREEZE_MAX_S = 1.5
LOOK_S = 0.02  # a process's birth has no event for strangers
FIND_WITHIN_S = 120.0


class Killer(threading.Thread):
    """Deals a deck of faults, each when the load has had some more answers; `join` it, then `require_all`."""

    def __init__(self, house: House, load: Load, count: int, seed: int) -> None:
        super().__init__(name="killer", daemon=True)
        self._house, self._load, self._count = house, load, count
        self._chance = random.Random(seed)
        self._deck = deck(count, self._chance)
        self._deaths: dict[str, list[float]] = defaultdict(list)
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self.done: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def until_done(self, timeout_s: float) -> None:
        """Wait until every blow has fallen. Raises what kept one from falling."""
        self.join(timeout_s)
        if self._failure is not None:
            raise self._failure
        assert sum(self.done.values()) == self._count, f"struck {self.done} of {self._count}"

    def run(self) -> None:
        try:
            while self._deck and not self._over.is_set():
                self._pause()
                self._deal()
        except BaseException as error:  # noqa: BLE001 - the test is told
            self._failure = error

    def _pause(self) -> None:
        """Let the load have some answers, then take aim between two of them."""
        self._load.wait_for_answers(self._chance.randint(0, ANSWERS_MAX), within_s=QUIET_MAX_S)
        self._over.wait(self._chance.random() * DELAY_MAX_S)

    def _deal(self) -> None:
        fault = self._next_allowed()
        deadline = time.monotonic() + FIND_WITHIN_S
        while not self._over.is_set():
            assert time.monotonic() < deadline, f"no {fault.victim} to strike:\n{self._house.said}"
            assert self._house.is_running, f"`up` gave up:\n{self._house.said}"
            found = self._house.children(fault.victim)  # none while it is being started anew
            if found and self._struck(fault, self._chance.choice(found)):
                break
            self._over.wait(LOOK_S)

    def _struck(self, fault: Fault, victim: psutil.Process) -> bool:
        try:
            if not fault.strike(self._house, victim, self._chance):
                return False
        except (psutil.Error, IndexError):  # it ended by itself meanwhile
            return False
        if fault.dies is not None:
            self._deaths[fault.dies].append(time.monotonic())
        self.done[fault.name] += 1
        if fault.is_freeze:
            self._over.wait(self._chance.random() * FREEZE_MAX_S)
            _wake(victim)
        return True

    def _next_allowed(self) -> Fault:
        """Take the first fault of the deck whose victim has not died too often of late."""
        while True:
            for place, fault in enumerate(self._deck):
                if fault.dies is None or self._recent_deaths(fault.dies) < DEATHS_MAX:
                    return self._deck.pop(place)
            self._over.wait(LOOK_S)

    def _recent_deaths(self, program: str) -> int:
        since = time.monotonic() - DEATHS_WINDOW_S
        return sum(at > since for at in self._deaths[program])


def _wake(victim: psutil.Process) -> None:
    try:
        victim.send_signal(signal.SIGCONT)
    except psutil.NoSuchProcess:
        return
