"""A bot that trades on through everything, and remembers what it was promised.

A call whose answer was lost is made again under the same client_order_id, or looked up by it first,
until somebody answers: an order is therefore stored once or not at all, and the bot knows which.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.faults.client import Client, by_client_id
from tests.faults.wishes import Prices, random_change, random_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.faults.client import Answer, Login
    from tests.faults.wishes import Body

PAUSE_S = 0.1  # nothing tells a client when a broker is back
RECENT = 8  # orders among which it chooses one to change: most of them are open still
REFUSALS = {403, 404, 422}
NAME_TAKEN = "client_order_id must be unique"


@dataclass
class Memory:
    """What a bot was told; the names are its client_order_ids."""

    accepted: dict[str, Body] = field(default_factory=dict)  # name -> the order as it was answered
    refused: set[str] = field(default_factory=set)  # at the first attempt: never stored
    asked: set[str] = field(default_factory=set)
    canceled: set[str] = field(default_factory=set)  # ids whose cancel was acknowledged
    replacements: int = 0
    lost_answers: int = 0
    surprises: list[str] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)


class Bot(threading.Thread):
    """One thread of wishes at one account; `stop` lets it finish the one it is at."""

    def __init__(
        self, name: str, login: Login, symbols: Sequence[str], seed: int, answered: Callable[[], None]
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.memory = Memory()
        self.account_id = login.account_id
        self._symbols = symbols
        self._client = Client(login)
        self._chance = random.Random(f"{seed}/{name}")
        self._prices = Prices()
        self._answered = answered
        self._over = threading.Event()
        self._hopeless = threading.Event()
        self._sides = {symbol: self._chance.choice(("buy", "sell")) for symbol in symbols}
        self._number = 0
        self._recent: list[Body] = []

    def stop(self) -> None:
        """Let it end after its present wish, however long that takes; `join` it then."""
        self._over.set()

    def give_up(self) -> None:
        """Let it end whatever it waits for: the test has failed."""
        self._over.set()
        self._hopeless.set()

    def run(self) -> None:
        wishes = ((self._place, 14), (self._replace, 4), (self._cancel, 3), (self._look, 1), (self._turn, 1))
        while not self._over.is_set():
            (wish,) = self._chance.choices([one for one, _ in wishes], [weight for _, weight in wishes])
            wish()
        self._client.close()

    # Its wishes

    def _place(self) -> None:
        symbol = self._chance.choice(self._symbols)
        order = random_order(self._chance, self._prices, symbol, self._sides[symbol])
        self._ask_by_name("POST", "/v2/orders", order)

    def _replace(self) -> None:
        if not self._recent:
            return
        order = self._any_recent()
        change = random_change(self._chance, self._prices, order)
        if change is not None and self._ask_by_name("PATCH", f"/v2/orders/{order['id']}", change):
            self.memory.replacements += 1

    def _cancel(self) -> None:
        if self._recent:
            order = self._any_recent()
            answer = self._persist("DELETE", f"/v2/orders/{order['id']}")
            if answer is not None and answer.status == 204:
                self.memory.canceled.add(order["id"])
            elif answer is not None and answer.status not in REFUSALS:
                self._surprise("DELETE", answer)

    def _look(self) -> None:
        """Read what a bot reads, as long as it is answered at all."""
        path = self._chance.choice(("/v2/account", "/v2/positions", "/v2/orders?status=open&nested=true"))
        answer = self._persist("GET", path)
        if answer is not None and answer.status != 200:
            self._surprise(path, answer)

    def _turn(self) -> None:
        """Cancel everything, and look at the market from the other side."""
        answer = self._persist("DELETE", "/v2/orders")
        if answer is not None and answer.status == 207:
            self.memory.canceled |= {one["id"] for one in answer.body}
        elif answer is not None:
            self._surprise("DELETE /v2/orders", answer)
        for symbol in self._symbols:
            self._sides[symbol] = self._chance.choice(("buy", "sell"))

    def _any_recent(self) -> Body:
        order = self._chance.choice(self._recent)
        legs = order.get("legs") or ()
        return self._chance.choice([order, *legs])

    # How it asks

    def _ask_by_name(self, method: str, path: str, body: Body) -> bool:
        """Ask for an order under a new name until it is known whether there is one."""
        self._number += 1
        name = f"{self.name}/{self._number}"
        self.memory.asked.add(name)
        body = {**body, "client_order_id": name}
        attempts = 0
        while (answer := self._once(method, path, body)) is None or _is_taken(answer, attempts):
            attempts += 1
            looks = answer is not None or self._chance.random() < 0.5
            found = self._persist("GET", by_client_id(name)) if looks else None
            if found is not None and found.status == 200:
                answer = found
                break
            if found is not None and found.status != 404:
                self._surprise(f"GET {name}", found)
            if self._hopeless.wait(PAUSE_S):
                return False
        if answer.status == 200:
            self.memory.accepted[name] = answer.body
            self._recent = [*self._recent[-RECENT:], answer.body]
            return True
        if answer.status not in REFUSALS:
            self._surprise(f"{method} {body}", answer)
        elif attempts == 0:
            self.memory.refused.add(name)
        reason = f"{answer.status} {answer.message[:60]}"
        self.memory.refusals[reason] = self.memory.refusals.get(reason, 0) + 1
        return False

    def _persist(self, method: str, path: str) -> Answer | None:
        """Ask until there is an answer; None when the test has failed meanwhile."""
        while (answer := self._once(method, path)) is None:
            if self._hopeless.wait(PAUSE_S):
                return None
        return answer

    def _once(self, method: str, path: str, body: Body | None = None) -> Answer | None:
        answer = self._client.call(method, path, body)
        if answer is None:
            self.memory.lost_answers += 1
        else:
            self._answered()
        return answer

    def _surprise(self, wish: str, answer: Answer) -> None:
        self.memory.surprises.append(f"{self.name}: {wish}: {answer.status} {answer.message}")


def _is_taken(answer: Answer, attempts: int) -> bool:
    """Whether an earlier attempt, whose answer was lost, has stored the order."""
    return attempts > 0 and answer.status == 422 and NAME_TAKEN in answer.message
