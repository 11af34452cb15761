"""/raxx/v1/market/tape and `manage.py tape`: an operator's hand on the clock."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from matching.market import keys
from matching.market.times import parse_rfc3339
from matching.models import Market, Shard
from tests.api.conftest import refusal
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_user
from trading.services import tape

PATH = "/raxx/v1/market/tape"
NOON = "2013-10-08T16:00:00Z"
LATER = "2013-10-08T17:30:00.5Z"
START = "2013-10-08T08:00:00Z"


@pytest.fixture
def operator(make_bot):
    return make_bot(scopes=["operator"])


@pytest.fixture
def reach(market, valkey):
    """Return a function that lets matcher and hub come to an instant, and tell of it."""

    def come(at, *, run=1, decided=True, published=True):
        ns = parse_rfc3339(at)
        if decided:
            Shard.objects.update(run=run, at=ns)
        if published:
            valkey.set(keys.published(market.pk), json.dumps({"run": run, "seq": 7, "at": ns}))
        valkey.publish(keys.progress(market.pk), b"")

    return come


@pytest.fixture
def bells(market, valkey):
    """Return a function that reads which of the market's bells were rung."""
    with valkey.pubsub(ignore_subscribe_messages=True) as listening:
        listening.subscribe(keys.clock(market.pk), keys.bell(market.pk))
        while listening.get_message(timeout=1) is None and len(listening.channels) < 2:
            pass

        def rung(count):
            messages = [listening.get_message(timeout=5) for _ in range(count + 2)] if count else []
            return {message["channel"].decode() for message in messages if message}

        yield rung


def test_the_status_tells_where_the_tape_stands(operator, market, reach):
    reach(NOON)

    assert operator.get(PATH).json() == {
        "market": market.name,
        "feed": "replay",
        "now": NOON,
        "paused": True,
        "speed": "1",
        "run": 1,
        "starts_at": "2013-10-08T08:00:00Z",
        "ends_at": "2013-10-09T00:00:00Z",
        "decided_at": NOON,
        "published_at": NOON,
        "version": 0,
    }


def test_while_a_shard_has_never_run_nothing_is_decided(operator, reach):
    Market.objects.update(shard_count=2)
    reach(NOON)

    assert operator.get(PATH).json()["decided_at"] is None


def test_before_anybody_has_begun_nothing_is_decided(operator):
    Shard.objects.all().delete()

    status = operator.get(PATH).json()

    assert (status["decided_at"], status["published_at"]) == (None, None)


def test_play_and_pause_move_the_stored_clock_and_ring_the_hub_and_the_matcher(operator, market, bells):
    assert operator.post(f"{PATH}/play").json()["paused"] is False
    playing = Market.objects.get()
    assert operator.post(f"{PATH}/pause").json()["paused"] is True
    paused = Market.objects.get()

    assert (playing.version, paused.version) == (1, 2)
    assert paused.anchor_at >= playing.anchor_at
    assert bells(4) == {keys.clock(market.pk), keys.bell(market.pk)}


def test_a_control_that_changes_nothing_is_no_new_version(operator):
    assert operator.post(f"{PATH}/pause").json()["version"] == 0


@pytest.mark.parametrize(("sent", "stored"), [(5, "5"), ("2.5", "2.5"), (0.001, "0.001"), ("max", "max")])
def test_the_speed_is_a_number_or_max(operator, sent, stored):
    assert operator.post(f"{PATH}/speed", {"speed": sent}).json()["speed"] == stored


@pytest.fixture
def meanwhile(market, valkey):
    """Return a context in which a call goes on in a thread, from when it has rung the clock's bell."""

    @contextmanager
    def calling(call):
        def work():
            try:
                answers.append(call())
            finally:
                connections.close_all()

        answers: list[Any] = []
        with valkey.pubsub(ignore_subscribe_messages=True) as clock_bell:
            clock_bell.subscribe(keys.clock(market.pk))
            clock_bell.get_message(timeout=5)
            thread = threading.Thread(target=work)
            thread.start()
            while clock_bell.get_message(timeout=5) is None:
                assert thread.is_alive(), "the call ended without a ring"
            yield answers
            thread.join()

    return calling


def test_a_restart_returns_when_every_shard_and_the_hub_have_begun_the_next_run(
    operator, market, reach, meanwhile, monkeypatch
):
    looks = _looks_of(monkeypatch)
    Shard.objects.create(market=market, number=1, run=1, at=parse_rfc3339(NOON))
    reach(NOON)

    with meanwhile(lambda: operator.post(f"{PATH}/restart")) as answers:
        Shard.objects.filter(number=0).update(run=2, at=parse_rfc3339(START))
        reach(START, run=2, decided=False)  # the hub and one of the shards
        looks.next()
        assert answers == []
        reach(START, run=2)

    status = answers[0].json()
    assert (status["run"], status["now"], status["paused"]) == (2, START, True)
    assert (status["decided_at"], status["published_at"]) == (START, START)


def test_a_restart_that_nobody_follows_is_told_as_such_and_stays(operator, reach, monkeypatch):
    monkeypatch.setitem(tape.restart.__kwdefaults__, "within_s", 0.2)
    reach(NOON)

    answer = operator.post(f"{PATH}/restart")

    assert refusal(answer) == (503, 50310000)
    assert "the matcher stands at nothing of this run" in answer.json()["message"]
    assert operator.get(PATH).json()["run"] == 2


def test_an_advance_returns_when_everything_up_to_it_is_decided_and_published(
    operator, reach, meanwhile, monkeypatch
):
    looks = _looks_of(monkeypatch)
    reach(NOON)
    with meanwhile(lambda: operator.post(f"{PATH}/advance", {"to": LATER})) as answers:
        moved = Market.objects.get()
        reach(LATER, published=False)
        looks.next()
        assert answers == []
        reach(LATER)

    assert moved.anchor_at == datetime.fromisoformat(LATER)
    assert answers[0].status_code == 200, answers[0].content
    assert {name: answers[0].json()[name] for name in ("now", "decided_at", "published_at")} == dict.fromkeys(
        ("now", "decided_at", "published_at"), LATER
    )


def test_an_advance_waits_for_every_shard(operator, market, reach, monkeypatch):
    monkeypatch.setitem(tape.advance.__kwdefaults__, "within_s", 0.2)
    reach(LATER)
    Shard.objects.create(market=market, number=1, run=1, at=parse_rfc3339(NOON))

    answer = operator.post(f"{PATH}/advance", {"to": LATER})

    assert refusal(answer) == (503, 50310000)
    assert (answer.json()["decided_at"], answer.json()["published_at"]) == (NOON, LATER)
    assert operator.get(PATH).json()["now"] == LATER  # the market goes on towards it


def test_an_advance_to_where_the_tape_stands_only_waits(operator, reach):
    reach(NOON)

    assert operator.post(f"{PATH}/advance", {"to": NOON}).json()["version"] == 0


def test_an_advance_ends_when_the_tape_is_restarted_meanwhile(operator, reach, meanwhile, monkeypatch):
    monkeypatch.setitem(tape.restart.__kwdefaults__, "within_s", 0)  # nobody follows
    reach(NOON)
    with meanwhile(lambda: operator.post(f"{PATH}/advance", {"to": LATER})) as answers:
        operator.post(f"{PATH}/restart")

    assert refusal(answers[0]) == (422, 42210000)


@pytest.mark.parametrize("action", ["play", "pause", "restart", "advance", "speed"])
def test_a_market_that_nobody_runs_is_not_moved_and_still_tells_its_status(operator, action):
    Market.objects.update(is_active=False)
    before = Market.objects.values().get()

    answer = operator.post(f"{PATH}/{action}", {"to": LATER, "speed": 5})

    assert refusal(answer) == (422, 42210000)
    assert answer.json()["message"] == "the market of this account is not running"
    assert Market.objects.values().get() == before
    assert operator.get(PATH).json()["now"] == NOON


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("advance", {"to": "2013-10-08T15:59:59Z"}, (422, 42210000)),
        ("advance", {"to": "2013-10-09T00:00:01Z"}, (422, 42210000)),
        ("advance", {"to": "soon"}, (422, 40010001)),
        ("advance", {"to": "9999-12-31T23:59:59-23:59"}, (422, 40010001)),
        ("advance", {"to": "0001-01-01T00:00:00+23:59"}, (422, 40010001)),
        ("advance", {}, (422, 40010001)),
        ("advance", {"to": 5}, (400, 40010000)),
        ("advance", [], (400, 40010000)),
        ("speed", {"speed": 0}, (422, 40010001)),
        ("speed", {"speed": -1}, (422, 40010001)),
        ("speed", {"speed": "fast"}, (422, 40010001)),
        ("speed", {"speed": "1e9"}, (422, 40010001)),
        ("speed", {"speed": "0.0001"}, (422, 40010001)),
        ("speed", {}, (422, 40010001)),
    ],
)
def test_a_control_that_cannot_be_is_refused(operator, action, body, expected):
    before = Market.objects.values().get()

    assert refusal(operator.post(f"{PATH}/{action}", body)) == expected
    assert Market.objects.values().get() == before


@pytest.mark.parametrize("action", ["play", "pause", "restart", "advance", "speed"])
def test_a_market_on_the_wall_clock_cannot_be_controlled(operator, action):
    Market.objects.update(feed="synthetic", starts_at=None, ends_at=None)

    answer = operator.post(f"{PATH}/{action}", {"to": LATER, "speed": 5})

    assert refusal(answer) == (422, 42210000)
    assert operator.get(PATH).json()["speed"] is None


def test_a_playing_tape_is_not_advanced(operator):
    operator.post(f"{PATH}/play")

    assert refusal(operator.post(f"{PATH}/advance", {"to": LATER})) == (422, 42210000)


def test_a_traders_key_cannot_touch_the_clock(bot):
    for action in ("play", "pause", "advance", "restart", "speed"):
        assert refusal(bot.post(f"{PATH}/{action}", {})) == (403, 40310000)


def run(capsys, *arguments):
    call_command("tape", "--json", *arguments)
    return json.loads(capsys.readouterr().out)


def test_the_command_does_what_the_paths_do(market, reach, meanwhile, capsys):
    reach(NOON)

    assert run(capsys, "status")["now"] == NOON
    assert run(capsys, "speed", "max")["speed"] == "max"
    assert run(capsys, "advance", "--to", NOON)["decided_at"] == NOON
    assert run(capsys, "play")["paused"] is False
    assert run(capsys, "pause")["paused"] is True
    with meanwhile(lambda: run(capsys, "restart")) as restarted:
        reach(START, run=2)
    assert (restarted[0]["run"], restarted[0]["decided_at"]) == (2, START)


@pytest.mark.parametrize(
    "arguments",
    [
        ("advance", "--to", "soon"),
        ("advance", "--to", "9999-12-31T23:59:59-23:59"),
        ("advance", "--to", "2013-10-08T15:00:00Z"),
        ("speed", "fast"),
    ],
)
def test_the_command_says_in_one_line_why_it_refuses(market, arguments):
    with pytest.raises(CommandError):
        call_command("tape", *arguments)


def test_the_command_prints_a_line_a_fact(market, capsys):
    call_command("tape", "status")

    lines = capsys.readouterr().out.splitlines()
    assert f"{'now':15}{NOON}" in lines
    assert f"{'decided_at':15}1970-01-01T00:00:00Z" in lines


class _Looks:
    """Counts the looks of whoever waits for the market, so that a test knows that one came in vain."""

    def __init__(self):
        self._changed, self._begun = threading.Condition(), 0

    def count(self, look):
        def counted(*args):
            with self._changed:
                self._begun += 1
                self._changed.notify_all()
            return look(*args)

        return counted

    def next(self):
        """Return when a look that begins after this call has ended, because another one begins."""
        with self._changed:
            wanted = self._begun + 2
            assert self._changed.wait_for(lambda: self._begun >= wanted, timeout=20)


def _looks_of(monkeypatch):
    looks = _Looks()
    monkeypatch.setattr(tape, "_wait_for_ring", looks.count(tape._wait_for_ring))
    return looks


@pytest.mark.parametrize("verb", ["play", "pause", "advance", "restart", "speed"])
def test_staff_at_a_screen_show_their_passkey_before_they_turn_everybody_s_clock(market, valkey, verb):
    staff = make_user(is_staff=True)
    make_account(staff, market=market)
    stale = signed_in(staff, is_fresh=False)
    before = Market.objects.values().get()

    refused = stale.post(f"{PATH}/{verb}", {})

    assert (refused.status_code, refused.json()["error"]) == (401, "step_up_required")
    assert Market.objects.values().get() == before
    assert stale.get(PATH).status_code == 200
    assert signed_in(staff).post(f"{PATH}/pause", {}).status_code == 200
