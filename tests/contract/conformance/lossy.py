"""Two tiny proxies that lose things on purpose: answers of single requests, and whole connections."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from tests.contract.conformance.listener import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fault(Enum):
    """What happens to one request."""

    REQUEST_LOST = "the connection ends before the request is passed on"
    ANSWER_LOST = "the request is done, and the connection ends before its answer"
    GATEWAY_TIMEOUT = "the request is done, and its answer is 504"
    TOO_MANY_REQUESTS = "the request is not passed on, and its answer is 429"


class LossyProxy:
    """Passes HTTP on to an installation; `next_faults` befall the next requests, one each.

    `seen` tells of each request: its method, and the status that the installation gave, None if it was
    not asked.
    """

    def __init__(self, base_url: str) -> None:
        self.next_faults: list[Fault] = []
        self.seen: list[tuple[str, int | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, urlsplit(base_url).netloc))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Relay(BaseHTTPRequestHandler):
    """One connection of a client's."""

    protocol_version = "HTTP/1.1"
    proxy: ClassVar[LossyProxy]
    address: ClassVar[str]

    def _relay(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        fault = self.proxy.next_faults.pop(0) if self.proxy.next_faults else None
        answer = None
        if fault not in {Fault.REQUEST_LOST, Fault.TOO_MANY_REQUESTS}:
            answer = self._asked(body)
        self.proxy.seen.append((self.command, None if answer is None else answer[0]))
        if fault in {Fault.REQUEST_LOST, Fault.ANSWER_LOST}:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault is not None or answer is None:
            status = HTTPStatus.GATEWAY_TIMEOUT if answer else HTTPStatus.TOO_MANY_REQUESTS
            self._answer(status, [("Content-Type", "text/html")], b"<html></html>")
        else:
            self._answer(*answer)

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        line = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        try:
            # As it came: a second Host or Content-Length would be another request.
            line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in {"connection", "host"}:
                    line.putheader(name, value)
            line.putheader("Host", self.address)
            line.endheaders(body)
            answer = line.getresponse()
            headers = [
                (name, value) for name, value in answer.getheaders() if name.lower() not in _OF_ONE_HOP
            ]
            return answer.status, headers, answer.read()
        finally:
            line.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _relay  # noqa: N815 - the base class's names

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _handler(proxy: LossyProxy, address: str) -> type[_Relay]:
    class Relay(_Relay):
        pass

    Relay.proxy, Relay.address = proxy, address
    return Relay


class Wire:
    """Passes bytes on to an installation until it is cut."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._target = (str(parts.hostname), parts.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._is_cut = self._is_over = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._is_over = True
        # A blocked accept is woken by a connection, not by the closing of its socket.
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()

    def cut(self) -> None:
        """End every connection without a word, and let no other one through until `mend`."""
        with self._lock:
            self._is_cut = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def mend(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._is_cut = False

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with self._lock:
                if self._is_over:
                    client.close()
                    return
                if self._is_cut:
                    client.close()
                    continue
                server = socket.create_connection(self._target, PATIENCE_S)
                server.settimeout(None)
                self._open += [client, server]
            for source, target in ((client, server), (server, client)):
                _in_thread(lambda source=source, target=target: _copy(source, target))  # type: ignore[misc]


def _in_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65_536):
            target.sendall(content)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
