"""Both streams of the real server, cut at random under load: the client's log is the server's log."""

from __future__ import annotations

import json
import random
import threading
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import websockets.sync.client

from tests.factories.rows import SECRET
from tests.stream.peer import PATIENCE_S, log_in
from trading.models import OrderEvent
from trading.stream.events import UNTOLD

if TYPE_CHECKING:
    from tests.stream.conftest import Trader
    from tests.stream.server import Server

CUTS = 100  # of each stream
ORDERS = 150
SEED = 20131008


class Load:
    """Somebody who trades all the while, in a thread of its own."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._thread = threading.Thread(target=self._trade)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _trade(self) -> None:
        for _ in range(ORDERS):
            order = self._trader.place()
            self._trader.desk.decide((order, "new"), (order, "canceled"))
            self._trader.ring()


def logged(trader: Trader) -> list[tuple[str, str]]:
    rows = OrderEvent.objects.filter(account=trader.account).exclude(kind__in=UNTOLD).order_by("seq")
    return [(str(order_id), kind) for order_id, kind in rows.values_list("order_id", "kind")]


def told(data: dict[str, Any]) -> tuple[str, str]:
    return data["order"]["id"], data["event"]


def test_server_sent_events_cut_at_any_byte(stream_server: Server, trader: Trader) -> None:
    chance = random.Random(SEED)
    heard: list[tuple[str, str]] = []
    last_id, cuts = "0", 0

    with Load(trader):
        while cuts < CUTS or len(heard) < 2 * ORDERS:
            blocks = _read_bytes(
                stream_server,
                trader,
                last_id,
                limit=chance.randrange(1, 12_000),
                least=1 if cuts >= CUTS else 0,
            )
            for block in blocks:
                lines = dict(line.split(": ", 1) for line in block.splitlines())
                last_id = lines["id"]
                heard.append(told(json.loads(lines["data"])))
            cuts += 1

    print(f"server-sent events: {len(heard)} heard over {cuts} cuts, seed {SEED}")
    assert heard == logged(trader)


def _read_bytes(server: Server, trader: Trader, last_id: str, *, limit: int, least: int) -> list[str]:
    """Read so many bytes, or at least so many events, and cut the line; return the events that were whole."""
    line = HTTPConnection(urlsplit(server.url).netloc, timeout=PATIENCE_S)
    try:
        headers = {
            "APCA-API-KEY-ID": trader.key.key_id,
            "APCA-API-SECRET-KEY": SECRET,
            "Last-Event-ID": last_id,
        }
        line.request("GET", "/v2/events/trades", headers=headers)
        answer = line.getresponse()
        assert answer.status == 200
        content = b""
        while True:
            whole = content.split(b"\n\n")[:-1]
            blocks = [block.decode() for block in whole if not block.startswith(b":")]
            if len(content) >= limit and len(blocks) >= least:
                return blocks
            if least == 0 and len(content) == 0:
                answer.fp.raw._sock.settimeout(0.05)  # nothing may come: then it is cut before the first byte
            try:
                content += answer.read1(max(1, limit - len(content)))
            except TimeoutError:
                return blocks
    finally:
        line.close()


def test_the_websocket_cut_after_any_message(stream_server: Server, trader: Trader) -> None:
    chance = random.Random(SEED)
    heard: list[tuple[str, str]] = []
    last_id, cuts = "0", 0

    with Load(trader):
        while cuts < CUTS or len(heard) < 2 * ORDERS:
            with websockets.sync.client.connect(stream_server.url, compression=None) as peer:
                peer.send(json.dumps(log_in(trader.key)))
                peer.recv(PATIENCE_S)
                listen = {"streams": ["trade_updates"], "since_id": last_id}
                peer.send(json.dumps({"action": "listen", "data": listen}))
                peer.recv(PATIENCE_S)
                for _ in range(chance.randrange(12)):
                    try:
                        data = json.loads(peer.recv(0.05 if cuts < CUTS else PATIENCE_S))["data"]
                    except TimeoutError:
                        break
                    last_id = data["event_id"]
                    heard.append(told(data))
                    if len(heard) == 2 * ORDERS:
                        break
                peer.socket.close()  # no farewell
            cuts += 1

    print(f"websocket: {len(heard)} heard over {cuts} cuts, seed {SEED}")
    assert heard == logged(trader)
