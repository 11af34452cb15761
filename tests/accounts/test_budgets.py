"""A person's budget: so many requests a minute by their tier, counted once for all processes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from accounts import budget_cache, budgets
from accounts.budgets import Breaker, Budget, CounterAway, OwnCounter, Rate, Usage, spend
from accounts.models import Tier
from tests.counters import (
    NOON,
    PATIENCE_S,
    StandingClock,
    count_at,
    own_valkey,
    silent_server,
)

if TYPE_CHECKING:
    import redis

ALICE, BOB = UUID("01890a5d-ac96-774b-bcce-b302099a8057"), UUID("01890a5d-ac96-774b-bcce-b302099a8058")
TIERS = [(Tier.FREE, 60), (Tier.PRO, 600), (Tier.PRO_PLUS, 3_000)]

pytestmark = pytest.mark.usefixtures("budgets_on")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, budgets_on: None) -> StandingClock:
    standing = StandingClock()
    standing.stand(monkeypatch)
    return standing


def ask(user_id: UUID = ALICE, tier: str = Tier.FREE, *, must_be_counted: bool = False) -> Budget:
    budget = spend(user_id, tier, must_be_counted=must_be_counted)
    assert budget is not None
    return budget


def passed(answers: list[Budget]) -> int:
    return sum(answer.retry_after_s is None for answer in answers)


@pytest.mark.parametrize(("tier", "limit"), TIERS)
def test_each_tier_has_its_budget_and_not_one_request_more(
    clock: StandingClock, tier: Tier, limit: int
) -> None:
    answers = [ask(tier=tier) for _ in range(limit + 2)]

    assert passed(answers[:limit]) == passed(answers) == limit
    assert {answer.limit for answer in answers} == {limit}
    assert [answer.remaining for answer in answers] == [*range(limit - 1, -1, -1), 0, 0]


def test_one_person_s_requests_leave_the_other_s_budget_alone(clock: StandingClock) -> None:
    for _ in range(61):
        ask(ALICE)

    assert ask(BOB).remaining == 59


def test_another_tier_is_another_budget(clock: StandingClock) -> None:
    for _ in range(61):
        refused = ask(tier=Tier.FREE)

    assert refused.retry_after_s is not None
    assert ask(tier=Tier.PRO).remaining == 599
    assert ask(tier=Tier.FREE).retry_after_s is not None


def test_who_waits_as_told_has_a_new_budget_and_who_comes_a_second_early_has_not(
    clock: StandingClock,
) -> None:
    refused = [ask() for _ in range(61)][-1]

    assert refused.retry_after_s is not None
    assert 1 <= refused.retry_after_s <= 60
    assert refused.resets_at == NOON + refused.retry_after_s
    clock.now = refused.resets_at - 1
    assert ask().retry_after_s == 1
    clock.now = refused.resets_at
    assert ask() == Budget(limit=60, remaining=59, resets_at=refused.resets_at + 60)


def test_a_window_begins_at_another_second_for_each_person(clock: StandingClock) -> None:
    resets = {ask(UUID(int=number)).resets_at for number in range(50)}

    assert len(resets) > 10
    assert all(NOON < at <= NOON + 60 for at in resets)


@pytest.mark.parametrize(("tier", "limit"), TIERS)
def test_64_at_once_exactly_at_the_limit_are_exactly_the_budget(
    clock: StandingClock, valkey: redis.Redis, tier: Tier, limit: int
) -> None:
    free = 40  # of the 64
    for _ in range(limit - free):
        ask(tier=tier)

    answers: list[Budget] = []
    together = threading.Barrier(64)

    def one() -> None:
        together.wait(PATIENCE_S)
        answers.append(ask(tier=tier, must_be_counted=True))

    threads = [threading.Thread(target=one) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)

    assert (len(answers), passed(answers)) == (64, free)
    assert sorted(answer.remaining for answer in answers if answer.retry_after_s is None) == [*range(free)]
    assert budgets.breaker.outages == 0
    (counter,) = valkey.keys("raxx:budget*")
    assert int(valkey.get(counter) or 0) == limit + 64 - free
    assert 0 < valkey.ttl(counter) <= 65


def test_switched_off_nothing_is_counted(settings: Any, valkey: redis.Redis) -> None:
    settings.RATELIMIT_ENABLE = False

    assert [spend(ALICE, Tier.FREE, must_be_counted=True) for _ in range(100)] == [None] * 100
    assert valkey.keys("raxx:budget*") == []


def test_with_valkey_killed_reads_are_counted_here_and_orders_are_refused(
    settings: Any, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    with own_valkey() as server:
        count_at(settings, server.url)
        assert ask().remaining == 59
        server.kill()

        reads = [ask() for _ in range(61)]
        order = ask(must_be_counted=True)

        assert (passed(reads[:60]), passed(reads)) == (60, 60)
        assert [read.remaining for read in reads] == [*range(59, -1, -1), 0]
        assert order == Budget(limit=60, remaining=0, resets_at=NOON + 5, retry_after_s=5)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "budgets cannot be counted" in caplog.text

        server.start()
        clock.now += budgets.ASK_AGAIN_S
        assert ask(must_be_counted=True).retry_after_s is None
        assert [record.getMessage() for record in caplog.records][1:] == ["budgets are counted again"]
        assert (budgets.breaker.outages, budgets.breaker.is_away) == (1, False)


def test_a_stalled_valkey_costs_one_request_a_second_and_nobody_else(
    settings: Any, clock: StandingClock
) -> None:
    with silent_server() as server:
        count_at(settings, server.url)

        orders = [ask(must_be_counted=True) for _ in range(20)]
        reads = [ask() for _ in range(20)]

        assert (passed(orders), passed(reads), server.asked) == (0, 20, 1)
        assert {order.retry_after_s for order in orders} == {5}
        clock.now += budgets.ASK_AGAIN_S
        assert passed([ask(must_be_counted=True) for _ in range(20)]) == 0
        assert server.asked == 2


def test_a_stalled_valkey_is_met_within_the_time_that_a_refusal_may_take(
    settings: Any, clock: StandingClock
) -> None:
    with own_valkey() as server:
        count_at(settings, server.url)
        assert ask(must_be_counted=True).remaining == 59
        with server.stalled():
            # On a connection that it had accepted, and on a fresh one.
            refused = ask(must_be_counted=True)
            clock.now += budgets.ASK_AGAIN_S
            again = ask(must_be_counted=True)
        clock.now += budgets.ASK_AGAIN_S
        after = ask(must_be_counted=True)

    assert (refused.retry_after_s, again.retry_after_s, after.retry_after_s) == (5, 5, None)
    # A fresh connection costs both, one that is kept the second alone; no error of time is tried again.
    assert budget_cache.CONNECT_TIMEOUT_S + budget_cache.TIMEOUT_S < 0.3


def test_a_connection_that_valkey_has_closed_is_no_outage(clock: StandingClock, valkey: redis.Redis) -> None:
    ask()
    valkey.client_kill_filter(_type="normal", skipme=True)

    assert ask(must_be_counted=True).remaining == 58
    assert budgets.breaker.outages == 0


def test_a_valkey_that_refuses_to_write_is_one_that_is_away(
    settings: Any, clock: StandingClock, caplog: pytest.LogCaptureFixture
) -> None:
    with own_valkey() as server:
        count_at(settings, server.url)
        with server.client() as client:
            client.config_set("maxmemory", "1")

        assert ask(must_be_counted=True).retry_after_s == 5
        assert ask().retry_after_s is None
    assert len(caplog.records) == 1


def test_of_many_that_find_the_counter_away_one_asks_again() -> None:
    clock = StandingClock()
    breaker = Breaker(clock)
    breaker.failed(ConnectionError("gone"))
    clock.now += budgets.ASK_AGAIN_S

    assert [breaker.may_ask() for _ in range(5)] == [True, False, False, False, False]
    breaker.answered()
    assert [breaker.may_ask() for _ in range(5)] == [True] * 5


def test_whoever_may_not_ask_is_told_that_nobody_is_counted(clock: StandingClock) -> None:
    budgets.breaker.failed(ConnectionError("gone"))

    with pytest.raises(CounterAway):
        budgets.count("api", "somebody", Rate(limit=1))


def test_a_process_s_own_counter_begins_anew_with_each_window_and_stays_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budgets, "NAMES_MAX", 3)
    own, rate = OwnCounter(), Rate(limit=1)

    assert own.count("alice", rate, 61.0) == Usage(count=1, limit=1, left_s=59)
    assert own.count("alice", rate, 119.9) == Usage(count=2, limit=1, left_s=1)
    assert own.count("alice", rate, 120.0) == Usage(count=1, limit=1, left_s=60)
    assert own.count("alice", rate, 120.0, cost=0) == Usage(count=1, limit=1, left_s=60)
    for name in ("bob", "carol", "dave"):
        own.count(name, rate, 120.0)
    assert own.count("alice", rate, 120.0) == Usage(count=1, limit=1, left_s=60)  # forgotten: the oldest
