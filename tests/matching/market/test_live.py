"""What the publisher writes, a live reader reads: all at first, then batch by batch, and past gaps."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from matching.engine.engine import Engine
from matching.engine.types import (
    Chunk,
    Event,
    Kind,
    Order,
    OrderType,
    Session,
    SessionChange,
    Side,
    TimeInForce,
)
from matching.market import keys
from matching.market.batch import items_of
from matching.market.live import LiveFeed
from matching.market.publisher import Position, Publisher
from matching.market.times import new_york

if TYPE_CHECKING:
    import redis

    from matching.market.calendar import Calendar

MARKET = 5
LATER = 10**18


@pytest.fixture
def publisher(valkey: redis.Redis) -> Publisher:
    publisher = Publisher(valkey, MARKET, feed="synthetic")
    publisher.begin(1, 0)
    return publisher


def quote(seq: int, symbol: str = "IBM") -> Chunk:
    return Chunk(
        seq=seq, at=seq, items={symbol: items_of([(seq, seq, Kind.QUOTE, seq, 1, seq + 1, 1, 0, 0, 1)])}
    )


def session(seq: int, name: Session) -> Chunk:
    return Chunk(seq=seq, at=seq, session=SessionChange(seq=seq, at=seq, session=name))


def told(chunk: Chunk | None) -> object:
    if chunk is None:
        return None
    name = chunk.session.session if chunk.session else None
    return name, {symbol: items.seq.tolist() for symbol, items in chunk.items.items()}, chunk.seq


def test_a_reader_begins_with_the_standing_quotes_and_goes_on(
    valkey: redis.Redis, publisher: Publisher
) -> None:
    publisher.publish(session(1, Session.REGULAR))
    publisher.publish(quote(2, "BAC"))
    publisher.publish(quote(3))
    publisher.publish(quote(4))
    feed = LiveFeed(valkey, MARKET)
    assert told(feed.read(0, LATER, 100)) == (Session.REGULAR, {"BAC": [2], "IBM": [4]}, 4)
    assert feed.read(4, LATER, 100) is None
    publisher.publish(quote(7))
    publisher.publish(quote(8, "BAC"))
    publisher.publish(quote(9))
    chunk = feed.read(4, LATER, 100)
    assert told(chunk) == (None, {"IBM": [7, 9], "BAC": [8]}, 9)
    assert chunk is not None
    assert chunk.at == LATER
    assert chunk.items["IBM"].bid.tolist() == [7, 9]


def test_a_market_that_was_never_published_has_nothing(valkey: redis.Redis) -> None:
    feed = LiveFeed(valkey, MARKET)
    assert feed.snapshot() is None
    assert feed.read(0, LATER, 100) is None


def test_a_session_change_begins_a_chunk_of_its_own(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(quote(1))
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    for chunk in (quote(2), session(3, Session.CLOSED), quote(4), session(5, Session.PRE)):
        publisher.publish(chunk)
    assert [told(feed.read(after, LATER, 100)) for after in (1, 2, 4, 5)] == [
        (None, {"IBM": [2]}, 2),
        (Session.CLOSED, {"IBM": [4]}, 4),
        (Session.PRE, {}, 5),
        None,
    ]


def test_what_lies_beyond_the_asked_time_waits(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(quote(1))
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    publisher.publish(quote(50))
    assert feed.read(1, 49, 100) is None
    assert told(feed.read(1, 50, 100)) == (None, {"IBM": [50]}, 50)


def test_a_small_limit_is_kept_about(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(quote(1))
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    for seq in (2, 3, 4):
        publisher.publish(quote(seq))
    chunks = [feed.read(after, LATER, 1) for after in (1, 2, 3)]
    assert [chunk.seq for chunk in chunks if chunk] == [2, 3, 4]
    assert [chunk.at for chunk in chunks if chunk] == [2, 3, LATER]


def test_a_restarted_reader_learns_the_standing_quotes_though_nothing_is_new(
    valkey: redis.Redis, publisher: Publisher
) -> None:
    publisher.publish(quote(1, "BAC"))
    publisher.publish(quote(2))
    assert told(LiveFeed(valkey, MARKET).read(2, LATER, 100)) == (None, {"BAC": [1], "IBM": [2]}, 2)
    assert told(LiveFeed(valkey, MARKET).read(9, LATER, 100)) == (None, {"BAC": [1], "IBM": [2]}, 9)


def test_a_shard_sees_its_symbols_only(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(quote(1, "BAC"))
    publisher.publish(quote(2))
    feed = LiveFeed(valkey, MARKET, only=["IBM"])
    assert told(feed.read(0, LATER, 100)) == (None, {"IBM": [2]}, 2)
    publisher.publish(quote(3, "BAC"))
    assert told(feed.read(2, LATER, 100)) == (None, {}, 3)


def test_after_a_gap_no_quote_stays_wrong(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(quote(1, "BAC"))
    publisher.publish(quote(2))
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    publisher.publish(quote(3, "BAC"))
    valkey.xtrim(keys.feed(MARKET), maxlen=0, approximate=False)  # the reader was too slow for this one
    publisher.publish(quote(4))
    assert told(feed.read(2, LATER, 100)) == (None, {"BAC": [3], "IBM": [4]}, 4)
    publisher.publish(quote(5))
    assert told(feed.read(4, LATER, 100)) == (None, {"IBM": [5]}, 5)


def test_a_valkey_that_forgot_everything_is_filled_again(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(session(1, Session.REGULAR))
    publisher.publish(quote(2, "BAC"))
    publisher.publish(quote(3))
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    valkey.flushall()
    publisher.beat()
    assert told(LiveFeed(valkey, MARKET).read(0, LATER, 100)) == (
        Session.REGULAR,
        {"BAC": [2], "IBM": [3]},
        3,
    )
    publisher.publish(quote(4))
    assert told(feed.read(3, LATER, 100)) == (None, {"IBM": [4]}, 4)


def test_a_batch_that_was_lost_on_the_way_is_a_gap(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(quote(1))
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    publisher.absorb(quote(2, "BAC"))  # known to the hub, never written
    publisher.publish(quote(3))
    publisher.beat()
    chunk = feed.read(1, LATER, 100)
    assert chunk is not None
    assert chunk.seq == 3
    assert sorted(LiveFeed(valkey, MARKET).read(0, LATER, 100).items) == ["BAC", "IBM"]


MONDAY, TUESDAY = (new_york(date(2026, 11, day)) for day in (23, 24))
TUESDAYS = SessionChange(seq=70, at=TUESDAY, session=Session.REGULAR)


def test_a_reader_that_slept_over_midnight_catches_up_and_then_sees_the_close(
    valkey: redis.Redis, publisher: Publisher, always_open: Calendar
) -> None:
    publisher.publish(Chunk(seq=70, at=TUESDAY, session=TUESDAYS))
    publisher.publish(replace(quote(80), at=TUESDAY + 9))
    feed = LiveFeed(valkey, MARKET, calendar=always_open, since=MONDAY + 5)
    chunks = [feed.read(60, LATER * 4, 100) for _ in range(4)]
    assert [told(chunk) for chunk in chunks] == [
        (Session.REGULAR, {"IBM": [80]}, 80),  # Monday's session, for catching up
        (Session.CLOSED, {}, 80),
        (Session.REGULAR, {}, 80),
        None,
    ]
    changes = [chunk.session for chunk in chunks if chunk and chunk.session]
    assert [change.at for change in changes] == [MONDAY, TUESDAY, TUESDAY]
    assert [chunk.at for chunk in chunks if chunk] == [TUESDAY + 9] * 3


def test_a_close_within_a_gap_is_told_before_the_new_quotes(
    valkey: redis.Redis, publisher: Publisher, always_open: Calendar
) -> None:
    publisher.publish(replace(quote(60), at=MONDAY + 5))
    feed = LiveFeed(valkey, MARKET, calendar=always_open)
    feed.read(0, LATER * 4, 100)
    publisher.publish(Chunk(seq=70, at=TUESDAY, session=TUESDAYS))
    publisher.publish(replace(quote(80), at=TUESDAY + 9))
    valkey.xtrim(keys.feed(MARKET), maxlen=1, approximate=False)
    assert [told(feed.read(60, LATER * 4, 100)) for _ in range(3)] == [
        (Session.CLOSED, {}, 60),
        (Session.REGULAR, {"IBM": [80]}, 80),
        None,
    ]


def test_a_reader_that_came_before_the_hub_sees_the_close_first(
    valkey: redis.Redis, publisher: Publisher, always_open: Calendar
) -> None:
    feed = LiveFeed(valkey, MARKET, calendar=always_open, since=MONDAY + 5)
    assert feed.read(60, LATER * 4, 100) is None
    publisher.publish(Chunk(seq=70, at=TUESDAY, session=TUESDAYS))
    assert [told(feed.read(60, LATER * 4, 100)) for _ in range(2)] == [
        (Session.CLOSED, {}, 60),
        (Session.REGULAR, {}, 70),
    ]


def test_a_new_hub_takes_over_what_the_old_one_published(valkey: redis.Redis, publisher: Publisher) -> None:
    publisher.publish(session(1, Session.REGULAR))
    publisher.publish(quote(2))
    successor = Publisher(valkey, MARKET, feed="synthetic")
    successor.resume()
    assert successor.position == Position(run=1, seq=2, at=2)
    assert successor.book.symbols == publisher.book.symbols
    assert successor.session == publisher.session
    feed = LiveFeed(valkey, MARKET)
    feed.read(0, LATER, 100)
    successor.publish(quote(3))
    assert told(feed.read(2, LATER, 100)) == (None, {"IBM": [3]}, 3)


def test_each_batch_rings_the_bell(valkey: redis.Redis, publisher: Publisher) -> None:
    with valkey.pubsub(ignore_subscribe_messages=True) as bell:
        bell.subscribe(keys.bell(MARKET))
        bell.get_message(timeout=5)  # the subscription itself
        publisher.publish(quote(1))
        message = bell.get_message(timeout=5)
    assert message is not None
    assert message["data"] == b""


def event(seq: int, kind: Kind, symbol: str = "IBM") -> Chunk:
    return Chunk(seq=seq, at=seq, items={symbol: items_of([(seq, seq, kind, 0, 0, 0, 0, 0, 0, 0)])})


def kinds(chunk: Chunk | None) -> dict[str, list[int]]:
    assert chunk is not None
    return {symbol: items.kind.tolist() for symbol, items in chunk.items.items()}


def test_a_halt_is_known_before_the_quote_and_its_end_after_it(
    valkey: redis.Redis, publisher: Publisher
) -> None:
    publisher.publish(event(1, Kind.HALT))
    publisher.publish(quote(2))
    publisher.publish(quote(3, "BAC"))
    publisher.publish(event(4, Kind.HALT, "SPY"))  # halted before it was ever quoted
    feed = LiveFeed(valkey, MARKET)
    during = feed.snapshot()
    publisher.publish(event(5, Kind.RESUME))
    again, anew = feed.snapshot(), LiveFeed(valkey, MARKET).snapshot()

    assert kinds(during) == {"BAC": [Kind.QUOTE], "IBM": [Kind.HALT, Kind.QUOTE], "SPY": [Kind.HALT]}
    assert kinds(again)["IBM"] == [Kind.QUOTE, Kind.RESUME]
    assert kinds(anew)["IBM"] == [Kind.QUOTE]  # who begins knows of no halt


def test_a_reader_that_missed_the_end_of_a_halt_trades_again(
    valkey: redis.Redis, publisher: Publisher
) -> None:
    publisher.publish(quote(1))
    feed, engine = LiveFeed(valkey, MARKET), Engine()
    opening = feed.read(0, 1, 100)
    assert opening is not None
    engine.rewind(opening)
    publisher.publish(event(2, Kind.HALT))
    halt = feed.read(1, 2, 100)
    assert halt is not None
    engine.advance(halt)
    publisher.publish(event(3, Kind.RESUME))
    valkey.xtrim(keys.feed(MARKET), maxlen=0, approximate=False)
    publisher.publish(quote(4))
    market = Order(
        order_id="o",
        account="ann",
        symbol="IBM",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        limit_price=9,
        time_in_force=TimeInForce.DAY,
        priority=(2, 1),
        quantity=1,
        extended_hours=True,
    )
    publisher.publish(session(5, Session.REGULAR))

    assert [decision.event for decision in engine.place(market)] == [Event.ACCEPTED]
    chunk = feed.read(2, LATER, 100)
    assert chunk is not None
    assert [decision.event for decision in engine.advance(chunk)] == [Event.NEW, Event.FILL]
