"""The conversation before the first update: log-in, listen, the ways to write, and what ends it."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from django.utils import timezone

from tests.factories.rows import make_api_key
from tests.stream.peer import (
    AUTHORIZED,
    LISTEN,
    LISTENING,
    Peer,
    authorized,
    listening,
    log_in,
    running,
    unauthorized,
)
from trading.doorbells import ring_credentials
from trading.stream import service
from trading.stream.outbox import Room
from trading.stream.service import Limits

if TYPE_CHECKING:
    from accounts.models import ApiKey
    from tests.factories.sessions import Session
    from tests.stream.conftest import Trader

FOREVER_S = 3600.0


def error(text: str) -> dict[str, Any]:
    return {"action": "error", "data": {"error_message": text}}


def test_the_server_says_nothing_before_it_is_spoken_to(trader: Trader) -> None:
    async def scenario() -> bool:
        async with running() as app:
            peer = Peer(app)
            assert (await peer.event())["type"] == "websocket.accept"
            # Somebody else's whole conversation passes meanwhile.
            other = await listening(app, trader.key)
            trader.place_working()
            await other.updates(1)
            return peer.is_silent()

    assert asyncio.run(scenario())


def test_listening_without_a_log_in_is_refused_and_a_log_in_still_works(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            peer = Peer(app)
            peer.say(LISTEN)
            peer.say(log_in(trader.key))
            peer.say(LISTEN)
            return await peer.messages(3)

    assert asyncio.run(scenario()) == [unauthorized("listen"), AUTHORIZED, LISTENING]


@pytest.fixture
def keys(trader: Trader) -> dict[str, ApiKey]:
    """Return keys that open nothing, each for another reason."""
    past = timezone.now() - timedelta(minutes=1)
    return {
        "revoked": make_api_key(trader.account, revoked_at=past),
        "expired": make_api_key(trader.account, expires_at=past),
        "may not read": make_api_key(trader.account, scopes=["operator"]),
    }


@pytest.mark.parametrize("why", ["revoked", "expired", "may not read"])
def test_a_key_that_opens_nothing_is_refused(keys: dict[str, ApiKey], why: str) -> None:
    assert asyncio.run(_first_answers(log_in(keys[why]))) == [unauthorized("authenticate")]


@pytest.mark.parametrize(
    "credentials",
    [
        {"key_id": "PKNOBODY", "secret_key": "x"},
        {"key_id": "", "secret_key": ""},
        {},
        {"key_id": "PK\u0000", "secret_key": "x"},
        {"key_id": "PKé", "secret_key": "é"},
        {"oauth_token": "a token"},
    ],
)
def test_credentials_that_nobody_has_are_refused(
    transactional_db: None, valkey: Any, credentials: Any
) -> None:
    message = {"action": "authenticate", "data": credentials}

    assert asyncio.run(_first_answers(message)) == [unauthorized("authenticate")]


def test_a_wrong_secret_and_a_token_beside_a_good_key_are_refused(trader: Trader) -> None:
    wrong = log_in(trader.key, secret="another")
    with_token = log_in(trader.key)
    with_token["data"]["oauth_token"] = "a token"

    assert asyncio.run(_first_answers(wrong, with_token)) == [unauthorized("authenticate")] * 2


async def _first_answers(*messages: Any) -> list[Any]:
    async with running() as app:
        peer = Peer(app)
        for message in messages:
            peer.say(message)
        return await peer.messages(len(messages))


def test_a_socket_is_closed_after_three_refusals(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = Peer(app)
            for _ in range(5):
                peer.say(LISTEN)
            return await peer.end()

    told, (code, reason) = asyncio.run(scenario())

    assert (told, code, reason) == ([unauthorized("listen")] * 3, 1008, "too many unauthorized messages")


def test_after_repeated_failures_a_key_is_not_looked_up_at_that_address_but_is_elsewhere(
    trader: Trader,
) -> None:
    async def scenario() -> Any:
        async with running() as app:
            for _ in range(2):
                peer = Peer(app, address="192.0.2.1")
                for _ in range(3):
                    peer.say(log_in(trader.key, secret="wrong"))
                await peer.end()
            blocked = Peer(app, address="192.0.2.1")
            blocked.say(log_in(trader.key))
            elsewhere = await authorized(app, trader.key, address="192.0.2.2")
            await elsewhere.leave()
            return await blocked.end()

    told, (code, reason) = asyncio.run(scenario())

    assert (told, code, reason) == ([unauthorized("authenticate")], 1008, "too many failed log-ins")


@pytest.mark.parametrize(
    ("garbage", "text"),
    [
        ("{", "malformed JSON"),
        (b"\xff\xfe", "malformed JSON"),
        ('{"action":"listen","x":' + "[" * 9_000, "malformed JSON"),
        ('{"action":"\\ud800"}', "malformed JSON"),
        ("[]", "invalid message: Expected `object`, got `array`"),
        ('{"action":"dance"}', "invalid message: Invalid value 'dance' - at `$.action`"),
        (
            '{"action":"listen","data":{"streams":"trade_updates"}}',
            "invalid message: Expected `array`, got `str`",
        ),
        ('{"action":"authenticate","data":{"key_id":7}}', "invalid message: Expected `str`, got `int`"),
        ("x" * 16_385, "a message is at most 16384 bytes"),
    ],
)
def test_garbage_is_answered_with_an_error_and_a_close(
    transactional_db: None, valkey: Any, garbage: str | bytes, text: str
) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = Peer(app)
            peer.say(garbage)
            return await peer.end()

    told, (code, _) = asyncio.run(scenario())

    assert [message["data"]["error_message"].partition(" - at `$.data")[0] for message in told] == [text]
    assert told[0]["action"] == "error"
    assert code in {1007, 1009}


def test_a_second_log_in_ends_the_connection(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = await authorized(app, trader.key)
            peer.say(log_in(trader.key))
            return await peer.end()

    assert asyncio.run(scenario()) == ([error("already authenticated")], (1008, "already authenticated"))


def test_who_does_not_log_in_is_closed_in_time_and_who_does_stays(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running(Limits(log_in_s=0.05)) as app:
            idle = Peer(app)
            end = await idle.end()
            busy = await listening(app, trader.key)
            await (second := Peer(app)).end()  # its deadline, set later, is over
            trader.place_working()
            return end, await busy.updates(1), second.life.done()

    (told, close), updates, is_over = asyncio.run(scenario())

    assert (told, close) == ([], (1008, "not authenticated in time"))
    assert (len(updates), is_over) == (1, True)


def test_a_key_that_is_revoked_ends_its_sockets_and_no_others(
    trader: Trader, owner: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BEAT_S", FOREVER_S)
    other_key = make_api_key(trader.account)

    async def scenario() -> Any:
        async with running() as app:
            revoked, other = await listening(app, trader.key), await listening(app, other_key)
            owner.execute(
                "update accounts_apikey set revoked_at = now() where key_id = %s", [trader.key.key_id]
            )
            ring_credentials()
            end = await revoked.end()
            trader.place_working()
            trader.ring()
            return end, await other.updates(1)

    (told, (code, _)), updates = asyncio.run(scenario())

    assert (told, code) == ([error("the key was revoked or has expired")], 1008)
    assert len(updates) == 1


@pytest.mark.parametrize(
    "end_it",
    [
        "update accounts_apikey set revoked_at = now()",
        "update accounts_apikey set expires_at = now()",
        "update accounts_apikey set scopes = array['operator']",
        "update accounts_user set is_active = false",
    ],
)
def test_the_beat_finds_out_that_a_key_is_no_longer_good(trader: Trader, owner: Session, end_it: Any) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = await listening(app, trader.key)
            owner.execute(end_it)
            return await peer.end()

    assert asyncio.run(scenario())[1][0] == 1008


def test_an_account_has_so_many_sockets_and_one_that_leaves_makes_room(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running(Limits(sockets_an_account=2)) as app:
            first, _second = await authorized(app, trader.key), await authorized(app, trader.key)
            third = Peer(app)
            third.say(log_in(trader.key))
            refusal = await third.end()
            await first.leave()
            await authorized(app, trader.key)
            return refusal

    assert asyncio.run(scenario()) == (
        [error("connection limit exceeded")],
        (1008, "connection limit exceeded"),
    )


def test_a_full_process_refuses_the_handshake(transactional_db: None, valkey: Any) -> None:
    async def scenario() -> Any:
        async with running(Limits(sockets=1)) as app:
            Peer(app)
            refused = Peer(app)
            return await refused.event(), await refused.event()

    start, body = asyncio.run(scenario())

    assert (start["status"], json.loads(body["body"])["code"]) == (503, 50310000)


def test_a_reader_who_falls_behind_is_told_so_and_closed_and_the_others_are_not(trader: Trader) -> None:
    async def scenario() -> Any:
        async with running(Limits(room=Room(messages=5), farewell_s=FOREVER_S)) as app:
            slow, quick = await listening(app, trader.key), await listening(app, trader.key)
            slow.stop_reading()
            heard = []
            for _ in range(10):
                trader.place_working(quantity="1")
                trader.ring()
                heard += await quick.updates(1)  # so the slow one's has been queued too
            slow.read_on()
            return heard, await slow.end()

    heard, (told, (code, _)) = asyncio.run(scenario())

    assert len(heard) == 10
    assert told[-1] == error("slow client: too many messages are waiting")
    assert len(told) == 2  # the one that was on its way, and the error
    assert code == 1008


def test_a_reader_who_never_reads_again_is_let_go(trader: Trader) -> None:
    async def scenario() -> None:
        async with running(Limits(room=Room(content_bytes=3_000), farewell_s=0.01)) as app:
            slow = await listening(app, trader.key)
            slow.stop_reading()
            for _ in range(5):
                trader.place_working(quantity="1")
            trader.ring()
            await asyncio.wait_for(slow.life, 20)
            await listening(app, trader.key)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("options", "kind", "decode"),
    [
        pytest.param({}, bytes, json.loads, id="binary JSON"),
        pytest.param({"query": b"frames=text"}, str, json.loads, id="text JSON"),
        pytest.param(
            {"headers": ((b"content-type", b"application/msgpack"),)},
            bytes,
            msgspec.msgpack.decode,
            id="MessagePack",
        ),
    ],
)
def test_messages_are_written_as_the_client_chose(
    trader: Trader, options: Any, kind: type, decode: Any
) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            reference = await listening(app, trader.key)
            peer = Peer(app, **options)
            for message in (log_in(trader.key), LISTEN):
                is_msgpack = decode is msgspec.msgpack.decode
                peer.say(msgspec.msgpack.encode(message) if is_msgpack else json.dumps(message).encode())
            frames = [await peer.frame(), await peer.frame()]
            order = trader.place_working()
            trader.desk.decide((order, "fill", "10", "100"))
            frames += [await peer.frame(), await peer.frame()]
            assert {type(frame) for frame in frames} == {kind}
            return [
                [decode(frame) for frame in frames],
                [AUTHORIZED, LISTENING, *await reference.messages(2)],
            ]

    told, expected = asyncio.run(scenario())

    assert told == expected


def test_when_the_process_stops_a_client_is_told_what_was_queued_and_that_it_may_come_again(
    trader: Trader,
) -> None:
    async def scenario() -> Any:
        async with running() as app:
            peer = await listening(app, trader.key)
            trader.place_working()
            await peer.updates(1)
        late = Peer(app)
        return await peer.end(), await late.event()

    (told, close), refusal = asyncio.run(scenario())

    assert (told, close) == ([], (1001, "the server is stopping"))
    assert refusal["status"] == 503


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/health/live", 200, {"status": "live"}),
        ("GET", "/", 404, {"code": 40410000, "message": "endpoint not found"}),
        ("POST", "/v2/orders", 404, {"code": 40410000, "message": "endpoint not found"}),
        ("GET", "/stream", 404, {"code": 40410000, "message": "endpoint not found"}),
    ],
)
def test_plain_http_is_answered_in_json(method: str, path: str, status: int, body: Any) -> None:
    async def scenario() -> list[Any]:
        from trading.stream.app import StreamApp

        told: list[Any] = []

        async def send(event: Any) -> None:
            told.append(event)

        async def receive() -> Any:
            raise AssertionError("the body of such a request is not read")

        def no_service() -> Any:
            raise AssertionError("a request needs none")

        app = StreamApp(no_service, takes_sigterm=False)
        await app({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
        return told

    start, content = asyncio.run(scenario())

    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"application/json"
    request_id = headers[b"x-request-id"].decode()
    expected = body if status == 200 else {**body, "request_id": request_id}
    assert (start["status"], json.loads(content["body"])) == (status, expected)
    assert len(request_id) == 32


def test_a_websocket_to_another_path_is_refused_with_404(transactional_db: None, valkey: Any) -> None:
    async def scenario() -> Any:
        async with running() as app:
            return await Peer(app, path="/v2/stream").event()

    assert asyncio.run(scenario())["status"] == 404
