"""A connection to the stream process has an id as any request has, and its log lines name it and its owner."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from accounts import tracing
from tests.factories.rows import SECRET
from tests.stream.peer import LISTEN, Peer, authorized, log_in, running
from tests.stream.sse_client import Reading, key_headers
from trading.stream.socket import Socket
from trading.stream.sse import EventStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stream.conftest import Trader

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
OWN = r"[0-9a-f]{32}"


class Noting(logging.Handler):
    """Notes for each line what was known of the request then."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, tracing.Trace]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), tracing.current()))


@contextmanager
def noting() -> Iterator[list[tuple[str, tracing.Trace]]]:
    handler = Noting()
    logging.getLogger("trading").addHandler(handler)
    try:
        yield handler.lines
    finally:
        logging.getLogger("trading").removeHandler(handler)


def known(trace: tracing.Trace) -> tuple[Any, ...]:
    return trace.request_id, trace.user_id, trace.account_id, trace.actor


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"X-Request-ID": "mine.1", "traceparent": TRACEPARENT}, "mine[.]1", id="its own"),
        pytest.param({"traceparent": TRACEPARENT}, TRACE_ID, id="its trace's"),
        pytest.param({"X-Request-ID": "two words"}, OWN, id="one that cannot be"),
        pytest.param({}, OWN, id="none"),
    ],
)
def test_every_answer_carries_the_caller_s_id_or_one_of_its_own(
    trader: Trader, headers: dict[str, str], expected: str
) -> None:
    raw = tuple((name.lower().encode(), value.encode()) for name, value in headers.items())

    async def scenario() -> list[str]:
        async with running() as app:
            reading = Reading(app, {**key_headers(trader.key), **headers})
            _, events = await reading.start()
            await reading.leave()
            _, refused = await Reading(app, headers).start()
            accepted = Peer(app, headers=raw)
            handshake = dict((await accepted.event())["headers"])
            await accepted.leave()
            elsewhere = dict((await Peer(app, path="/elsewhere", headers=raw).event())["headers"])
        plain = [events["x-request-id"], refused["x-request-id"]]
        return plain + [found[b"x-request-id"].decode() for found in (handshake, elsewhere)]

    found = asyncio.run(scenario())

    assert [re.fullmatch(expected, one) is not None for one in found] == [True] * 4
    assert len(set(found)) == (4 if expected == OWN else 1)


def test_a_handshake_that_is_refused_says_its_id_in_the_body(transactional_db: None, valkey: Any) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = Peer(app, path="/elsewhere", headers=((b"x-request-id", b"mine.1"),))
            await peer.event()
            return json.loads((await peer.event())["body"])

    body = {"code": 40410000, "message": "endpoint not found", "request_id": "mine.1"}
    assert asyncio.run(scenario()) == body


def test_a_socket_s_lines_name_its_id_and_from_its_log_in_on_its_owner(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Socket, "_listen", broken)

    async def scenario() -> None:
        async with running() as app:
            peer = Peer(app, headers=((b"x-request-id", b"mine.1"),))
            peer.say(log_in(trader.key, "wrong"))
            peer.say(log_in(trader.key))
            peer.say(LISTEN)
            await peer.end()

    with noting() as lines:
        asyncio.run(scenario())

    (refused, stranger), (failed, owner) = lines
    assert (refused.split(":")[0], known(stranger)) == (
        "stream log-in refused",
        ("mine.1", None, None, "system"),
    )
    account = trader.account
    assert (failed, known(owner)) == (
        "a socket failed",
        ("mine.1", account.user_id, account.pk, f"key:{trader.key.pk}"),
    )
    assert SECRET not in str(lines)


def test_a_secret_in_the_place_of_the_key_s_id_is_not_written_down(trader: Trader) -> None:
    async def scenario() -> None:
        async with running() as app:
            peer = Peer(app)
            peer.say({"action": "authenticate", "data": {"key_id": SECRET, "secret_key": trader.key.key_id}})
            await peer.message()
            await peer.leave()

    with noting() as lines:
        asyncio.run(scenario())

    [(line, _)] = lines
    assert line == f"stream log-in refused: key (no key id: {len(SECRET)} characters) from 192.0.2.1"


def test_a_line_after_the_conversation_names_the_owner_too(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with running() as app:
            peer = await authorized(app, trader.key, headers=((b"x-request-id", b"mine.1"),))

            async def gone(_event: Any) -> None:
                raise OSError("the client has gone")

            [socket] = app.service._sockets
            monkeypatch.setattr(socket, "_send", gone)
            peer.say(LISTEN)
            await asyncio.wait_for(peer.life, 20)

    logging.getLogger("trading").setLevel(logging.INFO)
    try:
        with noting() as lines:
            asyncio.run(scenario())
    finally:
        logging.getLogger("trading").setLevel(logging.NOTSET)

    [(_, trace)] = [line for line in lines if line[0].startswith("a socket could not be written to")]
    assert known(trace)[:3] == ("mine.1", trader.account.user_id, trader.account.pk)


def test_the_lines_of_an_event_stream_name_its_id_and_its_owner(
    trader: Trader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> bool:
        raise RuntimeError("a bug")

    monkeypatch.setattr(EventStream, "_tell_when_there_is_room", broken)
    trader.place_working()

    async def scenario() -> None:
        async with running() as app:
            headers = {**key_headers(trader.key), "X-Request-ID": "mine.1"}
            reading = Reading(app, headers, since_id=0)
            await reading.start()
            await asyncio.wait_for(reading.life, 20)

    with noting() as lines:
        asyncio.run(scenario())

    [(line, trace)] = lines
    assert line.endswith("cannot be told")
    assert known(trace)[:3] == ("mine.1", trader.account.user_id, trader.account.pk)


def test_two_connections_at_once_keep_their_ids_apart(trader: Trader, make_trader: Any) -> None:
    other = make_trader()

    async def scenario() -> None:
        async with running() as app:
            peers = []
            for name, key in ((b"one", trader.key), (b"two", other.key)):
                peers.append(await authorized(app, key, headers=((b"x-request-id", name),)))
            for peer in peers:
                peer.say(log_in(trader.key))  # again, which ends it
            for peer in peers:
                await peer.end()

    seen = []
    original = Socket._forget

    def forgetting(self: Socket) -> None:
        seen.append((self.principal, tracing.current().request_id))
        original(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Socket, "_forget", forgetting)
        asyncio.run(scenario())

    assert {(principal.key_id, name) for principal, name in seen if principal} == {
        (trader.key.key_id, "one"),
        (other.key.key_id, "two"),
    }
