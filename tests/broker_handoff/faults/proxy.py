"""A network between us and the broker that cuts, delays, doubles and truncates at every point of an exchange."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 20.0  # with the broker itself
PAGE = b"<html>bad gateway</html>"


@dataclass
class Proxy:
    """Passes each exchange on to `target`, or does to it one of FAULTS: `share` of them, drawn from `seed`.

    `late_s` is the longest that it keeps a request before it passes that on, whether or not anybody still waits.
    """

    target: str
    share: float
    seed: int
    late_s: float
    done: Counter[str] = field(default_factory=Counter)
    url: str = ""
    _deck: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._lock = threading.Lock()

    def serve(self, client: socket.socket) -> None:
        """Serve one exchange: whoever asks anew connects anew."""
        with client, contextlib.suppress(OSError, ConnectionError):
            client.settimeout(PATIENCE_S)
            with self._lock:
                name = self._draw() if self._chance.random() < self.share else "none"
                self.done[name] += 1
            FAULTS.get(name, _pass)(self, client)

    def _draw(self) -> str:
        """Return the next fault of a shuffled deck, so that each comes as often as every other."""
        if not self._deck:
            self._deck = self._chance.sample(sorted(FAULTS), k=len(FAULTS))
        return self._deck.pop()

    def ask(self, request: bytes) -> bytes:
        """Put a request to the broker, and return all that it answers."""
        with self.connect() as there:
            there.sendall(request)
            return _read_message(there)

    def connect(self) -> socket.socket:
        parts = urlsplit(self.target)
        return socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S)

    def keep(self, seconds: float) -> None:
        """Let time pass, but not beyond the end of the test."""
        self._over.wait(seconds)

    def close(self) -> None:
        self._over.set()


def _pass(proxy: Proxy, client: socket.socket) -> None:
    client.sendall(proxy.ask(_read_message(client)))


def _cut_at_once(_: Proxy, client: socket.socket) -> None:
    client.recv(1)


def _swallow_request(_: Proxy, client: socket.socket) -> None:
    _read_message(client)


def _truncate_request(proxy: Proxy, client: socket.socket) -> None:
    request = _read_message(client)
    with proxy.connect() as there:
        there.sendall(request[: len(request) - 10])


def _lose_answer(proxy: Proxy, client: socket.socket) -> None:
    proxy.ask(_read_message(client))


def _truncate_answer(proxy: Proxy, client: socket.socket) -> None:
    answer = proxy.ask(_read_message(client))
    client.sendall(answer[: len(answer) - 20])


def _delay_request(proxy: Proxy, client: socket.socket) -> None:
    request = _read_message(client)
    proxy.keep(proxy.late_s)
    client.sendall(proxy.ask(request))


def _delay_answer(proxy: Proxy, client: socket.socket) -> None:
    answer = proxy.ask(_read_message(client))
    proxy.keep(proxy.late_s)
    client.sendall(answer)


def _double(proxy: Proxy, client: socket.socket) -> None:
    request = _read_message(client)
    proxy.ask(request)
    client.sendall(proxy.ask(request))


def _double_and_tell_first(proxy: Proxy, client: socket.socket) -> None:
    request = _read_message(client)
    answer = proxy.ask(request)
    proxy.ask(request)
    client.sendall(answer)


def _answering(status: str, body: bytes, *, passes: bool) -> Callable[[Proxy, socket.socket], None]:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()

    def answer(proxy: Proxy, client: socket.socket) -> None:
        request = _read_message(client)
        if passes:
            proxy.ask(request)
        client.sendall(head + body)

    return answer


FAULTS: dict[str, Callable[[Proxy, socket.socket], None]] = {
    "cut at once": _cut_at_once,
    "request swallowed": _swallow_request,
    "request truncated": _truncate_request,
    "request late": _delay_request,
    "request twice": _double,
    "request twice, first answer": _double_and_tell_first,
    "answer lost": _lose_answer,
    "answer truncated": _truncate_answer,
    "answer late": _delay_answer,
    "429": _answering("429 Too Many Requests", b'{"code":42910000,"message":"slow down"}', passes=False),
    "500 after all": _answering("500 Internal Server Error", PAGE, passes=True),
    "502 before": _answering("502 Bad Gateway", PAGE, passes=False),
    "503 before": _answering("503 Service Unavailable", b"", passes=False),
    "504 after all": _answering("504 Gateway Time-out", PAGE, passes=True),
    "404 of a gateway": _answering("404 Not Found", PAGE, passes=False),
}


def _read_message(source: socket.socket) -> bytes:
    """Return a whole request or answer as it came. Raises ConnectionError where it ends before."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(source)
    head, _, body = data.partition(b"\r\n\r\n")
    names = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    if names.get(b"transfer-encoding", b"").strip() == b"chunked":
        while not body.endswith(b"0\r\n\r\n"):
            body += _more(source)
    else:
        length = int(names.get(b"content-length", b"0"))
        while len(body) < length:
            body += _more(source)
    return head + b"\r\n\r\n" + body


def _more(source: socket.socket) -> bytes:
    piece = source.recv(65_536)
    if not piece:
        raise ConnectionError("it ended before it was whole")
    return piece


@contextmanager
def running_proxy(target: str, *, share: float, seed: int, late_s: float) -> Iterator[Proxy]:
    """Serve at an address of its own while the block lasts."""
    proxy = Proxy(target=target, share=share, seed=seed, late_s=late_s)
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        proxy.url = f"http://127.0.0.1:{server.getsockname()[1]}"

        def accept() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                thread = threading.Thread(target=proxy.serve, args=(client,))
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield proxy
        finally:
            proxy.close()
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()
