"""What goes over a socket: the protocol's messages, and the three ways to write them.

The default is the paper host's: UTF-8 JSON in binary frames. `Content-Type: application/msgpack`
on the upgrade request chooses MessagePack, and `/stream?frames=text` JSON in text frames, for
browsers and for clients that cannot take binary. From the client we take all that fits: JSON in
text or binary frames, and MessagePack in binary frames where that was chosen.

Source: the documented protocol of the trading stream (authenticate, listen, error).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs

import msgspec

if TYPE_CHECKING:
    from datetime import datetime

MESSAGE_BYTES_MAX = 16_384  # of a client's message: ten times the longest that makes sense
ERROR_CHARACTERS_MAX = 200  # it may quote the client
STREAMS_MAX = 64  # names in one listen

TRADE_UPDATES = "trade_updates"

Body = dict[str, Any]


class Coding(Enum):
    """How a socket's messages are written."""

    BINARY = "binary"
    TEXT = "text"
    MSGPACK = "msgpack"
    SSE = "sse"  # not a socket's: a server-sent event


def chosen_coding(headers: list[tuple[bytes, bytes]], query: bytes) -> Coding:
    """Return what an upgrade request asks for; anything unknown means the default."""
    for name, value in headers:
        if name.lower() == b"content-type" and value.split(b";")[0].strip().lower() == b"application/msgpack":
            return Coding.MSGPACK
    if parse_qs(query.decode("latin-1")).get("frames") == ["text"]:
        return Coding.TEXT
    return Coding.BINARY


# --- To the client --------------------------------------------------------------------------------


class Message:
    """One message for any number of sockets: encoded once for each coding that one of them uses."""

    __slots__ = ("_body", "_encoded")

    def __init__(self, body: Body) -> None:
        self._body = body
        self._encoded: dict[Coding, bytes | str] = {}

    def encoded(self, coding: Coding) -> bytes | str:
        """Return the frame's content: text for a text frame, bytes for a binary one."""
        content = self._encoded.get(coding)
        if content is None:
            content = self._encoded[coding] = _encode(self._body, coding)
        return content


def _encode(body: Body, coding: Coding) -> bytes | str:
    if coding is Coding.MSGPACK:
        return msgspec.msgpack.encode(body)
    content = msgspec.json.encode(body)
    return content.decode() if coding is Coding.TEXT else content


def authorization(action: str, *, is_authorized: bool) -> Message:
    """Return the answer to a log-in, or to an action that needed one."""
    status = "authorized" if is_authorized else "unauthorized"
    return Message({"stream": "authorization", "data": {"status": status, "action": action}})


def listening(streams: list[str]) -> Message:
    """Return the acknowledgement of a listen: the complete set that is in force."""
    return Message({"stream": "listening", "data": {"streams": streams}})


class Update(Message):
    """One event of the account's log: `seq` in it, at market time `at`.

    As a server-sent event its data has further names beside those of a socket's message.
    """

    __slots__ = ("_event", "at", "seq")

    def __init__(self, data: Body, *, event_id: str, seq: int, at: datetime) -> None:
        super().__init__({"stream": TRADE_UPDATES, "data": {**data, "event_id": event_id}})
        self._event = {"at": data["timestamp"], "event_id": event_id, **data}
        self.seq = seq
        self.at = at

    def encoded(self, coding: Coding) -> bytes | str:
        """Return the frame's content, or the whole server-sent event."""
        if coding is Coding.SSE and coding not in self._encoded:
            line = msgspec.json.encode(self._event)
            self._encoded[coding] = b"id: %b\ndata: %b\n\n" % (self._event["event_id"].encode(), line)
        return super().encoded(coding)


def error(text: str) -> Message:
    """Return the error message; what comes after it is a close."""
    return Message({"action": "error", "data": {"error_message": text}})


# --- From the client ------------------------------------------------------------------------------


class Credentials(msgspec.Struct, frozen=True):
    """A log-in: a key pair, or the same in one word."""

    key_id: str = ""
    secret_key: str = ""
    oauth_token: str = ""


class Streams(msgspec.Struct, frozen=True):
    """The complete new set of streams; with `since_id`, first all that came after that event."""

    streams: Annotated[list[str], msgspec.Meta(max_length=STREAMS_MAX)]
    since_id: str = ""


class Authenticate(msgspec.Struct, frozen=True, tag_field="action", tag="authenticate"):
    """The client says who it is."""

    data: Credentials


class Auth(msgspec.Struct, frozen=True, tag_field="action", tag="auth"):
    """The same as the data streams have it, which the documents of this one show too."""

    key: str
    secret: str


class Listen(msgspec.Struct, frozen=True, tag_field="action", tag="listen"):
    """The client says what it wants to hear."""

    data: Streams


class Unreadable(ValueError):
    """A client's message is not one of the protocol's; the text may be told to the client."""


Request = Authenticate | Listen

_json: msgspec.json.Decoder[Request | Auth] = msgspec.json.Decoder(Request | Auth)
_msgpack: msgspec.msgpack.Decoder[Request | Auth] = msgspec.msgpack.Decoder(Request | Auth)


def read(content: str | bytes, coding: Coding) -> Request:
    """Return what the client asks. Raises Unreadable."""
    is_msgpack = coding is Coding.MSGPACK and isinstance(content, bytes)
    raw = content.encode() if isinstance(content, str) else content
    try:
        asked = _msgpack.decode(raw) if is_msgpack else _json.decode(raw)
    except msgspec.ValidationError as bad:
        text = f"invalid message: {bad}"[:ERROR_CHARACTERS_MAX]
        raise Unreadable(text) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = "malformed MessagePack" if is_msgpack else "malformed JSON"
        raise Unreadable(text) from None
    if isinstance(asked, Auth):
        return Authenticate(data=Credentials(key_id=asked.key, secret_key=asked.secret))
    return asked
