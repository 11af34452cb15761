"""Group 10: the event log, by WebSocket and by server-sent events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests
import websockets.sync.client

from tests.contract.conformance.expecting import holds, same
from tests.contract.conformance.listener import PATIENCE_S, Listener
from tests.contract.conformance.lossy import Wire
from tests.contract.conformance.readers import (
    everything,
    first_id,
    key,
    pair,
    received,
    server_sent,
    updates,
    websocket,
)
from tests.contract.conformance.registry import case

if TYPE_CHECKING:
    from tests.contract.conformance.desk import Desk

QUIET = ("0 quote,10.00,300,10.02,200,,,", "0 trade,,,,,10.01,100,")


def busy(desk: Desk) -> None:
    """Have eight events in the log: a purchase, an order that is replaced, and its cancel."""
    desk.place(desk.market("buy", 100), "purchase")
    old = desk.place(desk.limit("buy", 100, 9.50), "old")
    desk.cancel(desk.replace(old, "new", limit_price=9.60))


BUSY = [
    "purchase new",
    "purchase fill",
    "old new",
    "old pending_replace",
    "old replaced",
    "new new",
    "new pending_cancel",
    "new canceled",
]


@case("10.01", "The WebSocket says nothing first, and tells a wrong secret that it is unauthorized.")
def unauthorized(desk: Desk) -> None:
    with websockets.sync.client.connect(desk.broker.url("/stream", "ws")) as peer:
        wrong = {**pair(desk.broker), "secret_key": "wrong"}
        peer.send(json.dumps({"action": "authenticate", "data": wrong}))
        answer = received(peer)
    same(answer["stream"], "authorization")
    same(answer["data"]["status"], "unauthorized")


@case("10.02", "The SDK's TradingStream hears each event once, in order, in binary frames.", tape=QUIET)
def sdk_stream(desk: Desk) -> None:
    busy(desk)
    same(desk.told(), BUSY)
    with websocket(desk.broker, pair(desk.broker), first_id(desk.broker)) as peer:
        holds(isinstance(peer.recv(PATIENCE_S), bytes), "a text frame")


@case("10.03", "A bearer token opens the WebSocket.", tape=QUIET)
def bearer_on_the_websocket(desk: Desk) -> None:
    with websocket(desk.broker, {"oauth_token": desk.broker.token}) as peer:
        order = desk.place(desk.limit("buy", 1, 9.50), "order")
        [event] = updates(peer, 1)
    same(key(event), (str(order.id), "new"))


@case(
    "10.04",
    "A WebSocket that listens with since_id hears what it missed, and nothing twice, wherever it was cut.",
    tape=QUIET,
)
def websocket_resumes(desk: Desk) -> None:
    busy(desk)
    log = everything(desk.broker)
    same(len(log), len(BUSY))
    heard: list[dict[str, Any]] = []
    last_id = first_id(desk.broker)
    while len(heard) < len(log):
        with websocket(desk.broker, pair(desk.broker), last_id) as peer:
            heard += updates(peer, min(3, len(log) - len(heard)))
            peer.socket.close()  # no farewell
        last_id = heard[-1]["event_id"]
    same([key(each) for each in heard], [key(each) for each in log])


@case(
    "10.05", "Server-sent events resume by Last-Event-ID and by since_id, wherever they were cut.", tape=QUIET
)
def server_sent_events_resume(desk: Desk) -> None:
    busy(desk)
    log = everything(desk.broker)
    for cut in range(1, len(log)):
        last_id = log[cut - 1]["event_id"]
        rest = [key(each) for each in log[cut:]]
        again = server_sent(desk.broker, len(rest), headers={"Last-Event-ID": last_id})
        same([key(each) for each in again], rest)
        again = server_sent(desk.broker, len(rest), since_id=last_id)
        same([key(each) for each in again], rest)


@case(
    "10.06",
    "Server-sent events between two ids end by themselves; a bearer token reads them too.",
    tape=QUIET,
)
def server_sent_events_end(desk: Desk) -> None:
    busy(desk)
    log = everything(desk.broker)
    part = server_sent(desk.broker, None, since_id=log[1]["event_id"], until_id=log[4]["event_id"])
    same([key(each) for each in part], [key(each) for each in log[2:5]])
    answer = requests.get(
        desk.broker.url("/v2/events/trades"),
        params={"since_id": log[1]["event_id"], "until_id": log[4]["event_id"]},
        headers={"Authorization": f"Bearer {desk.broker.token}"},
        timeout=PATIENCE_S,
    )
    same((answer.status_code, answer.content.count(b"data: ")), (200, 3))


@case(
    "10.07",
    "A stream that is cut reconnects by itself; what it missed is in the log, by since_id and in the lists.",
    tape=QUIET,
)
def reconnect(desk: Desk) -> None:
    with Wire(desk.broker.base_url) as wire:
        listener = Listener(desk.broker.key_id, desk.broker.secret, f"ws://{wire.address}/stream")
        listener.start(lambda: _knock(desk))
        try:
            heard = desk.place(desk.limit("buy", 1, 9.50), "heard")
            listener.until(lambda: _has(listener, heard.id), "an order before the cut")
            wire.cut()
            missed = desk.place(desk.limit("buy", 1, 9.51), "missed")
            wire.mend()
            after = _until_heard_again(desk, listener)
            holds(not _has(listener, missed.id), "an event that nobody can have sent")
            log = [each["order"]["id"] for each in everything(desk.broker)]
            order = [str(each) for each in (heard.id, missed.id, after)]
            same([each for each in log if each in order], order)
            holds(missed.id in [each.id for each in desk.orders(status="open")], "an order that is lost")
        finally:
            listener.stop(lambda: _knock(desk))


def _knock(desk: Desk) -> None:
    desk.client.cancel_order_by_id(desk.broker.mark())


def _has(listener: Listener, order_id: Any) -> bool:
    return any(each.order.id == order_id for each in listener.log)


def _until_heard_again(desk: Desk, listener: Listener) -> Any:
    """Place orders until one is heard, since the SDK does not say when it is back; return its id."""
    for number in range(60):
        order = desk.place(desk.limit("buy", 1, 9.00), f"try {number}")
        if listener.hears(lambda order=order: _has(listener, order.id), PATIENCE_S / 60):  # type: ignore[misc]
            return order.id
    raise AssertionError("the SDK's stream did not come back")


@case("10.08", "An id beyond the log's end is refused, and so is one that is no id.")
def unknown_id(desk: Desk) -> None:
    for wrong in ("99999999", "nonsense"):
        answer = requests.get(
            desk.broker.url("/v2/events/trades"),
            params={"since_id": wrong},
            headers=desk.broker.headers,
            timeout=PATIENCE_S,
        )
        same((answer.status_code, answer.json()["code"]), (422, 40010001))
