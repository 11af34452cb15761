"""`/v2/events/trades`: from any point of the log to the present, without a gap and without a repeat."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import ApiKey
from tests.factories.rows import NOON, SECRET, make_event, make_order, make_reset
from tests.metering import counted
from tests.stream.peer import AUTHORIZED, LISTENING, Peer, authorized, log_in, running, unauthorized
from tests.stream.sse_client import Reading, key_headers, opened
from trading.doorbells import ring_credentials
from trading.models import OrderEvent, TradingAccount
from trading.stream import sse
from trading.stream.event_ids import NotAnEventId, event_id, sequence_of
from trading.stream.outbox import Room
from trading.stream.service import Limits

if TYPE_CHECKING:
    from tests.factories.sessions import Session
    from tests.stream.conftest import Trader

TOLD_OF = ("pending_new", "held", "triggered")


def logged(trader: Trader) -> list[tuple[str, str]]:
    """Return what the account's log has to tell: the order and the event."""
    rows = OrderEvent.objects.filter(account=trader.account).exclude(kind__in=TOLD_OF).order_by("seq")
    return [(str(order_id), kind) for order_id, kind in rows.values_list("order_id", "kind")]


def heard(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["order"]["id"], event["event"]) for event in events]


def test_an_event_has_the_fields_that_its_readers_know(trader: Trader) -> None:
    async def scenario() -> dict[str, Any]:
        async with running() as app:
            reading = await opened(app, trader.key)
            order = trader.place(quantity="10", limit_price="100")
            trader.desk.decide((order, "new"), (order, "fill", "10", "99.5"))
            trader.ring()
            _, fill = await reading.events(2)
            await reading.leave()
            return fill

    lag = counted("raxx_event_lag_seconds_count", transport="sse")
    fill = asyncio.run(scenario())
    assert counted("raxx_event_lag_seconds_count", transport="sse") == lag + 2
    assert {
        "at",
        "event_id",
        "event",
        "execution_id",
        "order",
        "position_qty",
        "price",
        "qty",
        "timestamp",
    } == set(fill)
    assert (fill["event"], fill["price"], fill["qty"], fill["position_qty"]) == ("fill", "99.5", "10", "10")
    assert fill["order"]["status"] == "filled"
    assert sequence_of(fill["event_id"]) == 3


def test_without_a_beginning_it_tells_what_comes_from_now_on(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            trader.place_working()
            reading = await opened(app, trader.key)
            late = trader.place_working()
            trader.ring()
            [event] = await reading.events(1)
            await reading.leave()
            return [str(late), event["order"]["id"]]

    late, told = asyncio.run(scenario())
    assert late == told


@pytest.mark.parametrize("name", ["since_id", "header", "bare"])
def test_it_resumes_after_any_id(trader: Trader, name: str) -> None:
    for _ in range(6):
        trader.place_working()
    everything = logged(trader)

    async def scenario() -> None:
        async with running() as app:
            first = await opened(app, trader.key, since_id="0")
            told = await first.events(6)
            await first.leave()
            assert heard(told) == everything
            for cut in range(6):
                last = told[cut]["event_id"]
                if name == "header":
                    again = await opened(
                        app, trader.key, headers={**key_headers(trader.key), "Last-Event-ID": last}
                    )
                else:
                    since = last if name == "since_id" else str(sequence_of(last))
                    again = await opened(app, trader.key, since_id=since)
                assert heard(await again.events(5 - cut)) == everything[cut + 1 :]
                await again.leave()

    asyncio.run(scenario())


def test_what_happens_while_the_past_is_read_comes_after_it(trader: Trader) -> None:
    for _ in range(5):
        trader.place_working()

    async def scenario() -> list[dict[str, Any]]:
        async with running(Limits(room=Room(messages=4))) as app:
            reading = Reading(app, key_headers(trader.key), since_id="0")
            await reading.start()
            reading.stop_reading()  # the past does not fit the outbox, and waits
            for _ in range(3):
                trader.place_working()
            trader.ring()
            await asyncio.sleep(0)
            reading.read_on()
            told = await reading.events(8)
            await reading.leave()
            return told

    assert heard(asyncio.run(scenario())) == logged(trader)


def test_it_begins_with_an_instant_and_ends_with_one(trader: Trader) -> None:
    order = make_order(trader.account, trader.asset)
    for seq, minute in enumerate((0, 1, 2, 3), start=1):
        make_event(
            trader.account, order, seq=seq, kind="new", status="new", at=NOON + timedelta(minutes=minute - 10)
        )
    TradingAccount.objects.update(event_seq=4)

    async def scenario(**window: str) -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key, **window)
            return await reading.rest()

    def at(minute: int) -> str:
        return (NOON + timedelta(minutes=minute - 10)).isoformat()

    assert len(asyncio.run(scenario(since=at(1), until=at(2)))) == 2
    assert len(asyncio.run(scenario(since_id="0", until=at(0)))) == 1
    assert len(asyncio.run(scenario(since_id="0", until_id="3"))) == 3
    assert len(asyncio.run(scenario(since=at(0), until_id="4"))) == 4
    assert asyncio.run(scenario(since=at(3), until=at(1))) == []


def test_a_generation_is_both_bounds_and_is_resumed_within(trader: Trader) -> None:
    order = make_order(trader.account, trader.asset)
    for seq in range(1, 7):
        make_event(trader.account, order, seq=seq, kind="new", status="new")
    TradingAccount.objects.update(event_seq=6, generation=3)
    for generation, seq in ((2, 2), (3, 5)):
        make_reset(trader.account, generation=generation, at=NOON, recorded_at=NOON, event_seq=seq)
    make_reset(trader.account, generation=4)  # waits

    async def scenario(**window: str) -> list[int]:
        async with running() as app:
            reading = await opened(app, trader.key, **window)
            blocks = await reading.rest()
        return [sequence_of(block.splitlines()[0].removeprefix("id: ")) for block in blocks]

    assert asyncio.run(scenario(generation="1")) == [1, 2]
    assert asyncio.run(scenario(generation="2")) == [3, 4, 5]
    assert asyncio.run(scenario(generation="2", since_id="3")) == [4, 5]
    assert asyncio.run(scenario(generation="2", since_id="1", until_id="4")) == [3, 4]
    assert asyncio.run(scenario(generation="3", until_id="6")) == [6]  # the present one has no end


def test_an_end_that_is_yet_to_come_is_waited_for(trader: Trader) -> None:
    async def scenario() -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key, until_id="4")
            for _ in range(3):
                trader.place_working()  # two events each: the third order is beyond the end
            trader.ring()
            return await reading.rest()

    assert len(asyncio.run(scenario())) == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"since_id": "nonsense"}, "since_id is not an event's id"),
        ({"since_id": "7"}, "since_id is not an event of this account"),
        ({"until_id": "U" * 26}, "until_id is not an event's id"),
        ({"generation": "2"}, "the account has had no such generation"),
        ({"generation": "last"}, "generation must be a number from 1 to 2147483646"),
        ({"since": "yesterday"}, "since is neither an RFC 3339 instant nor a date"),
        ({"until": "2013-13-01"}, "until is neither an RFC 3339 instant nor a date"),
    ],
)
def test_a_bound_that_cannot_be_is_refused_in_words(
    trader: Trader, query: dict[str, str], words: str
) -> None:
    async def scenario() -> tuple[int, dict[str, Any]]:
        async with running() as app:
            return await Reading(app, key_headers(trader.key), **query).refusal()

    assert asyncio.run(scenario()) == (422, {"code": 40010001, "message": words})


def test_every_form_of_a_credential_opens_it_and_a_wrong_one_does_not(trader: Trader) -> None:
    key, pair = trader.key, f"{trader.key.key_id}:{SECRET}"
    good = [
        key_headers(key),
        {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()},
        {"Authorization": f"Bearer {key.key_id}.{SECRET}"},
    ]
    bad: list[dict[str, str]] = [
        {},
        key_headers(key, "wrong"),
        {"Authorization": f"Bearer {key.key_id}.wrong"},
        {"Authorization": "Bearer nonsense"},
        {**key_headers(key), "Authorization": f"Bearer {key.key_id}.{SECRET}"},
    ]

    async def scenario() -> None:
        async with running() as app:
            for headers in good:
                reading = await opened(app, key, headers=headers)
                await reading.leave()
            for headers in bad:
                refusal = await Reading(app, headers).refusal()
                assert refusal == (401, {"code": 40110000, "message": "unauthorized."})

    asyncio.run(scenario())


def test_a_key_opens_it_from_its_addresses_only(trader: Trader) -> None:
    ApiKey.objects.filter(pk=trader.key.pk).update(addresses=["192.0.2.0/24"])

    async def scenario() -> list[int]:
        async with running() as app:
            statuses = []
            for address, headers in (
                ("192.0.2.9", {}),
                ("203.0.113.1", {}),
                ("203.0.113.1", {"X-Forwarded-For": "192.0.2.9"}),
            ):
                reading = Reading(app, {**key_headers(trader.key), **headers}, address=address)
                status, _ = await reading.start()
                statuses.append(status)
                if status == 200:
                    await reading.leave()
            peer = Peer(app, address="203.0.113.1")
            peer.say(log_in(trader.key))
            assert await peer.message() == unauthorized("authenticate")
            await peer.leave()
            return statuses

    assert asyncio.run(scenario()) == [200, 401, 401]


def test_only_get_is_served(trader: Trader) -> None:
    async def scenario() -> tuple[int, dict[str, str]]:
        async with running() as app:
            return await Reading(app, key_headers(trader.key), method="POST").start()

    status, headers = asyncio.run(scenario())
    assert (status, headers["allow"]) == (405, "GET")


def test_a_revoked_key_hears_no_more_and_is_told_why(trader: Trader, owner: Session) -> None:
    async def scenario() -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key)
            owner.execute("update accounts_apikey set revoked_at = now()")
            ring_credentials()
            return await reading.rest()

    [last] = asyncio.run(scenario())
    assert last == 'event: error\ndata: {"message":"the key was revoked or has expired"}'


def test_who_does_not_read_is_told_and_dropped(trader: Trader) -> None:
    async def scenario() -> list[str]:
        async with running(Limits(room=Room(messages=3), farewell_s=30.0)) as app:
            reading = await opened(app, trader.key)
            reading.stop_reading()
            for _ in range(6):
                trader.place_working()
            trader.ring()
            assert app.service is not None
            [stream] = app.service._sockets
            while not stream._outbox._is_closed:
                app.service.reader.ring_all()
                await asyncio.sleep(0.01)  # the reader works in another task
            reading.read_on()
            return await reading.rest()

    blocks = asyncio.run(scenario())
    assert blocks[-1] == 'event: error\ndata: {"message":"slow client: too many messages are waiting"}'
    assert len(blocks) <= 4


def test_a_server_that_stops_ends_the_answer_so_that_the_client_comes_again(trader: Trader) -> None:
    async def scenario() -> list[str]:
        async with running() as app:
            reading = await opened(app, trader.key)
            assert app.service is not None
            await app.service.drain()
            return await reading.rest()

    assert asyncio.run(scenario()) == []


def test_silence_is_broken_by_comments(trader: Trader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse.EventStream, "keep_alive_s", 0.01)

    async def scenario() -> list[str | None]:
        async with running() as app:
            reading = await opened(app, trader.key)
            comments = [await reading.block(), await reading.block()]
            trader.place_working()
            trader.ring()
            await reading.events(1)
            await reading.leave()
            return comments

    assert asyncio.run(scenario()) == [": keep-alive", ": keep-alive"]


def test_an_account_has_only_so_many_streams_of_either_kind(trader: Trader) -> None:
    async def scenario() -> tuple[int, dict[str, Any]]:
        async with running(Limits(sockets_an_account=2)) as app:
            peer = await authorized(app, trader.key)
            reading = await opened(app, trader.key)
            refusal = await Reading(app, key_headers(trader.key)).refusal()
            await reading.leave()
            again = await opened(app, trader.key)
            await again.leave()
            await peer.leave()
            return refusal

    status, body = asyncio.run(scenario())
    assert (status, body["code"]) == (429, 42910000)


# --- The WebSocket resumes too --------------------------------------------------------------------


def test_a_socket_resumes_after_an_id_and_goes_on_with_the_present(trader: Trader) -> None:
    for _ in range(4):
        trader.place_working()

    async def scenario() -> list[dict[str, Any]]:
        async with running() as app:
            peer = await authorized(app, trader.key)
            peer.say({"action": "listen", "data": {"streams": ["trade_updates"], "since_id": "2"}})
            assert await peer.message() == LISTENING
            told = await peer.updates(3)
            trader.place_working()
            trader.ring()
            told += await peer.updates(1)
            await peer.leave()
            return told

    told = asyncio.run(scenario())
    assert heard(told) == logged(trader)[1:]
    assert [sequence_of(one["event_id"]) for one in told] == [4, 6, 8, 10]


@pytest.mark.parametrize("since_id", ["nonsense", "99"])
def test_a_socket_that_names_no_event_is_closed_with_the_reason(trader: Trader, since_id: str) -> None:
    async def scenario() -> tuple[list[Any], tuple[int, str]]:
        async with running() as app:
            peer = await authorized(app, trader.key)
            peer.say({"action": "listen", "data": {"streams": ["trade_updates"], "since_id": since_id}})
            return await peer.end()

    _, (code, reason) = asyncio.run(scenario())
    assert code == 1008
    assert reason.startswith("since_id is not an event")


def test_a_socket_logs_in_with_the_words_of_the_data_streams(trader: Trader) -> None:
    async def scenario() -> list[Any]:
        async with running() as app:
            answers = []
            for secret in (SECRET, "another"):
                peer = Peer(app)
                peer.say({"action": "auth", "key": trader.key.key_id, "secret": secret})
                answers.append(await peer.message())
                await peer.leave()
            return answers

    assert asyncio.run(scenario()) == [AUTHORIZED, unauthorized("authenticate")]


def test_a_socket_logs_in_with_a_token(trader: Trader) -> None:
    token = f"{trader.key.key_id}.{SECRET}"

    async def scenario() -> list[Any]:
        async with running() as app:
            answers = []
            for data in (
                {"oauth_token": token},
                {"oauth_token": token + "x"},
                {"oauth_token": token, "key_id": trader.key.key_id, "secret_key": SECRET},
            ):
                peer = Peer(app)
                peer.say({"action": "authenticate", "data": data})
                answers.append(await peer.message())
                await peer.leave()
            return answers

    assert asyncio.run(scenario()) == [AUTHORIZED, unauthorized("authenticate"), unauthorized("authenticate")]


# --- Ids ------------------------------------------------------------------------------------------


def test_an_id_has_a_ulids_shape_sorts_by_time_and_gives_the_sequence_back() -> None:
    ids = [event_id(seq, NOON + timedelta(seconds=n)) for n, seq in enumerate((1, 2, 1_000, 2**62))]
    assert ids == sorted(ids)
    assert {len(one) for one in ids} == {26}
    assert [sequence_of(one) for one in ids] == [1, 2, 1_000, 2**62]
    assert sequence_of(ids[0].lower()) == 1


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "I" * 26, "Z" * 26, "0" * 25, "9" * 30])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(NotAnEventId):
        sequence_of(text)


def test_leaving_while_the_past_is_told_ends_at_once(trader: Trader) -> None:
    for _ in range(8):
        trader.place_working()

    async def scenario() -> None:
        async with running(Limits(room=Room(messages=2))) as app:
            peer = await authorized(app, trader.key)
            peer.stop_reading()
            peer.say({"action": "listen", "data": {"streams": ["trade_updates"], "since_id": "0"}})
            await asyncio.sleep(0)
            peer.read_on()
            await peer.leave()
            assert app.service is not None
            assert app.service._sockets == set()

    asyncio.run(scenario())
