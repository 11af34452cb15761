"""The load generator: it must notice every answer that is not a fresh order."""

from __future__ import annotations

import itertools
import json
import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from bench.figure import Figure
from bench.load import Address, LoadFailed, fresh_orders, run_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REQUEST = b"POST /v2/orders HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def serving(answer: Callable[[int], bytes]) -> Iterator[Address]:
    """Serve on a free port; `answer` makes the n-th answer, the n-th request's of all connections."""
    numbers = itertools.count()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            while self.request.recv(len(REQUEST), 256):
                for piece in answer(next(numbers)).split(b"|"):
                    self.request.sendall(piece)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Address(place=("127.0.0.1", int(server.server_address[1])))
        finally:
            server.shutdown()
            thread.join()


def http(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status.encode(), len(body), body)


def order(number: int) -> bytes:
    return http("200 OK", json.dumps({"id": f"order-{number}", "status": "pending_new"}).encode())


def test_every_answer_of_every_connection_is_counted_once() -> None:
    with serving(order) as address:
        run = run_load(address, itertools.repeat(REQUEST), seconds=0.2, connections=3)

    assert sorted(fresh_orders(run)) == sorted(f"order-{number}" for number in range(len(run.answers)))
    assert len(run.latencies) == len(run.answered_at) == len(run.answers) >= 3


def test_an_answer_in_pieces_is_waited_for() -> None:
    with serving(lambda number: order(number).replace(b"\r\n\r\n", b"\r\n|\r\n|")) as address:
        run = run_load(address, itertools.repeat(REQUEST), seconds=0.1, connections=2)

    assert len(fresh_orders(run)) == len(run.answers) > 0


def test_a_rate_bounds_what_is_sent() -> None:
    with serving(order) as address:
        run = run_load(address, itertools.repeat(REQUEST), seconds=0.5, connections=4, rate=40)

    assert 0 < len(run.answers) <= 20


def test_a_refused_order_fails_the_run() -> None:
    with serving(lambda _: http("503 Service Unavailable", b'{"code": 50310000}')) as address:
        run = run_load(address, itertools.repeat(REQUEST), seconds=0.1, connections=1)

    with pytest.raises(LoadFailed, match="not accepted"):
        fresh_orders(run)


def test_the_same_order_twice_fails_the_run() -> None:
    with serving(lambda _: order(7)) as address:
        run = run_load(address, itertools.repeat(REQUEST), seconds=0.1, connections=2)

    with pytest.raises(LoadFailed, match="the same order"):
        fresh_orders(run)


def test_a_figure_is_one_line_with_its_medians_and_spread() -> None:
    figure = Figure(
        name="x", values=[1_000.4, 3_000, 2_000], unit="orders/s", against="y", ratios=[0.1, 0.3333, 0.2]
    )

    assert json.loads(figure.line()) == {
        "name": "x", "value": 2_000, "unit": "orders/s", "against": "y", "ratio": 0.2, "runs": 3, "spread": [0.1, 0.333],
    }  # fmt: skip
