"""A new release of web: one process after the other is restarted, and nobody who asks again has lost anything."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Self

import pytest

from tests.factories.rows import SECRET, make_api_key
from tests.faults.client import Client, Login
from tests.faults.web import ArmedWeb
from tests.trading.stage import make_stage, quote
from trading.ledger_audit import audit_ledger
from trading.models import Order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.client import Answer

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 60.0
CLIENTS = 3
MEANWHILE = 15  # orders that the other takes while one is away
ORDER = {
    "symbol": "XYZ",
    "side": "buy",
    "qty": "1",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "9.90",
}
IS_THERE = "client_order_id must be unique"


@dataclass
class Told:
    """What clients were answered, by the ids that they gave."""

    answers: dict[str, Answer] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)  # attempts without an answer
    news: threading.Condition = field(default_factory=threading.Condition)

    def note(self, name: str, answer: Answer) -> None:
        with self.news:
            self.answers[name] = answer
            self.news.notify_all()

    def wait_for_more(self, count: int) -> None:
        """Wait until so many more orders were answered."""
        with self.news:
            goal = len(self.answers) + count
            is_so = self.news.wait_for(lambda: len(self.answers) >= goal, PATIENCE_S)
        assert is_so, f"nobody answers: {self.answers}"


class Trader(threading.Thread):
    """Places one order after the other at two servers in turn; without an answer it asks the other one, by the same id.

    So does a proxy with a connection that is refused, and a client with a request that was cut off.
    """

    def __init__(self, name: str, logins: list[Login], told: Told) -> None:
        super().__init__(name=name, daemon=True)
        self._clients = [Client(login) for login in logins]
        self._told = told
        self._over = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join(PATIENCE_S)

    def run(self) -> None:
        servers = itertools.cycle(self._clients)
        for number in itertools.count():
            name = f"{self.name} {number}"
            while (
                answer := next(servers).call("POST", "/v2/orders", {**ORDER, "client_order_id": name})
            ) is None:
                self._told.again[name] += 1
            self._told.note(name, answer)
            if self._over.is_set():
                break
        for client in self._clients:
            client.close()


def test_web_is_restarted_one_after_the_other_while_everybody_trades(
    tmp_path: Path, place: Path, valkey_url: str
) -> None:
    stage = make_stage(tmp_path, [quote(0, "9.95", 5, "10.00", 5)])
    stage.go(1)
    told = Told()
    with ExitStack() as stack:
        stack.callback(stage.close)
        webs = [ArmedWeb(place, application="raxx.wsgi:application") for _ in range(2)]
        for web in webs:
            web.start()
            stack.callback(web.stop)
        # Enough for however many orders a fast machine places meanwhile.
        keys = [make_api_key(stage.account(cash=Decimal(100_000_000))) for _ in range(CLIENTS)]
        traders = [
            Trader(
                f"trader{number}",
                [Login(base_url=web.base_url, account_id=str(key.account_id), key_id=key.key_id, secret=SECRET)
                 for web in webs],
                told,
            )
            for number, key in enumerate(keys)
        ]  # fmt: skip
        for trader in traders:
            stack.enter_context(trader)
        first, second = webs
        second.until_it_answers()
        told.wait_for_more(MEANWHILE)
        first.stop()
        told.wait_for_more(MEANWHILE)
        first.start()
        first.until_it_answers()
        second.stop()
        told.wait_for_more(MEANWHILE)  # taken by the new one

    stored = Counter(Order.objects.values_list("client_order_id", flat=True))
    assert stored == dict.fromkeys(told.answers, 1)
    # Whose first attempt was stored and not answered is told so; nobody is told anything else.
    refused = {name: answer for name, answer in told.answers.items() if answer.status != 200}
    assert {(answer.status, answer.message) for answer in refused.values()} <= {(422, IS_THERE)}
    assert set(refused) <= set(told.again)
    assert told.again, "nobody has noticed a restart"
    assert audit_ledger().differences == ()
