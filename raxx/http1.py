"""As much of HTTP/1.1 as a front needs: where a message ends, where it goes, what it may not claim.

Strict where two readers could disagree about a message's end, because such a disagreement lets
one person's bytes be read as another's request. Source: RFC 9112, sections 2 to 7 and 11.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

LINE_BYTES_MAX = 4096  # of a chunk's size or a trailer

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST = re.compile(
    rb"(" + _TOKEN + rb") (\S+) HTTP/1\.([01])\r\n((?:" + _TOKEN + rb":[^\r\n\0]*\r\n)*)\r\n"
)
_RESPONSE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])[^\r\n]*\r\n((?:[^\r\n]*\r\n)*)\r\n")
_FRAMING = re.compile(
    rb"^(content-length|transfer-encoding|connection|upgrade|host|expect):[ \t]*([^\r\n]*?)[ \t]*\r\n",
    re.IGNORECASE | re.MULTILINE,
)
# A WSGI server reads "_" as "-".
_FORGEABLE = re.compile(
    rb"^(?:x[-_]forwarded[-_]?[^:]*|forwarded|x[-_]real[-_]ip):[^\r\n]*\r\n", re.IGNORECASE | re.MULTILINE
)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
_ABSOLUTE_FORM = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)
_TRACE = re.compile(rb"^(x-request-id|traceparent):[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE | re.MULTILINE)
_DIGITS = re.compile(rb"[0-9]{1,18}")


class BadMessage(Exception):
    """The bytes are no request that two readers would read alike."""


class Body(Protocol):
    """What follows a head. `is_done` tells when the message has ended."""

    is_done: bool

    def take(self, data: bytes | bytearray) -> int:
        """Return how many of these next bytes belong to the body. Raises BadMessage."""
        ...


class Sized:
    """A body of known length; 0 is no body."""

    __slots__ = ("is_done", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.is_done = length == 0

    def take(self, data: bytes | bytearray) -> int:
        taken = min(self.left, len(data))
        self.left -= taken
        self.is_done = self.left == 0
        return taken


class Chunked:
    """A body in chunks, with its trailer."""

    __slots__ = ("_in_trailer", "_left", "_line", "is_done")

    def __init__(self) -> None:
        self._left = 0  # of the present chunk and the line end behind it
        self._line = b""
        self._in_trailer = False
        self.is_done = False

    def take(self, data: bytes | bytearray) -> int:
        at = 0
        while at < len(data) and not self.is_done:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                continue
            end = data.find(b"\n", at) + 1
            self._line += bytes(data[at : end or len(data)])
            if len(self._line) > LINE_BYTES_MAX:
                raise BadMessage
            if not end:
                return len(data)
            at = end
            self._take_line()
        return at

    def _take_line(self) -> None:
        line, self._line = self._line, b""
        if self._in_trailer:
            self.is_done = line == b"\r\n"
            return
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise BadMessage
        length = int(size[1], 16)
        self._in_trailer = length == 0
        self._left = length + 2 if length else 0


class Endless:
    """A response body that ends with its connection."""

    is_done = False

    def take(self, data: bytes | bytearray) -> int:
        return len(data)


@dataclass(slots=True)
class Request:
    """A request's head, rewritten for the backend, and the framing of its body."""

    method: bytes
    path: bytes  # without the query
    head: bytes
    body: Body
    closes: bool
    is_websocket: bool
    expects_continue: bool


@dataclass(slots=True)
class Response:
    """What the front must know of a response's head."""

    status: int
    body: Body
    closes: bool


def parse_request(head: bytes, forwarded_for: bytes) -> Request:
    """Read a whole head (with its blank line); `forwarded_for` is the client's address.

    The client's own forwarding headers are replaced by ours. Raises BadMessage.
    """
    match = _REQUEST.fullmatch(head)
    if match is None:
        raise BadMessage
    method, target, minor, headers = match.groups()
    fields = _framing_fields(headers)
    if len(fields.get(b"host", ())) > 1:
        raise BadMessage
    connection = b",".join(fields.get(b"connection", ())).lower()
    host = fields.get(b"host", [b""])[0]
    forwarding = b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: %b\r\n" % (
        forwarded_for,
        host,
    )
    kept = _FORGEABLE.sub(b"", headers)
    path = _ABSOLUTE_FORM.sub(b"", target, count=1) if target[:1] != b"/" else target
    return Request(
        method=method,
        path=path.partition(b"?")[0],
        head=b"%b %b HTTP/1.%b\r\n%b%b\r\n" % (method, target, minor, kept, forwarding),
        body=_request_body(fields),
        closes=b"close" in connection or (minor == b"0" and b"keep-alive" not in connection),
        is_websocket=b"upgrade" in connection
        and b"websocket" in b",".join(fields.get(b"upgrade", ())).lower(),
        expects_continue=b"expect" in fields,
    )


def parse_response(head: bytes, method: bytes) -> Response:
    """Read a backend's whole head, the answer to a request of this method. Raises BadMessage."""
    match = _RESPONSE.fullmatch(head)
    if match is None:
        raise BadMessage
    status = int(match[1])
    fields = _framing_fields(match[2])
    lengths = fields.get(b"content-length")
    body: Body
    if method == b"HEAD" or status in {204, 304} or status < 200:  # noqa: PLR2004 - interim answers have no body
        body = Sized(0)
    elif b"transfer-encoding" in fields:
        body = Chunked()
    elif lengths:
        body = Sized(int(lengths[0]))
    else:
        body = Endless()
    closes = b"close" in b",".join(fields.get(b"connection", ())).lower()
    return Response(status=status, body=body, closes=closes)


def trace_fields(head: bytes) -> tuple[str, str]:
    """Return what a request's head says of its id and of its caller's trace; empty where it says nothing."""
    said = {name.lower(): value.decode("latin-1") for name, value in _TRACE.findall(head)}
    return said.get(b"x-request-id", ""), said.get(b"traceparent", "")


def _framing_fields(headers: bytes) -> dict[bytes, list[bytes]]:
    fields: dict[bytes, list[bytes]] = {}
    for name, value in _FRAMING.findall(headers):
        fields.setdefault(name.lower(), []).append(value)
    return fields


def _request_body(fields: dict[bytes, list[bytes]]) -> Body:
    lengths, codings = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if codings is not None:
        if lengths is not None or [coding.lower() for coding in codings] != [b"chunked"]:
            raise BadMessage
        return Chunked()
    if lengths is None:
        return Sized(0)
    if len(set(lengths)) > 1 or not _DIGITS.fullmatch(lengths[0]):
        raise BadMessage
    return Sized(int(lengths[0]))
