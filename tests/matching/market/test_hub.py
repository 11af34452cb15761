"""The hub against real servers: the clock is followed, sequences grow, losses are made good."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from matching.engine.types import Session
from matching.management.commands import hub as hub_command
from matching.market import clock, keys, locks, rows
from matching.market.batch import decode
from matching.market.calendar import ALWAYS_OPEN, XNYS
from matching.market.errors import FeedUnavailable
from matching.market.feeds import TapeConfig, open_feed, tape_config
from matching.market.hub import Hub, Outage
from matching.market.latest import LatestReader
from matching.market.live import LiveFeed
from matching.market.sessions import always_open_sessions, compute_sessions
from matching.market.times import new_york
from matching.market.valkey import DOWN, WRITE_TIMEOUT, connect
from matching.market.waker import Waker
from matching.models import CalendarDay, Market, Shard
from tests.matching.market.stub_stream import StubStream
from tests.matching.market.tapes import write_zip
from tests.matching.market.test_alpaca import QUOTE, TRADE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import redis

    from matching.engine.types import Chunk
    from matching.market.calendar import Calendar, Day

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

DAY = date(2013, 10, 8)
OPEN_MS = 34_200_000
PATIENCE = 30  # seconds until a test that waits for a bell fails


def store(calendar: str, days: list[Day]) -> None:
    CalendarDay.objects.bulk_create(CalendarDay(calendar=calendar, **day.as_row()) for day in days)


@pytest.fixture
def synthetic() -> Market:
    today = datetime.now(UTC).date()
    store(ALWAYS_OPEN, always_open_sessions(date(today.year - 1, 1, 1), date(today.year + 1, 12, 31)))
    config = {"seed": 7, "symbols": ["IBM", "BAC"]}
    return Market.objects.create(
        name="m", feed="synthetic", calendar=ALWAYS_OPEN, config=config, is_active=True
    )


@pytest.fixture
def tape(tmp_path: Path, xnys: Calendar) -> Market:
    """IBM is quoted a cent higher in every minute from 09:30 to 09:39, and traded at the last of them."""
    store(XNYS, compute_sessions(date(2013, 10, 1), date(2013, 10, 31)))
    quotes = [f"{OPEN_MS + 60_000 * n},{1800000 + 100 * n},1,0,0,N,1,0" for n in range(10)]
    write_zip(tmp_path, "tick", "IBM", "20131008_quote", quotes)
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", [f"{OPEN_MS + 540_000},1800500,3,N,1,0"])
    config = tape_config(str(tmp_path), "2013-10-08", None, xnys)
    loaded = config.open(xnys)
    state = clock.ClockState(
        feed=clock.REPLAY,
        paused=True,
        speed=None,
        anchor_wall=time.time_ns(),
        anchor_at=loaded.starts_at,
        starts_at=loaded.starts_at,
        ends_at=loaded.ends_at,
    )
    fields: dict[str, Any] = {
        **state.as_row(),
        "starts_at": to_row(state.starts_at),
        "ends_at": to_row(state.ends_at),
    }
    return Market.objects.create(
        name="t", feed="replay", calendar=XNYS, config=config.as_json(), is_active=True, **fields
    )


def to_row(ns: int | None) -> datetime:
    assert ns is not None
    return datetime.fromtimestamp(ns // 10**9, UTC)


@contextmanager
def running(market: Market, url: str, environment: dict[str, str] | None = None) -> Iterator[Waker]:
    """Run a hub in a thread while the block lasts, and fail when it fails."""
    waker, failures = Waker(), []

    def run() -> None:
        try:
            Hub(market.pk, valkey_url=url, waker=waker, environment=environment or {}).run()
        except Exception as error:  # noqa: BLE001 - raised again in the test's thread
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield waker
    finally:
        waker.stop()
        thread.join(PATIENCE)
        waker.close()
    if failures:
        raise failures[0]


def wait_for(client: redis.Redis, market: Market, look: Callable[[], Any]) -> Any:
    """Look after each bell of the hub until there is something to see."""
    with client.pubsub(ignore_subscribe_messages=True) as bell:
        bell.subscribe(keys.bell(market.pk))
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            bell.get_message(timeout=1)
    raise AssertionError("the hub did not publish what was waited for")


def bids(client: redis.Redis, market: Market) -> dict[str, int]:
    known = LatestReader(client).many(market.pk, ["IBM", "BAC"])
    return {symbol: value.quote.bid for symbol, value in known.items() if value.quote is not None}


def stream(client: redis.Redis, market: Market) -> list[Chunk]:
    """Return what is on a market's stream."""
    entries: Any = client.xrange(keys.feed(market.pk))
    return [decode(entry[b"b"]).chunk for _, entry in entries]


def published(client: redis.Redis, market: Market) -> dict[str, int] | None:
    stored = client.get(keys.published(market.pk))
    return None if stored is None else json.loads(stored)


def control(client: redis.Redis, market: Market, state: clock.ClockState) -> None:
    """Change the market's clock as a service does: commit, then ring."""
    Market.objects.filter(pk=market.pk).update(**state.as_row())
    client.publish(keys.clock(market.pk), b"")


def state_of(market: Market) -> clock.ClockState:
    return rows.market_state(market.pk).clock


def wait_until_at(client: redis.Redis, market: Market, run: int, at: int) -> dict[str, int]:
    def look() -> dict[str, int] | None:
        reached = published(client, market)
        return reached if reached and (reached["run"], reached["at"]) == (run, at) else None

    found: dict[str, int] = wait_for(client, market, look)
    return found


def test_a_synthetic_market_moves_and_its_sequences_are_the_walls(
    synthetic: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    before = time.time_ns()
    with running(synthetic, valkey_url):
        feed = LiveFeed(valkey, synthetic.pk)
        first = wait_for(valkey, synthetic, lambda: feed.read(0, time.time_ns(), 100))
        assert first.session is not None
        assert first.session.session is Session.REGULAR
        later = wait_for(valkey, synthetic, lambda: feed.read(first.seq, time.time_ns(), 100))
        assert before // 1000 <= first.seq < later.seq <= time.time_ns() // 1000 + 100
        wait_for(valkey, synthetic, lambda: len(bids(valkey, synthetic)) == 2 or None)


def test_sequences_grow_across_restarts_of_the_hub(
    synthetic: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    ahead = time.time_ns() // 1000 + 10**9  # as if the wall had gone back since
    valkey.set(keys.published(synthetic.pk), json.dumps({"run": 1, "seq": ahead, "at": 5}))
    with running(synthetic, valkey_url):
        seen = wait_for(valkey, synthetic, lambda: valkey.xrange(keys.feed(synthetic.pk), count=1) or None)
    batch = decode(seen[0][1][b"b"])
    assert batch.before == ahead
    assert batch.chunk.seq > ahead


def test_sequences_grow_past_what_was_committed_when_valkey_forgot(
    synthetic: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    ahead = time.time_ns() // 1000 + 10**9
    Shard.objects.create(market=synthetic, run=1, seq=ahead, at=time.time_ns())
    with running(synthetic, valkey_url):
        seen = wait_for(valkey, synthetic, lambda: valkey.xrange(keys.feed(synthetic.pk), count=1) or None)
    assert decode(seen[0][1][b"b"]).chunk.seq > ahead


def test_a_close_that_no_hub_saw_is_published_before_the_open(
    synthetic: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    yesterday = time.time_ns() - 24 * 3600 * 10**9
    Shard.objects.create(market=synthetic, run=1, seq=5, at=yesterday)
    with running(synthetic, valkey_url):
        wait_for(valkey, synthetic, lambda: bids(valkey, synthetic) or None)
    entries = stream(valkey, synthetic)
    told = [chunk.session.session for chunk in entries if chunk.session is not None]
    assert told[:2] == [Session.CLOSED, Session.REGULAR]
    assert all(earlier.at <= later.at for earlier, later in pairwise(entries))


def test_a_flushed_valkey_is_filled_again(synthetic: Market, valkey: redis.Redis, valkey_url: str) -> None:
    with running(synthetic, valkey_url):
        wait_for(valkey, synthetic, lambda: len(bids(valkey, synthetic)) == 2 or None)
        valkey.flushall()
        wait_for(valkey, synthetic, lambda: valkey.exists(keys.session(synthetic.pk)) or None)
        assert len(bids(valkey, synthetic)) == 2
        assert valkey.exists(keys.heartbeat(synthetic.pk))


def test_a_tape_is_published_up_to_its_clock_and_no_further(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    with running(tape, valkey_url):
        starts_at = state_of(tape).starts_at
        assert starts_at is not None
        wait_until_at(valkey, tape, 1, starts_at)
        assert bids(valkey, tape) == {}

        at = new_york(DAY, 9, 34)
        control(valkey, tape, clock.advance_to(state_of(tape), at, time.time_ns()))
        wait_until_at(valkey, tape, 1, at)
        assert bids(valkey, tape) == {"IBM": 1800400}

        between = at + 10**9
        control(valkey, tape, clock.advance_to(state_of(tape), between, time.time_ns()))
        wait_until_at(valkey, tape, 1, between)
        assert bids(valkey, tape) == {"IBM": 1800400}


def test_a_restarted_tape_begins_with_nothing_known(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    with running(tape, valkey_url):
        state = clock.advance_to(state_of(tape), new_york(DAY, 9, 34), time.time_ns())
        control(valkey, tape, state)
        wait_for(valkey, tape, lambda: bids(valkey, tape) or None)
        control(valkey, tape, clock.restart(state_of(tape), time.time_ns()))
        reached = wait_until_at(valkey, tape, 2, state.starts_at or 0)
        assert (reached["seq"], bids(valkey, tape)) == (1, {})


def test_a_hub_that_starts_late_knows_the_tape_so_far(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    at = new_york(DAY, 9, 34)
    control(valkey, tape, clock.advance_to(state_of(tape), at, time.time_ns()))
    with running(tape, valkey_url):
        wait_until_at(valkey, tape, 1, at)
        assert bids(valkey, tape) == {"IBM": 1800400}
    assert valkey.xlen(keys.feed(tape.pk)) == 0


def test_a_restarted_hub_publishes_what_its_predecessor_did_not(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    with running(tape, valkey_url):
        wait_until_at(valkey, tape, 1, state_of(tape).starts_at or 0)
        control(valkey, tape, clock.advance_to(state_of(tape), new_york(DAY, 9, 31), time.time_ns()))
        wait_until_at(valkey, tape, 1, new_york(DAY, 9, 31))
    control(valkey, tape, clock.advance_to(state_of(tape), new_york(DAY, 9, 33), time.time_ns()))
    with running(tape, valkey_url):
        wait_until_at(valkey, tape, 1, new_york(DAY, 9, 33))
    told = stream(valkey, tape)
    quoted = [seq for chunk in told for items in chunk.items.values() for seq in items.seq.tolist()]
    assert quoted == [3, 4, 5, 6]  # 1 and 2 are the sessions; each quote once
    assert bids(valkey, tape) == {"IBM": 1800300}


def test_a_playing_tape_follows_the_wall(tape: Market, valkey: redis.Redis, valkey_url: str) -> None:
    state = clock.advance_to(state_of(tape), new_york(DAY, 9, 30), time.time_ns())
    # A minute of the tape in a hundredth of a second.
    playing = replace(clock.play(state, time.time_ns(), None), speed=clock.parse_speed("6000"))
    control(valkey, tape, playing)
    with running(tape, valkey_url):
        wait_for(valkey, tape, lambda: bids(valkey, tape) == {"IBM": 1800900} or None)


def test_at_full_speed_the_hub_follows_the_slowest_shard(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    Shard.objects.create(market=tape, number=0, run=1, at=new_york(DAY, 9, 36))
    Shard.objects.create(market=tape, number=1, run=1, at=new_york(DAY, 9, 32))
    control(valkey, tape, clock.play(state_of(tape), time.time_ns(), None))
    with running(tape, valkey_url):
        wait_until_at(valkey, tape, 1, new_york(DAY, 9, 32))
        assert bids(valkey, tape) == {"IBM": 1800200}
        Shard.objects.filter(number=1).update(at=new_york(DAY, 9, 40))
        wait_until_at(valkey, tape, 1, new_york(DAY, 9, 36))
        assert bids(valkey, tape) == {"IBM": 1800600}


def test_a_second_hub_publishes_nothing_while_the_first_lives(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    with running(tape, valkey_url):
        wait_until_at(valkey, tape, 1, state_of(tape).starts_at or 0)
        Hub(tape.pk, valkey_url=valkey_url, waker=Waker()).run()  # which ends by itself
        control(valkey, tape, clock.advance_to(state_of(tape), new_york(DAY, 9, 39), time.time_ns()))
        wait_until_at(valkey, tape, 1, new_york(DAY, 9, 39))
    told = stream(valkey, tape)
    assert sum(len(items) for chunk in told for items in chunk.items.values()) == 11


def test_a_market_that_gets_another_feed_ends_its_hub(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    hub = Hub(tape.pk, valkey_url=valkey_url, waker=Waker(), environment={})

    def change_feed(_: object) -> None:
        Market.objects.filter(pk=tape.pk).update(feed="synthetic")
        connection.close()  # this thread's own

    # As soon as the hub has published for the first time, its market becomes another one.
    with valkey.pubsub(ignore_subscribe_messages=True) as bell:
        bell.subscribe(**{keys.bell(tape.pk): change_feed})
        listener = bell.run_in_thread(sleep_time=0.1, daemon=True)
        with pytest.raises(FeedUnavailable, match="another feed now"):
            hub.run()
        listener.stop()
        listener.join(PATIENCE)


def test_the_operators_live_data_is_published(valkey: redis.Redis, valkey_url: str) -> None:
    today = datetime.now(UTC).date()
    store(XNYS, compute_sessions(date(today.year - 1, 1, 1), date(today.year + 1, 12, 31)))
    environment = {"RAXX_ALPACA_KEY_ID": "KEY", "RAXX_ALPACA_SECRET_KEY": "SECRET"}
    with StubStream() as server:
        config = {"symbols": ["IBM", "BAC"], "url": server.url}
        market = Market.objects.create(name="a", feed="alpaca", calendar=XNYS, config=config, is_active=True)
        with running(market, valkey_url, environment):
            server.subscriptions.get(timeout=PATIENCE)
            server.send(QUOTE, {**TRADE, "c": ["@"]})
            wait_for(valkey, market, lambda: bids(valkey, market) or None)
    known = LatestReader(valkey).many(market.pk, ["IBM"])["IBM"]
    assert known.quote is not None
    assert known.trade is not None
    assert (known.quote.bid, known.quote.ask, known.trade.price) == (1810200, 1810500, 1810501)
    assert known.trade.seq == known.quote.seq + 1


def test_without_a_key_the_live_feed_says_which_variables_to_set(
    valkey: redis.Redis, valkey_url: str
) -> None:
    config = {"symbols": ["IBM"]}
    market = Market.objects.create(name="a", feed="alpaca", calendar=XNYS, config=config, is_active=True)
    hub = Hub(market.pk, valkey_url=valkey_url, waker=Waker(), environment={})
    with pytest.raises(FeedUnavailable, match="set RAXX_ALPACA_KEY_ID and RAXX_ALPACA_SECRET_KEY"):
        hub.run()


def test_a_matcher_opens_the_feed_of_its_market(tape: Market, valkey: redis.Redis) -> None:
    replay = open_feed(rows.market_state(tape.pk), valkey, only=["IBM"])
    assert replay.replayable
    chunk = replay.read(0, new_york(DAY, 9), 100)
    assert chunk is not None
    assert (chunk.seq, chunk.at) == (1, new_york(DAY, 9))
    other = Market.objects.create(name="live", feed="synthetic", calendar=XNYS, config={})
    live = open_feed(rows.market_state(other.pk), valkey)
    assert not live.replayable
    assert live.read(0, time.time_ns(), 100) is None


def test_a_config_that_is_incomplete_is_refused() -> None:
    with pytest.raises(FeedUnavailable, match="'dates'"):
        TapeConfig.of({"folder": "x"})


def test_the_command_runs_until_sigterm(synthetic: Market, valkey: redis.Redis, valkey_url: str) -> None:
    code = (
        "import django, sys; from django.conf import settings; django.setup();"
        f"settings.DATABASES['default']['NAME'] = {connection.settings_dict['NAME']!r};"
        f"settings.REDIS_URL = {valkey_url!r};"
        "from django.core.management import execute_from_command_line; execute_from_command_line(['manage.py', 'hub'])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "raxx.settings"}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    try:
        wait_for(valkey, synthetic, lambda: bids(valkey, synthetic) or None)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_the_command_waits_for_a_database_that_is_away_when_it_starts(
    synthetic: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [OperationalError("the database system is in recovery mode")] * 2
    active = rows.active_market_ids

    def slowly() -> list[int]:
        if failures:
            raise failures.pop()
        return active()

    monkeypatch.setattr(rows, "active_market_ids", slowly)
    opened = hubs_of_the_command(monkeypatch)
    call_command("hub")

    assert opened == [synthetic.pk]
    assert not failures


def hubs_of_the_command(
    monkeypatch: pytest.MonkeyPatch, *, ill: Collection[int] = (), most: int = 1
) -> list[int]:
    """Let the command run markets that do nothing: return which, in their order; after `most` it is stopped."""
    opened: list[int] = []

    class Short:
        def __init__(self, market: int, *, waker: Waker, **_: object) -> None:
            opened.append(market)
            self._market, self._waker = market, waker

        def run(self) -> None:
            connection.close()  # as the real one does: its lock must not outlive the test
            if len(opened) == most:
                self._waker.stop()
            if self._market in ill:
                raise FeedUnavailable("no key")

    monkeypatch.setattr(signal, "signal", lambda *_: None)  # pytest keeps its own
    monkeypatch.setattr(hub_command, "Hub", Short)
    return opened


class Impatient(Waker):
    """Takes the first wait for the end."""

    def wait(self, seconds: float) -> bool:
        self.stop()
        return super().wait(seconds)


@pytest.fixture
def other_session() -> Iterator[Any]:
    """Return a session of another process, whose locks end with the test."""
    login = settings.DATABASE_SERVER.login(connection.settings_dict["USER"])
    with psycopg.connect(**{**login, "dbname": connection.settings_dict["NAME"]}, autocommit=True) as session:
        yield session


def make_default(market: Market) -> None:
    Market.objects.filter(pk=market.pk).update(is_default=True)


def test_without_a_number_the_command_takes_a_market_that_has_no_hub_the_default_one_first(
    synthetic: Market, tape: Market, monkeypatch: pytest.MonkeyPatch, other_session: Any
) -> None:
    make_default(tape)
    opened = hubs_of_the_command(monkeypatch)
    call_command("hub")
    assert opened == [tape.pk]

    other_session.execute("select pg_advisory_lock(%s, %s)", list(locks.hub_lock(tape.pk)))
    opened = hubs_of_the_command(monkeypatch)
    call_command("hub")
    assert opened == [synthetic.pk]


def test_the_command_stands_by_while_each_market_has_its_hub_and_while_its_own_is_closed(
    synthetic: Market, tape: Market, monkeypatch: pytest.MonkeyPatch, other_session: Any, caplog: Any
) -> None:
    monkeypatch.setattr(hub_command, "Waker", Impatient)
    opened = hubs_of_the_command(monkeypatch)
    other_session.execute("select pg_advisory_lock(%s, %s)", list(locks.hub_lock(synthetic.pk)))
    Market.objects.filter(pk=tape.pk).update(is_active=False)

    call_command("hub")
    call_command("hub", market=tape.pk)
    call_command("hub", market=synthetic.pk)
    Market.objects.update(is_active=False)
    call_command("hub")

    assert opened == []
    assert [record.getMessage() for record in caplog.records if "standing by" in record.getMessage()] == [
        "standing by: each active market has its hub",
        f"standing by: market {tape.pk} is closed",
        f"standing by: another process runs the hub of market {synthetic.pk}",
        "standing by: no market is active",
    ]


def test_a_market_that_cannot_be_published_ends_the_command_only_where_it_is_the_default_one(
    synthetic: Market, tape: Market, monkeypatch: pytest.MonkeyPatch, other_session: Any, caplog: Any
) -> None:
    make_default(synthetic)
    opened = hubs_of_the_command(monkeypatch, ill={synthetic.pk})
    with pytest.raises(CommandError, match="no key"):
        call_command("hub")
    assert opened == [synthetic.pk]

    monkeypatch.setattr(hub_command, "Waker", Impatient)
    other_session.execute("select pg_advisory_lock(%s, %s)", list(locks.hub_lock(synthetic.pk)))
    opened = hubs_of_the_command(monkeypatch, ill={tape.pk}, most=9)
    call_command("hub")
    assert opened == [tape.pk]  # and then it was left alone
    assert f"market {tape.pk} cannot be published: no key" in caplog.text


def test_a_closed_market_is_published_no_more_and_anybody_may_have_its_lock(
    tape: Market, valkey: redis.Redis, valkey_url: str
) -> None:
    hub = Hub(tape.pk, valkey_url=valkey_url, waker=Waker(), environment={})
    thread = threading.Thread(target=hub.run)
    thread.start()
    wait_until_at(valkey, tape, 1, state_of(tape).starts_at or 0)

    Market.objects.filter(pk=tape.pk).update(is_active=False)
    valkey.publish(keys.clock(tape.pk), b"")
    thread.join(PATIENCE)

    assert not thread.is_alive()
    with connection.cursor() as cursor:  # which waits: a session's end is noticed a moment later
        cursor.execute("set lock_timeout = '20s'")
        cursor.execute("select pg_advisory_lock(%s, %s)", list(locks.hub_lock(tape.pk)))
    connection.close()


def test_a_hub_whose_market_another_took_while_its_connection_was_lost_leaves_it_to_them(
    tape: Market, valkey: redis.Redis, valkey_url: str, other_session: Any
) -> None:
    hub = Hub(tape.pk, valkey_url=valkey_url, waker=Waker(), environment={})
    thread = threading.Thread(target=hub.run)
    thread.start()
    wait_until_at(valkey, tape, 1, state_of(tape).starts_at or 0)

    key = list(locks.hub_lock(tape.pk))
    with ThreadPoolExecutor(1) as stand_by:
        taken = stand_by.submit(other_session.execute, "select pg_advisory_lock(%s, %s)", key)
        ask = "select count(*) from pg_locks where locktype = 'advisory' and objid = %s and not granted"
        end = "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = %s and granted"
        with connection.cursor() as cursor:
            cursor.execute(ask, [tape.pk])
            while cursor.fetchone() == (0,):
                cursor.execute(ask, [tape.pk])
            cursor.execute(end, [tape.pk])
        taken.result(PATIENCE)
    valkey.publish(keys.clock(tape.pk), b"")
    thread.join(PATIENCE)

    assert not thread.is_alive()  # so that its process can take another market, or wait for this one anew


def test_a_hub_outlives_its_database_connection(tape: Market, valkey: redis.Redis, valkey_url: str) -> None:
    with running(tape, valkey_url), what_the_hub_says() as said:
        wait_until_at(valkey, tape, 1, state_of(tape).starts_at or 0)
        with connection.cursor() as cursor:
            cursor.execute(
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = %s",
                [tape.pk],
            )
            assert cursor.fetchall() == [(True,)]
        wait_for_words(said, "a server does not answer")
        wait_for_words(said, "the server answers again")
        control(valkey, tape, clock.advance_to(state_of(tape), new_york(DAY, 9, 34), time.time_ns()))
        wait_until_at(valkey, tape, 1, new_york(DAY, 9, 34))
    assert bids(valkey, tape) == {"IBM": 1800400}


def test_a_hub_outlives_its_valkey_and_says_so_once(tape: Market, short_folder: Path) -> None:
    url = f"unix://{short_folder}/valkey.sock?db=0"
    with own_valkey(short_folder) as client, what_the_hub_says() as said, running(tape, url):
        wait_until_at(client, tape, 1, state_of(tape).starts_at or 0)
        client.shutdown(nosave=True)
        wait_for_words(said, "a server does not answer")
        state = clock.advance_to(state_of(tape), new_york(DAY, 9, 34), time.time_ns())
        Market.objects.filter(pk=tape.pk).update(**state.as_row())
        with own_valkey(short_folder) as fresh:
            wait_until_at(fresh, tape, 1, new_york(DAY, 9, 34))
            assert bids(fresh, tape) == {"IBM": 1800400}
            wait_for_words(said, "the server answers again")
            assert said.empty()  # before this server ends, too


def test_a_market_that_makes_its_own_quotes_says_once_too_that_valkey_is_away(
    synthetic: Market, short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: queue.Queue[float] = queue.Queue()
    pause_after = Outage.pause_after

    def counted(outage: Outage, error: Exception) -> float:
        tries.put(pause_after(outage, error))
        return 0.0  # so that many turns have nothing to publish

    monkeypatch.setattr(Outage, "pause_after", counted)
    url = f"unix://{short_folder}/valkey.sock?db=0"
    with own_valkey(short_folder) as client, what_the_hub_says() as said, running(synthetic, url):
        wait_for(client, synthetic, lambda: bids(client, synthetic) or None)
        client.shutdown(nosave=True)
        pauses = [tries.get(timeout=PATIENCE) for _ in range(10)]
        with own_valkey(short_folder) as fresh:
            wait_for(fresh, synthetic, lambda: bids(fresh, synthetic) or None)
            wait_for_words(said, "a server does not answer")
            wait_for_words(said, "the server answers again")
            assert said.empty()  # before this server ends, too
    assert pauses == sorted(pauses)


def wait_for_words(said: queue.Queue[str], words: str) -> None:
    while not said.get(timeout=PATIENCE).startswith(words):
        pass


@contextmanager
def what_the_hub_says() -> Iterator[queue.Queue[str]]:
    """Collect the hub's warnings while the block lasts."""
    said: queue.Queue[str] = queue.Queue()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.put(record.getMessage())

    logger, collector = logging.getLogger("matching.market.hub"), Collector(logging.WARNING)
    logger.addHandler(collector)
    yield said
    logger.removeHandler(collector)


@contextmanager
def own_valkey(folder: Path) -> Iterator[redis.Redis]:
    """Run a Valkey of this test's own, which may be stopped within the block."""
    from raxx.embedded import valkey_binary

    path = folder / "valkey.sock"
    arguments = [
        str(valkey_binary()),
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL) as server:
        client = connect(f"unix://{path}?db=0", timeout=WRITE_TIMEOUT)
        try:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                with suppress(*DOWN):
                    client.ping()
                    break
            yield client
        finally:
            client.close()
            server.terminate()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Return a folder whose name leaves room for a socket's."""
    with TemporaryDirectory(prefix="raxx-") as name:
        yield Path(name)
