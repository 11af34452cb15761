"""What the data stream tells: the live market, the delayed one, bars, halts, and the test market."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import msgpack

from matching.engine.types import Chunk, Kind
from matching.market.batch import items_of
from matching.market.times import SECOND, parse_rfc3339
from tests.datastream.peer import MSGPACK, subscribed
from tests.datastream.test_protocol import OPEN, play
from tests.marketdata.conftest import TUESDAY, WEDNESDAY
from tests.marketdata.test_history import content
from trading.datastream import feeds
from trading.datastream.frames import Coding, Told, frame
from trading.marketdata.entitlement import DELAY


def test_quotes_and_trades_are_told_as_they_are_published(pro, hub):
    hub.move(*OPEN)

    async def scenario(app):
        peer = await subscribed(app, pro, trades=["MSFT"], quotes=["IBM"])
        hub.move(TUESDAY, 9, 30, 10)
        return await peer.data(2)

    told = play(scenario)

    trade, quote = sorted(told, key=lambda message: message["T"], reverse=True)
    assert trade.pop("i") > 0
    assert trade == {
        "T": "t",
        "S": "MSFT",
        "t": "2013-10-08T13:30:10Z",
        "x": "Q",
        "p": 40.01,
        "s": 100,
        "c": ["@"],
        "z": "C",
    }
    assert quote == {
        "T": "q",
        "S": "IBM",
        "t": "2013-10-08T13:30:10Z",
        "ax": "N",
        "ap": 110.02,
        "as": 200,
        "bx": "N",
        "bp": 110,
        "bs": 300,
        "c": ["R"],
        "z": "A",
    }


def test_messagepack_has_timestamps_of_its_own(pro, hub):
    hub.move(*OPEN)

    async def scenario(app):
        peer = await subscribed(app, pro, {"headers": MSGPACK}, trades=["*"])
        hub.move(TUESDAY, 9, 30, 10)
        return await peer.data(2)

    told = play(scenario)

    assert [message["S"] for message in told] == ["IBM", "MSFT"]
    assert {type(message["t"]) for message in told} == {msgpack.Timestamp}
    assert told[0]["t"].to_datetime() == datetime(2013, 10, 8, 13, 30, 10, tzinfo=UTC)


def test_the_stream_and_the_history_tell_the_same_bars_and_ids(pro, hub):
    hub.move(*OPEN)

    async def scenario(app):
        peer = await subscribed(app, pro, bars=["IBM"], dailyBars=["*"], trades=["IBM"])
        hub.move(TUESDAY, 9, 32)
        return await peer.data(2 + 2 + 12)

    told = play(scenario)

    def of(letter):
        return [{k: v for k, v in one.items() if k not in {"T", "S"}} for one in told if one["T"] == letter]

    assert of("b") == content(pro.get("/v2/stocks/IBM/bars", timeframe="1Min"))["bars"]
    assert of("t") == content(pro.get("/v2/stocks/IBM/trades"))["trades"][1:]
    [ibm, _] = of("d")
    assert ibm == content(pro.get("/v2/stocks/IBM/bars", timeframe="1Day"))["bars"][0]


def test_what_was_unsubscribed_is_told_no_more(pro, hub):
    hub.move(*OPEN)

    async def scenario(app):
        peer = await subscribed(app, pro, trades=["*"], quotes=["IBM"])
        peer.say({"action": "unsubscribe", "quotes": ["IBM"], "trades": ["*"]})
        await peer.message()
        peer.say({"action": "subscribe", "trades": ["MSFT"]})
        await peer.message()
        hub.move(TUESDAY, 9, 30, 20)
        return await peer.data(2)

    assert [(one["T"], one["S"]) for one in play(scenario)] == [("t", "MSFT")] * 2


def test_a_delayed_caller_hears_everything_fifteen_minutes_late_and_nothing_fresher(free, hub, monkeypatch):
    monkeypatch.setattr(feeds, "POLL_S", 0.01)
    hub.move(TUESDAY, 9, 45)

    async def scenario(app):
        peer = await subscribed(app, free, trades=["IBM"], quotes=["MSFT"], bars=["IBM"])
        heard, late = [], []
        for second in range(10, 130, 10):
            now = hub.move(TUESDAY, 9, 45 + second // 60, second % 60)
            heard += (more := await peer.data(2))
            late += [now - parse_rfc3339(one["t"]) for one in more if one["T"] != "b"]
        return heard, late

    heard, late = play(scenario)

    assert min(late) == DELAY
    assert [one["t"][14:19] for one in heard if one["T"] == "t"][:6] == [
        "30:10",
        "30:20",
        "30:30",
        "30:40",
        "30:50",
        "31:00",
    ]
    assert heard[0]["t"] == "2013-10-08T13:30:10Z"
    first = next(place for place, one in enumerate(heard) if one["T"] == "b")
    assert heard[first]["t"] == "2013-10-08T13:30:00Z"
    assert max(one["t"] for one in heard[:first]) >= "2013-10-08T13:31:00Z"


def test_delayed_sip_is_late_for_everybody(pro, hub, monkeypatch):
    monkeypatch.setattr(feeds, "POLL_S", 0.01)
    hub.move(TUESDAY, 9, 45)

    async def scenario(app):
        peer = await subscribed(app, pro, {"path": "/v2/delayed_sip"}, trades=["IBM"])
        hub.move(TUESDAY, 9, 45, 10)
        return await peer.data(1)

    assert [one["t"] for one in play(scenario)] == ["2013-10-08T13:30:10Z"]


def test_a_tape_that_jumps_over_a_night_tells_all_of_it_in_order(pro, free, hub, monkeypatch):
    monkeypatch.setattr(feeds, "POLL_S", 0.01)
    hub.move(TUESDAY, 9, 45)

    async def scenario(app):
        live, delayed = [await subscribed(app, bot, trades=["IBM"]) for bot in (pro, free)]
        reading = [
            asyncio.create_task(peer.data(count)) for peer, count in ((live, 269 + 90), (delayed, 359))
        ]
        hub.move(WEDNESDAY, 9, 44, 50)
        told = [await task for task in reading]
        return [[one["t"] for one in each] for each in told]

    live, delayed = play(scenario)

    assert live == sorted(live)
    assert (live[0], live[-1]) == ("2013-10-08T13:45:10Z", "2013-10-09T13:44:50Z")
    assert delayed == sorted(delayed)
    assert (delayed[0], delayed[-1]) == ("2013-10-08T13:30:10Z", "2013-10-08T14:29:50Z")


def test_halts_are_told_as_statuses(pro, hub):
    at = hub.move(*OPEN)
    nothing = (0,) * 6
    rows = [(10**6, at + 1, Kind.HALT, *nothing, 0), (10**6 + 1, at + 2, Kind.RESUME, *nothing, 0)]

    async def scenario(app):
        peer = await subscribed(app, pro, statuses=["IBM"])
        hub.publish(Chunk(seq=10**6 + 1, at=at + 2, items={"IBM": items_of(rows)}))
        return await peer.data(2)

    told = play(scenario)

    assert [(one["T"], one["S"], one["sc"], one["t"], one["z"]) for one in told] == [
        ("s", "IBM", "H", "2013-10-08T13:30:00.000000001Z", "A"),
        ("s", "IBM", "T", "2013-10-08T13:30:00.000000002Z", "A"),
    ]
    assert all(one[key] for one in told for key in ("sm", "rc", "rm"))


def test_the_test_path_is_open_to_everybody_and_always_moves(free):
    async def scenario(app):
        peer = await subscribed(app, free, {"path": "/v2/test"}, quotes=["FAKEPACA"], trades=["*"])
        return await peer.data(3)

    told = play(scenario)

    assert {one["S"] for one in told} == {"FAKEPACA"}
    assert all(one["ap"] > one["bp"] > 0 for one in told if one["T"] == "q")


def test_frames_hold_many_messages_and_each_is_whole():
    def message(number):
        return Told("trades", "X", number * SECOND + 5, lambda at: {"n": number, "t": at})

    told = [message(number) for number in range(70_000)]

    for count in (0, 1, 15, 16, 65_535, 65_536, 70_000):
        for coding in Coding:
            raw = frame(told[:count], coding)
            found = json.loads(raw) if isinstance(raw, str) else msgpack.unpackb(raw)
            assert [one["n"] for one in found] == list(range(count))
