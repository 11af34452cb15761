"""How often one address may fail before it is refused unseen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from accounts import budgets, throttling
from accounts.errors import RateLimited
from accounts.throttling import ADDRESS_LIMITS, attempt, count_failure, refuse_if_blocked
from tests.counters import PATIENCE_S, StandingClock, count_at, silent_server

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("budgets_on")

HERE, THERE = "192.0.2.1", "192.0.2.2"
KINDS = sorted(ADDRESS_LIMITS)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, budgets_on: None) -> StandingClock:
    standing = StandingClock()
    standing.stand(monkeypatch)
    return standing


def is_refused(act: Callable[[Any, str], None], kind: Any, address: str = HERE) -> bool:
    try:
        act(kind, address)
    except RateLimited:
        return True
    return False


def fail(kind: Any, times: int, address: str = HERE) -> None:
    for _ in range(times):
        count_failure(kind, address)


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_may_fail_so_often_and_is_then_refused(kind: Any) -> None:
    limit = ADDRESS_LIMITS[kind].rate.limit
    fail(kind, limit - 1)
    assert not is_refused(refuse_if_blocked, kind)

    fail(kind, 1)

    assert is_refused(refuse_if_blocked, kind)
    assert not is_refused(refuse_if_blocked, kind, THERE)
    assert not any(is_refused(refuse_if_blocked, other) for other in KINDS if other != kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_address_may_try_again_when_it_was_told(clock: StandingClock, kind: Any) -> None:
    fail(kind, ADDRESS_LIMITS[kind].rate.limit)
    with pytest.raises(RateLimited, match="rate limit exceeded") as refusal:
        refuse_if_blocked(kind, HERE)
    assert 1 <= refusal.value.context["retry_after"] <= ADDRESS_LIMITS[kind].rate.period_s

    clock.now += refusal.value.context["retry_after"] - 1
    assert is_refused(refuse_if_blocked, kind)
    clock.now += 1
    assert not is_refused(refuse_if_blocked, kind)


@pytest.mark.parametrize("kind", ["log_in", "ceremony", "sign_up", "mailbox", "recovery"])
def test_what_costs_us_either_way_is_counted_either_way(kind: Any) -> None:
    limit = ADDRESS_LIMITS[kind].rate.limit

    assert [is_refused(attempt, kind) for _ in range(limit + 2)] == [False] * limit + [True, True]
    assert not is_refused(attempt, kind, THERE)


def test_strangers_limits_are_stricter_than_the_smallest_budget() -> None:
    a_minute = {kind: limit.rate.limit * 60 / limit.rate.period_s for kind, limit in ADDRESS_LIMITS.items()}

    of_people = {kind: a_minute.pop(kind) for kind in ("page", "estimate", "review", "file")}  # who are known
    assert list(of_people.values()) == [600, 120, 60, 20]
    assert max(a_minute.values()) < 60


def test_many_attempts_at_once_are_no_more_than_one_after_the_other() -> None:
    refused: list[bool] = []
    together = threading.Barrier(64)

    def one() -> None:
        together.wait(PATIENCE_S)
        refused.append(is_refused(attempt, "log_in"))

    threads = [threading.Thread(target=one) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)

    assert sorted(refused) == [False] * ADDRESS_LIMITS["log_in"].rate.limit + [True] * 44


@pytest.mark.parametrize("kind", KINDS)
def test_all_addresses_of_an_ipv6_network_are_one(kind: Any) -> None:
    limit = ADDRESS_LIMITS[kind].rate.limit
    for host in range(limit):
        fail(kind, 1, f"2001:db8::{host:x}")

    assert is_refused(refuse_if_blocked, kind, "2001:db8::ffff:1")
    assert not is_refused(refuse_if_blocked, kind, "2001:db8:0:1::1")


def test_another_process_learns_of_a_bad_address_at_its_next_bad_key() -> None:
    fail("bad_key", 30)
    throttling.forget()  # what this process knew

    assert not is_refused(refuse_if_blocked, "bad_key")
    fail("bad_key", 1)
    assert is_refused(refuse_if_blocked, "bad_key")


def test_bad_keys_from_nobody_knows_where_block_nobody() -> None:
    fail("bad_key", 100, "")

    assert not is_refused(refuse_if_blocked, "bad_key", "")


def test_log_ins_from_nobody_knows_where_have_one_limit_together() -> None:
    fail("log_in", ADDRESS_LIMITS["log_in"].rate.limit, "")

    assert is_refused(refuse_if_blocked, "log_in", "")


@pytest.mark.parametrize("kind", ["log_in", "sign_up", "recovery"])
@pytest.mark.parametrize("act", [refuse_if_blocked, attempt])
def test_while_nobody_can_be_counted_strangers_are_refused_at_once(
    settings: Any, act: Callable[[Any, str], None], kind: Any
) -> None:
    with silent_server() as server:
        count_at(settings, server.url)

        refusals = []
        for _ in range(5):
            with pytest.raises(RateLimited) as refusal:
                act(kind, HERE)
            refusals.append(refusal.value.context)

        assert refusals == [{"retry_after": 5}] * 5
        assert server.asked == 1


def test_while_nobody_can_be_counted_each_process_counts_bad_keys_for_itself(settings: Any) -> None:
    with silent_server() as server:
        count_at(settings, server.url)
        fail("bad_key", 29)
        assert not is_refused(refuse_if_blocked, "bad_key")

        fail("bad_key", 1)

        assert is_refused(refuse_if_blocked, "bad_key")
        assert server.asked == 1
        assert budgets.breaker.outages == 1


def test_switched_off_nobody_is_refused(settings: Any) -> None:
    settings.RATELIMIT_ENABLE = False
    for kind in KINDS:
        fail(kind, 100)

    assert not any(is_refused(refuse_if_blocked, kind) or is_refused(attempt, kind) for kind in KINDS)


def test_the_memory_of_bad_addresses_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "BLOCKED_MAX", 3)
    for host in range(10):
        fail("bad_key", 30, f"192.0.2.{host}")

    assert len(throttling._blocked) <= 3
    assert is_refused(refuse_if_blocked, "bad_key", "192.0.2.9")
