"""Greeting, log-in, subscriptions and refusals of the data stream."""

from __future__ import annotations

import asyncio
import json

import msgpack
import pytest

from accounts.models import Tier
from tests.datastream.peer import (
    AUTHENTICATED,
    CONNECTED,
    MSGPACK,
    NOTHING,
    Closed,
    DataPeer,
    authenticated,
    error,
    running,
    subscribed,
)
from tests.factories.rows import SECRET
from tests.marketdata.conftest import TUESDAY
from trading.datastream.service import DataLimits
from trading.doorbells import ring_credentials
from trading.stream.outbox import Room

OPEN = (TUESDAY, 9, 30)


def play(scenario, limits=None):
    """Run a scenario with the application."""

    async def run():
        async with asyncio.timeout(30), running(limits) as app:
            return await scenario(app)

    return asyncio.run(run())


def test_the_greeting_comes_first_and_in_the_coding_that_was_chosen(pro):
    async def scenario(app):
        text, packed = DataPeer(app), DataPeer(app, headers=MSGPACK)
        return await text.frame(), await packed.frame()

    text, packed = play(scenario)

    assert json.loads(text) == CONNECTED
    assert isinstance(packed, bytes)
    assert msgpack.unpackb(packed) == CONNECTED


def test_an_acknowledgement_tells_the_whole_state(pro):
    async def scenario(app):
        peer = await authenticated(app, pro)
        peer.say({"action": "subscribe", "trades": ["MSFT", "IBM"], "bars": ["*"], "quotes": []})
        peer.say({"action": "subscribe", "trades": ["IBM"], "lulds": ["IBM"], "updatedBars": ["IBM"]})
        peer.say({"action": "unsubscribe", "trades": ["MSFT", "ZZZ"], "bars": ["*"]})
        return [await peer.message() for _ in range(3)]

    first, second, third = play(scenario)

    both = ["IBM", "MSFT"]
    assert first == [{**NOTHING, "trades": both, "corrections": both, "cancelErrors": both, "bars": ["*"]}]
    assert second == [{**first[0], "lulds": ["IBM"], "updatedBars": ["IBM"]}]
    one = ["IBM"]
    assert third == [{**second[0], "trades": one, "corrections": one, "cancelErrors": one, "bars": []}]


def test_a_wrong_secret_is_told_and_the_third_time_ends_it(pro):
    async def scenario(app):
        peer = DataPeer(app)
        for _ in range(3):
            peer.log_in(pro, "wrong")
        return await peer.end()

    told, (code, _) = play(scenario)

    assert told == [CONNECTED, *[error(402, "auth failed")] * 3]
    assert code == 1008


def test_key_headers_on_the_upgrade_request_are_a_log_in(pro):
    headers = ((b"apca-api-key-id", pro.key.pk.encode()), (b"APCA-API-SECRET-KEY", SECRET.encode()))

    async def scenario(app):
        peer = DataPeer(app, headers=headers)
        return [await peer.message() for _ in range(2)]

    assert play(scenario) == [CONNECTED, AUTHENTICATED]


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("{", error(400, "invalid syntax")),
        ({"action": "dance"}, error(400, "invalid syntax")),
        ({"action": "subscribe", "trades": "IBM"}, error(400, "invalid syntax")),
        ({"action": "subscribe", "trades": ["IBM"]}, error(401, "not authenticated")),
    ],
    ids=str,
)
def test_a_message_out_of_order_is_answered_and_the_log_in_still_works(pro, message, refused):
    async def scenario(app):
        peer = DataPeer(app)
        peer.say(message)
        peer.log_in(pro)
        return [await peer.message() for _ in range(3)]

    assert play(scenario) == [CONNECTED, refused, AUTHENTICATED]


def test_what_can_be_no_symbol_changes_nothing(pro):
    async def scenario(app):
        peer = await authenticated(app, pro)
        peer.say({"action": "subscribe", "trades": ["IBM", "not a symbol"]})
        peer.say({"action": "subscribe"})
        peer.log_in(pro)
        return [await peer.message() for _ in range(3)]

    assert play(scenario) == [error(400, "invalid syntax"), [NOTHING], error(403, "already authenticated")]


def test_who_never_logs_in_is_told_and_closed(pro):
    async def scenario(app):
        return await DataPeer(app).end()

    told, (code, _) = play(scenario, DataLimits(log_in_s=0.01))

    assert (told, code) == ([CONNECTED, error(404, "auth timeout")], 1008)


def test_a_key_has_one_connection_at_a_path(pro):
    async def scenario(app):
        first = await authenticated(app, pro)
        elsewhere = await authenticated(app, pro, path="/v2/test")
        second = DataPeer(app)
        second.log_in(pro)
        refused = await second.end()
        await first.leave()
        await (await authenticated(app, pro)).leave()
        await elsewhere.leave()
        return refused

    told, (code, _) = play(scenario)

    assert (told, code) == ([CONNECTED, error(406, "connection limit exceeded")], 1008)


def test_a_free_tier_has_thirty_symbols(free, pro):
    many = [f"S{number}" for number in range(31)]

    async def scenario(app):
        peer = await authenticated(app, free)
        answers = []
        for wanted in (
            {"trades": many},
            {"quotes": ["*"]},
            {"trades": many[:30], "bars": ["*"]},
            {"quotes": many[:31]},
        ):
            peer.say({"action": "subscribe", **wanted})
            answers.append(await peer.message())
        rich = await authenticated(app, pro)
        rich.say({"action": "subscribe", "trades": many, "quotes": ["*"]})
        return answers, await rich.message()

    (first, second, third, fourth), rich = play(scenario)

    assert [first, second, fourth] == [error(405, "symbol limit exceeded")] * 3
    assert (len(third[0]["trades"]), third[0]["bars"], third[0]["quotes"]) == (30, ["*"], [])
    assert (len(rich[0]["trades"]), rich[0]["quotes"]) == (31, ["*"])


def test_sip_is_refused_to_the_delayed_and_data_to_a_key_without_the_scope(free, pro, make_bot, market):
    trader = make_bot(scopes=["trade"])
    trader.account.user.tier = Tier.PRO
    trader.account.user.save()

    async def scenario(app):
        refused = []
        for bot, path in ((free, "/v2/sip"), (trader, "/v2/iex")):
            peer = DataPeer(app, path=path)
            peer.log_in(bot)
            refused.append(await peer.end())
        await (await authenticated(app, pro, path="/v2/sip")).leave()
        return refused

    for told, (code, _) in play(scenario):
        assert (told, code) == ([CONNECTED, error(409, "insufficient subscription")], 1008)


def test_another_path_is_not_found(pro):
    async def scenario(app):
        return await DataPeer(app, path="/v2/gossip").event()

    answer = play(scenario)

    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 404)


def test_a_process_that_stops_says_that_it_goes_away(pro):
    async def scenario(app):
        peer = await authenticated(app, pro)
        ending = asyncio.create_task(app.parts[0].drain())
        _, (code, reason) = await peer.end()
        await ending
        return code, reason, (await DataPeer(app).event())["status"]

    assert play(scenario) == (1001, "the server is going away", 503)


def test_a_revoked_key_is_closed_and_another_tier_begins_anew(pro, free, hub):
    async def scenario(app):
        revoked, changed = await authenticated(app, pro), await authenticated(app, free)
        hub.owner.execute("update accounts_apikey set revoked_at = now() where key_id = %s", [pro.key.pk])
        hub.owner.execute("update accounts_user set tier = 'pro' where id = %s", [free.account.user_id])
        ring_credentials()
        return await revoked.end(), await changed.end()

    (told, (code, _)), (more, (other, _)) = play(scenario)

    assert (told, code) == ([error(402, "auth failed")], 1008)
    assert (more, other) == ([], 1001)


def test_who_does_not_read_is_told_and_dropped_and_the_others_hear_everything(pro, pro_plus, hub):
    limits = DataLimits(room=Room(messages=6, content_bytes=4_000_000), behind_s=0.05)
    hub.move(*OPEN)

    async def scenario(app):
        idle, quick = [await subscribed(app, bot, quotes=["*"]) for bot in (pro, pro_plus)]
        idle.stop_reading()
        reading = asyncio.create_task(quick.data(2 * 359))
        for minute in range(31, 60):
            hub.move(OPEN[0], 9, minute)
        hub.move(OPEN[0], 10, 30)
        heard = await reading
        idle.read_on()
        told, (code, _) = await idle.end()
        return heard, told, code

    heard, told, code = play(scenario, limits)

    assert len(heard) == 2 * 359
    assert (told[-1], code) == (error(407, "slow client"), 1008)
    assert sum(map(len, told[:-1])) < len(heard)


def test_a_closed_peer_raises_what_it_was_told(pro):
    async def scenario(app):
        peer = DataPeer(app)
        await peer.message()
        peer.say(b"\xc1" * 600_000)
        assert await peer.message() == error(400, "invalid syntax")
        with pytest.raises(Closed) as closed:
            await peer.message()
        return closed.value.args[0]

    assert play(scenario) == 1009
