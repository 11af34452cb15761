"""A lean HTTP/1.1 client: many kept connections, prepared requests, one thread.

It shares the machine with what it measures, so it does as little as it can: while the clock runs it
sends bytes that were made before and puts the answers aside, to be looked at afterwards.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

END_OF_HEAD = b"\r\n\r\n"
STALLED_S = 20.0  # longer than any answer may take, in seconds


class LoadFailed(Exception):
    """The server did not answer as it should; the text shows how it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to connect: a path of a Unix socket, or host and port."""

    place: str | tuple[str, int]

    def connect(self) -> socket.socket:
        if isinstance(self.place, str):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect(self.place)
        connection.setblocking(False)  # noqa: FBT003 - the library's signature
        return connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came back. Times in seconds; `answered_at` in seconds since the epoch, beside `answers`."""

    seconds: float
    cpu_s: float  # of the client itself
    answers: list[bytes]
    answered_at: list[float]
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency, in milliseconds, that this share of the answers kept to."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1_000


class _Answer(msgspec.Struct):
    id: str


_decoder = msgspec.json.Decoder(_Answer)


def fresh_orders(run: Run) -> list[str]:
    """Return the ids of the orders that were answered. Raises LoadFailed unless each is a 200 and new."""
    ids = []
    for answer in run.answers:
        head, _, body = answer.partition(END_OF_HEAD)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise LoadFailed(f"not accepted: {answer[:1_000]!r}")
        ids.append(_decoder.decode(body).id)
    if len(set(ids)) != len(ids):
        raise LoadFailed("two requests were answered with the same order")
    return ids


def run_load(
    address: Address,
    requests: Iterator[bytes],
    *,
    seconds: float,
    connections: int = 32,
    rate: float | None = None,
) -> Run:
    """Send requests for so long over so many connections, each its next one as soon as it is answered.

    With `rate` they are sent at that many a second in all instead, as far as a connection is free.
    Raises LoadFailed when a connection ends or nothing comes back.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(address.connect()) for _ in range(connections)]
        waiter = stack.enter_context(select.epoll())
        for connection in sockets:
            waiter.register(connection, select.EPOLLIN)
        return _Client(sockets, waiter, requests).run(seconds, rate)


class _Client:
    """The connections, and what came back over them."""

    def __init__(self, sockets: list[socket.socket], waiter: select.epoll, requests: Iterator[bytes]) -> None:
        self._sockets = {connection.fileno(): connection for connection in sockets}
        self._waiter = waiter
        self._requests = requests
        self._free = list(self._sockets)
        self._sent = 0
        self._sent_at: dict[int, float] = {}
        self._pieces: dict[int, bytes] = {}
        self._answers: list[bytes] = []
        self._answered_at: list[float] = []
        self._latencies: list[float] = []

    def run(self, seconds: float, rate: float | None) -> Run:
        cpu, begin = time.thread_time(), time.perf_counter()
        end = begin + seconds
        while True:
            now = time.perf_counter()
            wait = STALLED_S
            if now < end:
                due = len(self._free) if rate is None else int((now - begin) * rate) - self._sent
                self._send(due)
                if rate is not None and self._free:
                    wait = max(0.0, min(begin + (self._sent + 1) / rate, end) - now)
            elif not self._sent_at:
                break
            ready = self._waiter.poll(wait)
            if not ready and wait == STALLED_S:
                raise LoadFailed(f"{len(self._sent_at)} requests were not answered within {STALLED_S:.0f} s")
            for descriptor, _ in ready:
                self._receive(descriptor)
        return Run(
            seconds=time.perf_counter() - begin,
            cpu_s=time.thread_time() - cpu,
            answers=self._answers,
            answered_at=self._answered_at,
            latencies=self._latencies,
        )

    def _send(self, due: int) -> None:
        for _ in range(min(due, len(self._free))):
            descriptor = self._free.pop()
            self._sent += 1
            self._sent_at[descriptor] = time.perf_counter()
            self._sockets[descriptor].sendall(next(self._requests))  # smaller than any socket's buffer

    def _receive(self, descriptor: int) -> None:
        data = self._pieces.pop(descriptor, b"") + self._sockets[descriptor].recv(65_536)
        if not _is_whole(data):
            self._pieces[descriptor] = data
            return
        self._answers.append(data)
        self._answered_at.append(time.time())
        self._latencies.append(time.perf_counter() - self._sent_at.pop(descriptor))
        self._free.append(descriptor)


def _is_whole(data: bytes) -> bool:
    """Whether an answer has all the bytes that its head promises. Raises LoadFailed."""
    end = data.find(END_OF_HEAD)
    if end < 0:
        if not data:
            raise LoadFailed("the server closed a kept connection")
        return False
    head = data[:end].lower()
    _, name, rest = head.partition(b"\r\ncontent-length:")
    if not name:
        raise LoadFailed(f"an answer without a length: {data[:300]!r}")
    return len(data) - end - 4 >= int(rest.partition(b"\r\n")[0])
