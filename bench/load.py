"""A lean HTTP/1.1 client: many kept connections, prepared requests, one thread.

It shares the machine with what it measures, so it does as little as it can: while the clock runs it
sends bytes that were made before and puts the answers aside, to be looked at afterwards.
"""

from __future__ import annotations

import select
import socket
import time
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
        connection.setblocking(False)
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
    idle = [address.connect() for _ in range(connections)]
    sockets = {connection.fileno(): connection for connection in idle}
    waiter = select.epoll()
    for descriptor in sockets:
        waiter.register(descriptor, select.EPOLLIN)
    answers: list[bytes] = []
    answered_at: list[float] = []
    latencies: list[float] = []
    sent_at: dict[int, float] = {}
    pieces: dict[int, bytes] = {}
    clock, wall = time.perf_counter, time.time
    cpu, begin = time.thread_time(), clock()
    end, sent = begin + seconds, 0

    def send(descriptor: int) -> None:
        nonlocal sent
        sent += 1
        sent_at[descriptor] = clock()
        sockets[descriptor].sendall(next(requests))  # smaller than any socket's buffer

    free = list(sockets)
    try:
        while True:
            now = clock()
            if now < end:
                while free and (rate is None or begin + sent / rate <= now):
                    send(free.pop())
            elif not sent_at:
                break
            patience = STALLED_S
            if rate is not None and free and now < end:
                patience = max(0.0, min(begin + sent / rate, end) - now)
            ready = waiter.poll(patience)
            if not ready and patience == STALLED_S:
                raise LoadFailed(f"{len(sent_at)} requests were not answered within {STALLED_S:.0f} s")
            for descriptor, _ in ready:
                data = pieces.pop(descriptor, b"") + sockets[descriptor].recv(65_536)
                if not _is_whole(data):
                    pieces[descriptor] = data
                    continue
                answers.append(data)
                answered_at.append(wall())
                latencies.append(clock() - sent_at.pop(descriptor))
                if rate is None and clock() < end:
                    send(descriptor)
                else:
                    free.append(descriptor)
        took = clock() - begin
        return Run(
            seconds=took,
            cpu_s=time.thread_time() - cpu,
            answers=answers,
            answered_at=answered_at,
            latencies=latencies,
        )
    finally:
        waiter.close()
        for connection in sockets.values():
            connection.close()


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
