"""Kills processes in the middle of things, at moments drawn from a printed seed."""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from tests.acceptance.house import House

FIND_WITHIN_S = 60.0
DELAY_MAX_S = 0.06  # after an action has begun: about as long as one takes


def seed() -> int:
    """Return the seed to draw from: that of RAXX_FAULT_SEED, or a new one at every run."""
    given = os.environ.get("RAXX_FAULT_SEED")
    return int(given) if given else random.SystemRandom().randrange(10**9)


@dataclass
class Killer:
    """SIGKILLs one process of each name in `victims`, each at an action and a moment of its own.

    `certain` names those that die just before the action of a number. Give `before_action` to a
    bot that is going to do `actions` things, and call `finish` after.
    """

    house: House
    victims: tuple[str, ...]
    actions: int
    seed: int
    certain: dict[int, str] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    _strikes: list[threading.Timer] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        # Not before the third action, so that there is something to lose, and not the last, so that
        # something comes after it.
        free = [number for number in range(3, self.actions) if number not in self.certain]
        numbers = chance.sample(free, k=len(self.victims))
        self._plan = {
            number: (victim, chance.random() * DELAY_MAX_S, chance.random())
            for number, victim in zip(sorted(numbers), self.victims, strict=True)
        }
        print(f"RAXX_FAULT_SEED={self.seed}: {self._plan}, for certain {self.certain}")

    def before_action(self, number: int) -> None:
        """Do what is certain before this action, and begin what is planned for a moment inside it."""
        if number in self.certain:
            self._strike(number, self.certain[number], 0.0)
        if number in self._plan:
            victim, delay, which = self._plan[number]
            timer = threading.Timer(delay, self._strike, (number, victim, which))
            self._strikes.append(timer)
            timer.start()

    def finish(self) -> None:
        """Wait until every blow has fallen, and assert that it did."""
        for timer in self._strikes:
            timer.join()
        print("\n".join(self.killed))
        assert len(self.killed) == len(self.victims) + len(self.certain), (
            f"planned {self._plan}, done {self.killed}"
        )

    def _strike(self, number: int, victim: str, which: float) -> None:
        deadline = time.monotonic() + FIND_WITHIN_S
        while time.monotonic() < deadline:
            found = self.house.children(victim)  # none while it is being started anew
            if found:
                one = found[int(which * len(found))]
                try:
                    one.kill()
                except psutil.NoSuchProcess:
                    continue
                self.killed.append(f"killed {victim} {one.pid} at action {number}")
                return
            time.sleep(0.02)  # a process's birth has no event for strangers
