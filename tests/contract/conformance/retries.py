"""Group 12: answers that are lost, and what a repetition finds. The proxy loses; the SDK repeats as it does."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import ReplaceOrderRequest

from tests.contract.conformance.expecting import NotAsExpected, holds, refused, same
from tests.contract.conformance.listener import PATIENCE_S
from tests.contract.conformance.lossy import Fault, LossyProxy
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


LOOK_S = 0.1  # between two looks at a broker that is away


@contextmanager
def losing(desk: Desk, *faults: Fault, waits: bool = False) -> Iterator[tuple[TradingClient, LossyProxy]]:
    """Have a client whose next requests are befallen by faults.

    The SDK waits three seconds before it repeats, which one case lets it.
    """
    with LossyProxy(desk.broker.base_url) as proxy:
        client = TradingClient(desk.broker.key_id, desk.broker.secret, url_override=proxy.url)
        proxy.next_faults = list(faults)
        if not waits:
            client._retry_wait = 0
        yield client, proxy
        client._session.close()


def lost(call: Callable[[], Any]) -> None:
    """Make a call whose answer must not arrive."""
    try:
        answer = call()
    except requests.ConnectionError:
        return
    raise NotAsExpected(f"an answer that was lost: {answer!r}")


@case(
    "12.01",
    "The SDK repeats an order whose answer became 504: one order, and the second answer says that it is there.",
    tape=QUIET,
)
def gateway_timeout(desk: Desk) -> None:
    terms = desk.limit("buy", 100, 9.50, client_order_id="twice")
    with losing(desk, Fault.GATEWAY_TIMEOUT, waits=True) as (client, proxy):
        body = refused(422, 40010001, client.submit_order, terms)
    same((proxy.seen, body["message"]), ([("POST", 200), ("POST", 422)], "client_order_id must be unique"))
    [order] = desk.orders()
    found: Any = desk.client.get_order_by_client_id("twice")
    same((found.id, found.qty), (order.id, "100"))
    account: Any = desk.client.get_account()
    same(account.buying_power, "399050")


@case(
    "12.02",
    "The connection ends after the commit: the bot looks its name up, and finds the one order.",
    tape=QUIET,
)
def answer_lost(desk: Desk) -> None:
    terms = desk.market("buy", 100, client_order_id="lost")
    with losing(desk, Fault.ANSWER_LOST) as (client, proxy):
        lost(lambda: client.submit_order(terms))
        found: Any = client.get_order_by_client_id("lost")
        refused(422, 40010001, client.submit_order, terms)
    same(proxy.seen, [("POST", 200), ("GET", 200), ("POST", 422)])
    desk.name(found, "order")
    desk.story()
    same(([order.id for order in desk.orders()], desk.position().qty), ([found.id], "100"))


@case(
    "12.03",
    "The connection ends before the request arrives: the name is unknown, and the repetition is the order.",
    tape=QUIET,
)
def request_lost(desk: Desk) -> None:
    terms = desk.limit("buy", 100, 9.50, client_order_id="again")
    with losing(desk, Fault.REQUEST_LOST) as (client, _):
        lost(lambda: client.submit_order(terms))
        refused(404, 40410000, client.get_order_by_client_id, "again")
        placed: Any = client.submit_order(terms)
    same([order.id for order in desk.orders()], [placed.id])


@case("12.04", "The SDK repeats an order that was refused with 429: one order, and its answer.", tape=QUIET)
def too_many_requests(desk: Desk) -> None:
    with losing(desk, Fault.TOO_MANY_REQUESTS) as (client, proxy):
        placed: Any = client.submit_order(desk.limit("buy", 100, 9.50))
    same(proxy.seen, [("POST", None), ("POST", 200)])
    same([order.id for order in desk.orders()], [placed.id])


@case(
    "12.05",
    "The SDK repeats a cancel whose answer became 504: the order is canceled once, and the second answer says so.",
    tape=QUIET,
)
def cancel_twice(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 9.50), "order")
    with losing(desk, Fault.GATEWAY_TIMEOUT) as (client, proxy):
        body = refused(422, 42210000, client.cancel_order_by_id, order.id)
    same((proxy.seen, "cancel" in body["message"]), ([("DELETE", 204), ("DELETE", 422)], True))
    same(desk.told(), ["order new", "order pending_cancel", "order canceled"])


@case(
    "12.06",
    "The SDK repeats a replacement whose answer became 504: one successor, found by its name.",
    tape=QUIET,
)
def replace_twice(desk: Desk) -> None:
    order = desk.place(desk.limit("buy", 100, 9.50), "order")
    wish = ReplaceOrderRequest(limit_price=9.60, client_order_id="successor")
    with losing(desk, Fault.GATEWAY_TIMEOUT) as (client, proxy):
        refused(422, 42210000, client.replace_order_by_id, order.id, wish)
    same(proxy.seen, [("PATCH", 200), ("PATCH", 422)])
    found: Any = desk.client.get_order_by_client_id("successor")
    same((found.replaces, found.limit_price, len(desk.orders())), (order.id, "9.6", 2))


@case(
    "12.07",
    "An order that is taken while the matcher is dead is kept, and decided when it is back.",
    tape=QUIET,
    needs_house=True,
)
def without_a_matcher(desk: Desk) -> None:
    assert desk.broker.house is not None
    [matcher] = desk.broker.house.children("matcher")
    matcher.kill()
    placed = desk.place(desk.market("buy", 100), "order")
    same(placed.status.value, "pending_new")
    same((desk.told(), desk.position().qty), (["order new", "order fill"], "100"))


@case(
    "12.08",
    "While the web processes are dead nobody is told 504, and what is acknowledged is stored once.",
    tape=QUIET,
    needs_house=True,
)
def without_a_web_process(desk: Desk) -> None:
    assert desk.broker.house is not None
    for worker in desk.broker.house.children("web worker"):
        worker.kill()
    outcomes = {f"try {number}": _attempt(desk, f"try {number}") for number in range(20)}
    stored = [order.client_order_id for order in _patiently(desk.orders)]
    holds(set(outcomes.values()) <= {200, 503, None}, f"other answers: {set(outcomes.values())}")
    same(len(stored), len(set(stored)))
    kept = {name for name, status in outcomes.items() if status == HTTPStatus.OK}
    holds(kept <= set(stored), f"acknowledged and lost: {sorted(kept - set(stored))}")


def _attempt(desk: Desk, name: str) -> int | None:
    """Place an order and return the answer's status; None when there was none."""
    body = {"symbol": desk.symbol, "qty": "1", "side": "buy", "type": "limit", "limit_price": "9.50"}
    body |= {"time_in_force": "day", "client_order_id": name}
    url = desk.broker.url("/v2/orders")
    try:
        return requests.post(url, json=body, headers=desk.broker.headers, timeout=PATIENCE_S).status_code
    except requests.ConnectionError:
        return None


def _patiently(call: Callable[[], Any]) -> Any:
    """Return what a call returns when the broker is back, which nothing tells a client."""
    deadline, look = time.monotonic() + PATIENCE_S, threading.Event()
    while True:
        try:
            return call()
        except (requests.ConnectionError, APIError):
            if time.monotonic() > deadline:
                raise
            look.wait(LOOK_S)


@case(
    "12.09",
    "After all of it the books balance to the last cent.",
    begins="16:30",
    on="2013-11-29",
    needs_house=True,
)
def ledger(desk: Desk) -> None:
    assert desk.broker.house is not None
    verified = desk.broker.house.manage("verify_ledger")
    same((verified.returncode, verified.stderr), (0, ""))
