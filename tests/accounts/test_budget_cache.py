"""The cache that budgets are counted in: Django's own, with fewer trips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django_ratelimit.core import get_usage

from tests.counters import StandingClock

if TYPE_CHECKING:
    import redis

pytestmark = pytest.mark.usefixtures("budgets_on")

STOCK = "django.core.cache.backends.redis.RedisCache"


def usage(*, increment: bool = True) -> Any:
    return get_usage(None, group="test", key=lambda *_: "alice", rate=lambda *_: (3, 60), increment=increment)


def test_the_library_counts_in_it_as_in_django_s_own(
    settings: Any, valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    StandingClock().stand(monkeypatch)
    steps = [False, True, True, False, True, True, True, False]  # looks between counts

    ours = [usage(increment=increment) for increment in steps]
    valkey.flushall()
    settings.CACHES = {**settings.CACHES, "budgets": {**settings.CACHES["budgets"], "BACKEND": STOCK}}
    theirs = [usage(increment=increment) for increment in steps]

    assert ours == theirs
    assert [step["count"] for step in ours] == [0, 1, 2, 2, 3, 4, 5, 5]
    assert [step["should_limit"] for step in ours] == [False] * 5 + [True] * 3


def test_a_count_is_one_command(valkey: redis.Redis) -> None:
    usage()
    valkey.config_resetstat()

    for _ in range(10):
        usage()

    asked = {name: stat["calls"] for name, stat in valkey.info("commandstats").items()}
    assert asked == {
        "cmdstat_evalsha": 10,
        "cmdstat_incr": 10,  # the script's
        "cmdstat_config|resetstat": 1,
    } | {name: calls for name, calls in asked.items() if name == "cmdstat_expire"}


def test_a_server_that_has_forgotten_the_script_is_told_it_again(valkey: redis.Redis) -> None:
    assert usage()["count"] == 1
    valkey.script_flush()

    assert usage()["count"] == 2


def test_it_keeps_other_values_as_django_does(valkey: redis.Redis) -> None:
    cache = caches["budgets"]

    assert cache.add("a", 7, 30) is True
    assert cache.add("a", 8, 30) is False
    assert (cache.get("a"), cache.incr("a"), cache.incr("a", 5)) == (7, 8, 13)
    assert cache.add("b", {"any": "thing"}, 30) is True
    assert cache.get("b") == {"any": "thing"}
    with pytest.raises(ValueError, match="not found"):
        cache.incr("nobody has put it there")


def test_what_one_key_was_counted_to_is_never_told_of_another(valkey: redis.Redis) -> None:
    cache = caches["budgets"]
    cache.add("a", 1, 30)
    cache.add("a", 1, 30)
    cache.set("b", 40, 30)

    assert cache.incr("b") == 41
    assert cache.incr("a") == 2  # what the second `add` had counted to
    assert cache.incr("a") == 3
