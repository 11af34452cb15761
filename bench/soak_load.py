"""What a soak lets people do: mixed orders at a fixed rate, and streams that are never left.

An order is due at its instant whether or not the ones before are answered (an open loop), and its latency counts from
that instant: a house that stands still for a second shows as a second for all who came in it.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from bench.harness import HOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.people import Person

THREADS = 48
WAITING_MAX = 2_000  # wishes that nobody has begun with: more says that the house does not keep up
ANSWER_WITHIN_S = 30.0
INSIST_S = 120.0  # how long an unanswered wish is repeated, by the same client_order_id
PAUSE_S = 0.5  # between two tries at something that tells nobody when it is back
NOT_NOW = {429, 500, 502, 503, 504}
MARKET_SHARE, CANCEL_SHARE = 0.3, 0.4  # of orders: by the market; resting, and canceled; else ioc


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A wish that was answered: when it was due (of time.monotonic), and how long that took, in seconds."""

    due: float
    latency: float


@dataclass(slots=True)
class Memory:
    """What was promised to people."""

    told: list[Told] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)  # ids of orders that were answered with 200
    refused: Counter[str] = field(default_factory=Counter)
    repeated: int = 0  # wishes that were asked for again
    lost: int = 0  # wishes that were never answered
    skipped: int = 0  # wishes that were due and never made


class Load:
    """People who trade while the block lasts."""

    def __init__(
        self, port: int, people: Sequence[Person], symbols: Sequence[str], *, rate: float, seed: int
    ) -> None:
        self._port, self._people, self._symbols, self._rate = port, people, symbols, rate
        self._chance = random.Random(seed)
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._own = threading.local()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="person")
        self._thread = threading.Thread(target=self._offer, name="offers")
        self._waiting = 0
        self.memory = Memory()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._pool.shutdown()

    def _offer(self) -> None:
        began, number = time.monotonic(), 0
        while not self._over.is_set():
            due = began + number / self._rate
            if self._over.wait(max(0.0, due - time.monotonic())):
                return
            number += 1
            wish = self._wish()
            with self._guard:
                if self._waiting >= WAITING_MAX:
                    self.memory.skipped += 1
                    continue
                self._waiting += 1
            self._pool.submit(self._fulfil, due, self._chance.choice(self._people), *wish)

    def _wish(self) -> tuple[dict[str, str], bool]:
        """Return the body of an order, and whether it is canceled when it is accepted."""
        kind = self._chance.random()
        body = {"symbol": self._chance.choice(self._symbols), "qty": "1", "client_order_id": str(uuid4())}
        if kind < MARKET_SHARE:
            side = self._chance.choice(("buy", "sell"))
            return {**body, "type": "market", "side": side, "time_in_force": "day"}, False
        limit = {**body, "type": "limit", "side": "buy"}
        if kind < MARKET_SHARE + CANCEL_SHARE:
            return {**limit, "limit_price": "1.25", "time_in_force": "day"}, True
        return {**limit, "limit_price": "1000.00", "time_in_force": "ioc"}, False

    def _fulfil(self, due: float, person: Person, body: dict[str, str], is_canceled: bool) -> None:
        answer = self._insist(person, "POST", "/v2/orders", body, due)
        with self._guard:
            self._waiting -= 1
        if answer is None:
            return
        status, content = answer
        with self._guard:
            if status != http.client.OK:
                self.memory.refused[str(content.get("message", status))] += 1
                return
            self.memory.accepted.append(content["id"])
        if is_canceled:
            self._insist(person, "DELETE", f"/v2/orders/{content['id']}", None, None)

    def _insist(
        self, person: Person, method: str, path: str, body: dict[str, str] | None, due: float | None
    ) -> tuple[int, Any] | None:
        """Ask until there is an answer, and note how long it took since `due`; None when there never was one."""
        deadline = time.monotonic() + INSIST_S
        while time.monotonic() < deadline:
            answer = self._ask(person, method, path, body)
            if answer is not None:
                if due is not None:
                    with self._guard:
                        self.memory.told.append(Told(due=due, latency=time.monotonic() - due))
                return answer
            with self._guard:
                self.memory.repeated += 1
            time.sleep(PAUSE_S)
        with self._guard:
            self.memory.lost += 1
        return None

    def _ask(
        self, person: Person, method: str, path: str, body: dict[str, str] | None
    ) -> tuple[int, Any] | None:
        headers = {"APCA-API-KEY-ID": person.key_id, "APCA-API-SECRET-KEY": person.secret}
        line = getattr(self._own, "line", None)
        if line is None:
            line = self._own.line = http.client.HTTPConnection(HOST, self._port, timeout=ANSWER_WITHIN_S)
        try:
            if body is None:
                line.request(method, path, headers=headers)
            else:
                line.request(method, path, json.dumps(body), {**headers, "Content-Type": "application/json"})
            answer = line.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            line.close()
            return None
        if answer.status in NOT_NOW:
            return None
        return answer.status, json.loads(text) if text else {}


class Streams:
    """Listeners, one a person, who come back whenever their stream ends."""

    def __init__(self, port: int, people: Sequence[Person]) -> None:
        self._url = f"ws://{HOST}:{port}/stream"
        self._over = threading.Event()
        self._guard = threading.Lock()
        self._open: set[Any] = set()
        self._threads = [threading.Thread(target=self._stay, args=(person,)) for person in people]
        self.heard = 0
        self.resumed = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._guard:
            lines = list(self._open)
        for line in lines:
            line.close()
        for thread in self._threads:
            thread.join()

    def _stay(self, person: Person) -> None:
        while not self._over.is_set():
            try:
                with connect(self._url, max_queue=None) as line:
                    self._listen(line, person)
            except (OSError, WebSocketException, EOFError):
                pass  # the house is being hurt
            if not self._over.wait(PAUSE_S):
                with self._guard:
                    self.resumed += 1

    def _listen(self, line: Any, person: Person) -> None:
        key = {"key_id": person.key_id, "secret_key": person.secret}
        line.send(json.dumps({"action": "authenticate", "data": key}))
        line.send(json.dumps({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        with self._guard:
            self._open.add(line)
        try:
            if self._over.is_set():
                return
            for message in line:
                if json.loads(message)["stream"] == "trade_updates":
                    with self._guard:
                        self.heard += 1
        finally:
            with self._guard:
                self._open.discard(line)
