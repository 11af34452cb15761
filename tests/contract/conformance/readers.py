"""Plain readers of the event log: what a bot in any language would write."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import requests
import websockets.sync.client

from tests.contract.conformance.expecting import same
from tests.contract.conformance.listener import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.connection import Connection

    from tests.contract.conformance.broker import Broker

AUTHORIZED = {"stream": "authorization", "data": {"status": "authorized", "action": "authenticate"}}
LISTENING = {"stream": "listening", "data": {"streams": ["trade_updates"]}}


def key(event: dict[str, Any]) -> tuple[str, str]:
    """Return an event as order id and word."""
    return event["order"]["id"], event["event"]


def first_id(broker: Broker) -> str:
    """Return the id after which the events of the account's present generation begin."""
    answer = requests.get(
        broker.url(f"/raxx/v1/accounts/{broker.account_id}"), headers=broker.headers, timeout=PATIENCE_S
    )
    return str(answer.json()["generations"][-1]["since_id"])


def server_sent(
    broker: Broker, count: int | None, *, headers: dict[str, str] | None = None, **query: str
) -> list[dict[str, Any]]:
    """Return that many events, and hang up; None reads to the end of the answer."""
    found: list[dict[str, Any]] = []
    with requests.get(
        broker.url("/v2/events/trades"),
        params=query,
        headers={**broker.headers, **(headers or {})},
        stream=True,
        timeout=PATIENCE_S,
    ) as answer:
        same((answer.status_code, answer.headers["Content-Type"]), (200, "text/event-stream"))
        lines = answer.iter_lines(chunk_size=1)
        for line in lines:
            if line.startswith(b"data: "):
                found.append(json.loads(line.removeprefix(b"data: ")))
                if len(found) == count:
                    break
    return found


def everything(broker: Broker) -> list[dict[str, Any]]:
    """Return the whole log of the present generation, as server-sent events tell it."""
    mark = str(broker.mark())
    found = server_sent_until(broker, mark)
    broker.client.cancel_order_by_id(mark)
    return found


def server_sent_until(broker: Broker, order_id: str) -> list[dict[str, Any]]:
    """Return the events before the first one of an order."""
    found: list[dict[str, Any]] = []
    with requests.get(
        broker.url("/v2/events/trades"),
        params={"since_id": first_id(broker)},
        headers=broker.headers,
        stream=True,
        timeout=PATIENCE_S,
    ) as answer:
        for line in answer.iter_lines(chunk_size=1):
            if line.startswith(b"data: "):
                event = json.loads(line.removeprefix(b"data: "))
                if event["order"]["id"] == order_id:
                    break
                found.append(event)
    return found


@contextmanager
def websocket(broker: Broker, data: dict[str, str], since_id: str | None = None) -> Iterator[Connection]:
    """Have a WebSocket that has logged in with `data` and listens, at first to what came after `since_id`."""
    with websockets.sync.client.connect(broker.url("/stream", "ws"), compression=None) as peer:
        peer.send(json.dumps({"action": "authenticate", "data": data}))
        same(received(peer), AUTHORIZED)
        listen: dict[str, Any] = {"streams": ["trade_updates"]}
        if since_id is not None:
            listen["since_id"] = since_id
        peer.send(json.dumps({"action": "listen", "data": listen}))
        same(received(peer), LISTENING)
        yield peer


def received(peer: Connection) -> dict[str, Any]:
    """Return the next message."""
    content: dict[str, Any] = json.loads(peer.recv(PATIENCE_S))
    return content


def updates(peer: Connection, count: int) -> list[dict[str, Any]]:
    """Return the next updates."""
    return [received(peer)["data"] for _ in range(count)]


def pair(broker: Broker) -> dict[str, str]:
    """Return what the SDK sends to log in."""
    return {"key_id": broker.key_id, "secret_key": broker.secret}
