"""What goes over a data socket: arrays of messages, as MessagePack or as JSON text. Spec of the wire: 6.4.

`Content-Type: application/msgpack` on the upgrade request chooses MessagePack in binary frames, and the
SDKs send it; everybody else gets JSON in text frames. From the client we take either.
"""

from __future__ import annotations

import struct
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any

import msgspec

from matching.market.times import SECOND, rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Body = dict[str, Any]
Content = bytes | str

MESSAGE_BYTES_MAX = 512 * 1024  # of a client's message: a subscription to every symbol there is

CHANNELS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
)

_TIMESTAMP = -1  # MessagePack's extension type for an instant
_ARRAY_SHORT, _ARRAY_16, _ARRAY_32 = 15, 0xDC, 0xDD
_SIXTEEN_BITS = 0xFFFF


class Coding(Enum):
    """How a socket's messages are written."""

    TEXT = "text"
    MSGPACK = "msgpack"


class Code(IntEnum):
    """What an error message says, as a number."""

    INVALID_SYNTAX = 400
    NOT_AUTHENTICATED = 401
    AUTH_FAILED = 402
    ALREADY_AUTHENTICATED = 403
    AUTH_TIMEOUT = 404
    TOO_MANY_SYMBOLS = 405
    TOO_MANY_CONNECTIONS = 406
    SLOW_CLIENT = 407
    INSUFFICIENT_SUBSCRIPTION = 409
    INTERNAL_ERROR = 500


_WORDS = {
    Code.INVALID_SYNTAX: "invalid syntax",
    Code.NOT_AUTHENTICATED: "not authenticated",
    Code.AUTH_FAILED: "auth failed",
    Code.ALREADY_AUTHENTICATED: "already authenticated",
    Code.AUTH_TIMEOUT: "auth timeout",
    Code.TOO_MANY_SYMBOLS: "symbol limit exceeded",
    Code.TOO_MANY_CONNECTIONS: "connection limit exceeded",
    Code.SLOW_CLIENT: "slow client",
    Code.INSUFFICIENT_SUBSCRIPTION: "insufficient subscription",
    Code.INTERNAL_ERROR: "internal error",
}


def chosen_coding(headers: Sequence[tuple[bytes, bytes]]) -> Coding:
    """Return what an upgrade request asks for."""
    for name, value in headers:
        if name.lower() == b"content-type" and value.split(b";")[0].strip().lower() == b"application/msgpack":
            return Coding.MSGPACK
    return Coding.TEXT


# --- To the client --------------------------------------------------------------------------------


def control(body: Body, coding: Coding) -> Content:
    """Return a frame with one message that is no data."""
    if coding is Coding.MSGPACK:
        return msgspec.msgpack.encode([body])
    return msgspec.json.encode([body]).decode()


def success(word: str, coding: Coding) -> Content:
    """Return "connected" or "authenticated"."""
    return control({"T": "success", "msg": word}, coding)


def error(code: Code, coding: Coding) -> Content:
    """Return an error."""
    return control({"T": "error", "code": int(code), "msg": _WORDS[code]}, coding)


def stamp(at: int, coding: Coding) -> Any:
    """Return an instant as this coding writes it: RFC 3339, or MessagePack's own kind with nanoseconds."""
    if coding is Coding.TEXT:
        return rfc3339(at)
    seconds, nanoseconds = divmod(at, SECOND)
    return msgspec.msgpack.Ext(_TIMESTAMP, struct.pack(">Q", nanoseconds << 34 | seconds))


class Told:
    """One message of data for any number of sockets, encoded once for each coding that is used.

    `make` returns the message's body, given its instant as the coding writes it.
    """

    __slots__ = ("_encoded", "_make", "at", "channel", "order", "symbol")

    def __init__(
        self, channel: str, symbol: str, at: int, make: Callable[[Any], Body], *, order: int = 0
    ) -> None:
        self.channel = channel
        self.symbol = symbol
        self.at = at
        self.order = order  # among messages of one instant
        self._make = make
        self._encoded: dict[Coding, Any] = {}

    def encoded(self, coding: Coding) -> Any:
        """Return the message without its array."""
        content = self._encoded.get(coding)
        if content is None:
            body = self._make(stamp(self.at, coding))
            content = self._encoded[coding] = (
                msgspec.msgpack.encode(body)
                if coding is Coding.MSGPACK
                else msgspec.json.encode(body).decode()
            )
        return content


def frame(messages: Sequence[Told], coding: Coding) -> Content:
    """Return one frame with these messages."""
    parts = [message.encoded(coding) for message in messages]
    if coding is Coding.TEXT:
        return f"[{','.join(parts)}]"
    count = len(parts)
    if count <= _ARRAY_SHORT:
        head = bytes((0x90 | count,))
    elif count <= _SIXTEEN_BITS:
        head = struct.pack(">BH", _ARRAY_16, count)
    else:
        head = struct.pack(">BI", _ARRAY_32, count)
    return head + b"".join(parts)


# --- From the client ------------------------------------------------------------------------------


class Auth(msgspec.Struct, frozen=True, tag_field="action", tag="auth"):
    """The client says who it is."""

    key: str = ""
    secret: str = ""


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """Symbols by channel; corrections and cancellations come with trades and are not asked for."""

    trades: list[str] = []
    quotes: list[str] = []
    bars: list[str] = []
    updated_bars: list[str] = []
    daily_bars: list[str] = []
    statuses: list[str] = []
    lulds: list[str] = []

    def channels(self) -> dict[str, list[str]]:
        """Return the symbols by the channel's name on the wire."""
        fields = msgspec.to_builtins(self)
        return {name: fields[name] for name in CHANNELS if name in fields}


class Subscribe(Change, frozen=True, tag_field="action", tag="subscribe"):
    """The client wants more."""


class Unsubscribe(Change, frozen=True, tag_field="action", tag="unsubscribe"):
    """The client wants less."""


class Unreadable(ValueError):
    """A client's message is not one of the protocol's."""


Request = Auth | Subscribe | Unsubscribe

_json: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_msgpack: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)


def read(content: Content, coding: Coding) -> Request:
    """Return what the client asks. Raises Unreadable."""
    try:
        if coding is Coding.MSGPACK and isinstance(content, bytes):
            return _msgpack.decode(content)
        return _json.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as bad:
        raise Unreadable(str(bad)) from None
