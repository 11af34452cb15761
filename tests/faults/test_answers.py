"""The web process dies around the commit of a wish: it is granted once or not at all, and a retry learns which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.factories.rows import SECRET, make_api_key
from tests.faults.armed_web import UNANSWERED
from tests.faults.client import Client, Login, by_client_id
from tests.faults.failpoints import AFTER, BEFORE, IN_DOUBT
from tests.faults.stage import written_stage
from tests.faults.web import armed_web
from tests.trading.stage import quote
from trading.ledger_audit import audit_ledger
from trading.models import Order, OrderEvent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.children import Nursery
    from tests.faults.client import Answer
    from tests.faults.stage import HauntedStage
    from tests.faults.web import ArmedWeb

pytestmark = pytest.mark.django_db(transaction=True)

TAPE = [quote(second, "9.95", 5, "10.00", 5) for second in range(20)]
ORDER = {
    "symbol": "XYZ",
    "side": "buy",
    "qty": "4",
    "type": "limit",
    "time_in_force": "day",
    "limit_price": "9.90",
}
BRACKET = {
    **ORDER,
    "order_class": "bracket",
    "take_profit": {"limit_price": "11.00"},
    "stop_loss": {"stop_price": "9.00"},
}
NAME_TAKEN = (422, "client_order_id must be unique")


@pytest.fixture
def stage(tmp_path: Path, nursery: Nursery) -> Iterator[HauntedStage]:
    """Return a tape at 10 dollars, with a matcher."""
    opened = written_stage(tmp_path, TAPE, nursery)
    try:
        opened.go(1)
        yield opened
    finally:
        opened.close()


class Caller:
    """A client that may wish the web process dead, and tries again until somebody answers."""

    def __init__(self, stage: HauntedStage, web: ArmedWeb) -> None:
        account = stage.account()
        key = make_api_key(account)
        self._web = web
        login = Login(base_url=web.base_url, account_id=str(account.pk), key_id=key.key_id, secret=SECRET)
        self._client = Client(login)
        self._stage = stage

    def kill(self, point: str, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Make a call that its server does not outlive, and start the next server.

        The one before has served an order: its statement is known to PostgreSQL, as it is on any day.
        """
        self.insist("POST", "/v2/orders", {**ORDER, "qty": "1"})
        assert self._client.call(method, path, body, Die=point) is None
        self._web.until_dead()
        self._web.start()

    def hang_up(self) -> None:
        self._client.close()

    def insist(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        """Return the first answer there is."""
        found: list[Answer] = []

        def is_answered() -> bool:
            answer = self._client.call(method, path, body)
            found.extend([answer] if answer is not None else [])
            return bool(found)

        self._stage.nursery.wait(is_answered, f"{method} {path} is not answered")
        return found[0]


@pytest.fixture
def caller(stage: HauntedStage, place: Path) -> Iterator[Caller]:
    """Return somebody with an account, a key and an armed server."""
    with armed_web(place) as web:
        client = Caller(stage, web)
        yield client
        client.hang_up()


def stored(name: str) -> int:
    """Return how many orders have this client_order_id, in any account."""
    return Order.objects.filter(client_order_id=name).count()


def test_an_order_is_stored_once_or_not_at_all_wherever_its_server_dies(
    stage: HauntedStage, caller: Caller
) -> None:
    deaths = [
        (BEFORE, {0}, {200}),
        (IN_DOUBT, {0, 1}, {200, 422}),
        (AFTER, {1}, {422}),
        (UNANSWERED, {1}, {422}),
    ]
    for number, (point, counts, statuses) in enumerate(deaths):
        name = f"order {number}"
        body = {**(BRACKET if number % 2 else ORDER), "client_order_id": name}
        caller.kill(point, "POST", "/v2/orders", body)
        assert stored(name) in counts

        again = caller.insist("POST", "/v2/orders", body)
        assert again.status in statuses
        if again.status == 422:
            assert (again.status, again.message) == NAME_TAKEN
        found = caller.insist("GET", by_client_id(name))
        assert (found.status, found.body["qty"], stored(name)) == (200, "4", 1)

    stage.round()
    placed = Order.objects.filter(client_order_id__startswith="order ")
    assert [order.status for order in placed] == ["new"] * len(deaths)
    assert Order.objects.filter(parent__isnull=False, status="held").count() == 4  # of two brackets
    assert audit_ledger().differences == ()


def test_a_cancel_and_a_replace_without_an_answer_happen_once(stage: HauntedStage, caller: Caller) -> None:
    kept = caller.insist("POST", "/v2/orders", {**ORDER, "client_order_id": "kept"}).body["id"]
    gone = caller.insist("POST", "/v2/orders", {**ORDER, "client_order_id": "gone"}).body["id"]
    stage.round()

    caller.kill(UNANSWERED, "DELETE", f"/v2/orders/{gone}")
    again = caller.insist("DELETE", f"/v2/orders/{gone}")
    stage.round()
    change = {"limit_price": "9.85", "client_order_id": "successor"}
    caller.kill(UNANSWERED, "PATCH", f"/v2/orders/{kept}", change)
    repeated = caller.insist("PATCH", f"/v2/orders/{kept}", change)
    stage.round()

    assert (again.status, repeated.status) == (422, 422)
    assert Order.objects.get(pk=gone).status == "canceled"
    assert OrderEvent.objects.filter(order_id=gone, kind="canceled").count() == 1
    assert Order.objects.get(pk=kept).status == "replaced"
    (successor,) = Order.objects.filter(replaces=kept)
    assert (successor.client_order_id, successor.status, str(successor.limit_price)) == (
        "successor",
        "new",
        "9.8500",
    )
    assert audit_ledger().differences == ()
