"""Several bots on several accounts, each account with somebody who listens."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Self

from tests.faults.bot import Bot
from tests.faults.client import Login
from tests.faults.listener import Listener
from tests.faults.wishes import SYMBOLS

if TYPE_CHECKING:
    from tests.acceptance.house import House

CASH = 1_000_000
FINISH_WITHIN_S = 120.0


class Load:
    """Two bots who trade everything, and two who race at one account, with symbols of their own."""

    def __init__(self, house: House, seed: int) -> None:
        self.logins = [_open_account(house, number) for number in range(3)]
        places = [(0, SYMBOLS), (1, SYMBOLS), (2, SYMBOLS[::2]), (2, SYMBOLS[1::2])]
        self.bots = [
            Bot(f"bot{number}", self.logins[account], symbols, seed, self._note)
            for number, (account, symbols) in enumerate(places)
        ]
        self.listeners = [Listener(login) for login in self.logins]
        self._answers = 0
        self._news = threading.Condition()

    def __enter__(self) -> Self:
        for one in (*self.listeners, *self.bots):
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for bot in self.bots:
            bot.give_up()
        for bot in self.bots:
            bot.join()
        for listener in self.listeners:
            listener.stop()

    def wait_for_answers(self, count: int, *, within_s: float) -> None:
        """Wait until the bots had so many more answers, or for so long."""
        with self._news:
            goal = self._answers + count
            self._news.wait_for(lambda: self._answers >= goal, within_s)

    def finish(self) -> None:
        """Let every bot come to the end of its wish."""
        for bot in self.bots:
            bot.stop()
        deadline = time.monotonic() + FINISH_WITHIN_S
        for bot in self.bots:
            bot.join(max(0.0, deadline - time.monotonic()))
            assert not bot.is_alive(), f"{bot.name} is not answered"

    def figures(self) -> dict[str, int]:
        """Return what the bots did."""
        memories = [bot.memory for bot in self.bots]
        return {
            "answers": self._answers,
            "answers that were lost": sum(memory.lost_answers for memory in memories),
            "orders acknowledged": sum(len(memory.accepted) for memory in memories),
            "of them replacements": sum(memory.replacements for memory in memories),
            "cancels acknowledged": sum(len(memory.canceled) for memory in memories),
            "orders refused": sum(sum(memory.refusals.values()) for memory in memories),
            "events heard": sum(len(listener.heard) for listener in self.listeners),
            "times a listener resumed": sum(listener.resumed for listener in self.listeners),
        }

    def refusals(self) -> Counter[str]:
        """Return the reasons for which orders were refused, and how often."""
        found: Counter[str] = Counter()
        for bot in self.bots:
            found.update(bot.memory.refusals)
        return found

    def _note(self) -> None:
        with self._news:
            self._answers += 1
            self._news.notify_all()


def _open_account(house: House, number: int) -> Login:
    email = f"trader{number}@raxx.example"
    made = house.manage("create_account", "--email", email, "--cash", str(CASH), "--json")
    assert made.returncode == 0, made.stderr
    key = house.manage("create_api_key", "--email", email, "--json")
    assert key.returncode == 0, key.stderr
    told = json.loads(key.stdout)
    return Login(
        base_url=house.demo["base_url"],
        account_id=told["account_id"],
        key_id=told["key_id"],
        secret=told["secret"],
    )
