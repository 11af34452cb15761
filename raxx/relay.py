"""The two connections of a relayed request: the client's and the backend's.

A client's requests are served one after the other, so that responses cannot mix. Heads are read
only as far as `raxx.http1` does; bodies pass unread, with as much held back as the slower side needs.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from socket import SO_KEEPALIVE, SOL_SOCKET
from typing import TYPE_CHECKING, Any

from accounts import tracing
from raxx import http1

if TYPE_CHECKING:
    from raxx.front import Front

logger = logging.getLogger("raxx.front")

END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much and how long a client may keep us waiting."""

    head_bytes: int = 32_768
    buffer_bytes: int = (
        65_536  # of a client's bytes held here; a body up to this size is read before a worker sees it
    )
    request_s: float = 15.0  # from a request's first byte to its last, for what is held here
    idle_s: float = 75.0  # between requests; and without a byte, inside a larger body
    backend_idle_s: float = 15.0  # a kept backend connection older than this may be about to close
    drain_s: float = 3.0  # for requests in flight when we stop
    linger_s: float = 2.0  # to read on after an early answer, so that the client gets to see it


class Backend(asyncio.Protocol):
    """One connection to a backend; serves one client, one request at a time."""

    def __init__(self, client: Client, socket: str) -> None:
        self.client = client
        self.socket = socket
        self.used_at = 0.0
        self.is_full = False
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.client.answer_received(self, data)

    def eof_received(self) -> bool:
        return self.client.backend_finished(self)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.client.backend_lost(self)

    def pause_writing(self) -> None:
        self.is_full = True
        self.client.regulate()

    def resume_writing(self) -> None:
        self.is_full = False
        self.client.regulate()


class Client(asyncio.Protocol):
    """One client's connection: reads a request, has it answered, reads the next one."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.limits = front.limits
        self.buffer = bytearray()  # received and not yet passed on
        self.request: http1.Request | None = None
        self.response: http1.Response | None = None
        self.response_head = b""
        self.backend: Backend | None = None
        self.is_tunnel = False
        self.is_closing = False
        self.is_reading = True
        self.has_ended = False  # the client will send no more
        self.deadline: float | None = None
        self.transport: Any = None

    # --- From the client --------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        # A tunnel may be silent for hours: the kernel finds out whether its other end still lives.
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        peer = transport.get_extra_info("peername")
        self.address = peer[0].encode() if isinstance(peer, tuple) else b"unknown"
        self.deadline = self.loop.time() + self.limits.idle_s
        self.front.clients.add(self)

    def data_received(self, data: bytes) -> None:
        if self.is_closing:
            return
        if self.is_tunnel and self.backend is not None:
            self.backend.transport.write(data)
            return
        if self.request is None and not self.buffer:
            self.deadline = self.loop.time() + self.limits.request_s
        self.buffer += data
        self._advance()
        self.regulate()

    def eof_received(self) -> bool:
        self.has_ended = True
        if self.is_closing:
            return False
        if self.is_tunnel and self.backend is not None:
            self.backend.transport.write_eof()
            return True
        # Somebody who half-closes after a whole request still wants the answer; one who leaves a
        # stream has gone away, which looks the same.
        return (
            self.request is not None
            and self.request.body.is_done
            and (self.backend is None or self.backend.socket != self.front.stream)
        )

    def connection_lost(self, _exc: Exception | None) -> None:
        self.is_closing = True
        if self.backend is not None and self.backend.transport is not None:
            self.backend.transport.abort()
        self.front.forget(self)

    def pause_writing(self) -> None:
        if self.backend is not None and self.backend.transport is not None:
            self.backend.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.backend is not None and self.backend.transport is not None:
            self.backend.transport.resume_reading()

    def regulate(self) -> None:
        """Read on from the client only while there is room for what it sends."""
        is_full = self.backend is not None and self.backend.is_full
        wants = not is_full and (len(self.buffer) <= self.limits.buffer_bytes or self.is_closing)
        if wants != self.is_reading and not self.transport.is_closing():
            self.is_reading = wants
            (self.transport.resume_reading if wants else self.transport.pause_reading)()

    def _advance(self) -> None:
        """Do what can be done with what the client has sent."""
        try:
            if self.request is None:
                self._read_head()
            elif self.backend is not None and self.backend.transport is not None:
                self._pass_body(self.backend)
        except http1.BadMessage:
            self._refuse(HTTPStatus.BAD_REQUEST, "malformed request")

    def _read_head(self) -> None:
        # Blank lines before a request are to be forgiven (RFC 9112, 2.2).
        while self.buffer.startswith(b"\r\n"):
            del self.buffer[:2]
        end = self.buffer.find(END_OF_HEAD, 0, self.limits.head_bytes)
        if end < 0:
            if len(self.buffer) >= self.limits.head_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "request head is too large")
            return
        end += len(END_OF_HEAD)
        request = http1.parse_request(bytes(self.buffer[:end]), self.address)
        body = request.body
        if isinstance(body, http1.Sized) and not request.expects_continue:
            room = self.limits.buffer_bytes
            if end + body.left <= room and len(self.buffer) < end + body.left:
                return  # a slow sender shall wait here, not hold a worker; the deadline runs on
        del self.buffer[:end]
        self._begin(request)

    def _begin(self, request: http1.Request) -> None:
        self.request = request
        self.deadline = None if request.body.is_done else self.loop.time() + self.limits.idle_s
        socket, backend = self.front.route(request), self.backend
        if backend is not None:
            age = self.loop.time() - backend.used_at
            if (
                backend.socket == socket
                and age < self.limits.backend_idle_s
                and not backend.transport.is_closing()
            ):
                self._pass_head(backend)
                return
            self.backend = None
            backend.transport.abort()
        self._connecting = self.loop.create_task(self._connect(socket))

    async def _connect(self, socket: str) -> None:
        backend = Backend(self, socket)
        try:
            await self.loop.create_unix_connection(lambda: backend, socket)
        except OSError as error:
            self.front.note(socket, error)
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "service unavailable")
            return
        self.front.note(socket, None)
        if self.is_closing:
            backend.transport.abort()
            return
        self.backend = backend
        try:
            self._pass_head(backend)
        except http1.BadMessage:
            self._refuse(HTTPStatus.BAD_REQUEST, "malformed request")
        self.regulate()

    def _pass_head(self, backend: Backend) -> None:
        assert self.request is not None
        taken = self.request.body.take(self.buffer)
        backend.transport.write(self.request.head + self.buffer[:taken])
        del self.buffer[:taken]
        if self.request.body.is_done:
            self.deadline = None

    def _pass_body(self, backend: Backend) -> None:
        assert self.request is not None
        body = self.request.body
        if body.is_done or not self.buffer:
            return
        taken = body.take(self.buffer)
        backend.transport.write(bytes(self.buffer[:taken]))
        del self.buffer[:taken]
        self.deadline = None if body.is_done else self.loop.time() + self.limits.idle_s

    # --- From the backend -------------------------------------------------------------------------

    def answer_received(self, backend: Backend, data: bytes) -> None:
        """Pass the backend's bytes to the client, and see where the response ends."""
        if backend is not self.backend or self.is_closing:
            return
        if self.is_tunnel:
            self.transport.write(data)
            return
        try:
            while data and self.request is not None:
                data = self._take_answer(data)
        except http1.BadMessage:
            logger.error("unreadable response from %s", backend.socket)  # noqa: TRY400 - the trace says nothing more
            self.transport.abort()
            return
        if data and not self.is_tunnel:
            # More than one response to one request: the backend is out of step, so leave it.
            backend.transport.abort()

    def _take_answer(self, data: bytes) -> bytes:
        assert self.request is not None
        if self.response is None:
            data = self.response_head + data
            end = data.find(END_OF_HEAD)
            if end < 0:
                self.response_head = data
                return b""
            self.response_head = b""
            end += len(END_OF_HEAD)
            response = http1.parse_response(data[:end], self.request.method)
            if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
                self._open_tunnel(data)
                return b""
            if response.status < HTTPStatus.OK:
                self.transport.write(data[:end])
                return data[end:]
            self.response = response
            taken = end + response.body.take(data[end:])
        else:
            taken = self.response.body.take(data)
        self.transport.write(data if taken == len(data) else data[:taken])
        if self.response.body.is_done:
            self._finish(self.request, self.response)
        return data[taken:]

    def _open_tunnel(self, data: bytes) -> None:
        assert self.backend is not None
        self.is_tunnel, self.deadline = True, None
        self.transport.write(data)
        self.backend.transport.write(bytes(self.buffer))
        self.buffer.clear()
        if self.has_ended:
            self.backend.transport.write_eof()

    def _finish(self, request: http1.Request, response: http1.Response) -> None:
        now = self.loop.time()
        self.request = self.response = None
        self.deadline = now + (self.limits.request_s if self.buffer else self.limits.idle_s)
        if self.backend is not None:
            self.backend.used_at = now
        if request.closes or response.closes or self.front.is_stopping or not request.body.is_done:
            self._close(must_linger=not request.body.is_done)
        elif self.buffer:
            self.loop.call_soon(self._advance)
        elif self.has_ended:
            self._close()

    def backend_finished(self, backend: Backend) -> bool:
        """Take note that the backend will send no more; return whether it still wants our bytes."""
        if backend is self.backend and self.is_tunnel and not self.has_ended and not self.is_closing:
            self.transport.write_eof()
            return True
        return False

    def backend_lost(self, backend: Backend) -> None:
        """Take note that the backend's connection is gone, in whatever state."""
        if backend is not self.backend:
            return
        self.backend = None
        if self.is_closing or (self.request is None and not self.is_tunnel):
            return
        if self.is_tunnel or (self.response is not None and isinstance(self.response.body, http1.Endless)):
            self._close()
        elif self.response is None and not self.response_head:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "service unavailable")
        else:
            self.transport.abort()  # half an answer must not look like a whole one

    # --- Ends -------------------------------------------------------------------------------------

    def time_out(self) -> None:
        """End a connection whose deadline has passed."""
        if self.is_closing or self.response is not None:
            self.transport.abort()
        elif self.request is None and not self.buffer:
            self._close()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request timed out")

    def close_when_idle(self) -> None:
        """Let a client without a request go, and one with a tunnel: we are stopping."""
        if self.is_tunnel or (self.request is None and not self.buffer):
            self._close()

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        if self.is_closing:
            return
        request_id, traceparent = http1.trace_fields(b"" if self.request is None else self.request.head)
        with tracing.tracing(request_id=request_id, traceparent=traceparent) as trace:
            # At INFO, as a client's own doing; a backend that is down has been told of as such.
            logger.info("answered %d: %s", status, message)
        content = {
            "code": status * 100_000 + 10_000,
            "message": message,
            "request_id": trace.request_id,
        }
        body = json.dumps(content).encode()
        retry = "Retry-After: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-ID: {trace.request_id}\r\n{retry}Connection: close\r\n\r\n"
        )
        is_head_request = self.request is not None and self.request.method == b"HEAD"
        self.transport.write(head.encode() + (b"" if is_head_request else body))
        self._close(must_linger=True)

    def _close(self, *, must_linger: bool = False) -> None:
        """Close after what was written has left; linger when the client may still be sending."""
        self.is_closing = True
        self.deadline = self.loop.time() + self.limits.idle_s  # for what the client has yet to take
        self.buffer.clear()
        if self.backend is not None:
            self.backend.transport.abort()
        if not must_linger or self.has_ended or self.transport.is_closing():
            self.transport.close()
            return
        # Closing with unread bytes would reset the connection and take our answer with it.
        self.transport.write_eof()
        self.regulate()
        self.deadline = self.loop.time() + self.limits.linger_s
