"""What must hold over all web processes at once, shown with two."""

from __future__ import annotations

import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import Tier
from accounts.models.user import new_id
from tests.api.processes import webs
from tests.counters import PATIENCE_S
from tests.factories.rows import make_api_key, make_user

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import redis

    from accounts.models import User
    from tests.api.processes import Web

ORDER = {
    "symbol": "IBM",
    "qty": "1",
    "side": "buy",
    "type": "limit",
    "limit_price": "10",
    "time_in_force": "day",
}


@pytest.fixture
def two(tmp_path: Path, market: object, valkey: redis.Redis) -> Iterator[list[Web]]:
    with webs(2, tmp_path, RAXX_BUDGETS="on", RAXX_TRUSTED_PROXIES="127.0.0.1") as running:
        yield running


def somebody_early_in_their_window() -> User:
    """Return a person of the smallest tier whose window does not end while we look."""
    while True:
        user_id = new_id()
        if is_early(str(user_id)):
            return make_user(id=user_id, tier=Tier.FREE)


def is_early(name: str) -> bool:
    """Whether a name's window, which begins at a second of its own, has most of its minute before it."""
    return (zlib.crc32(name.encode()) - int(time.time())) % 60 >= 50


def test_64_requests_at_once_over_two_processes_and_two_keys_are_exactly_the_budget(
    two: list[Web], make_bot: Any
) -> None:
    bot = make_bot(user=somebody_early_in_their_window())
    keys = [bot.key, make_api_key(bot.account)]
    together = threading.Barrier(64)
    answers: list[tuple[int, dict[str, str]]] = []

    def one(number: int) -> None:
        together.wait(PATIENCE_S)
        answers.append(two[number % 2].call(keys[number // 2 % 2], "GET", "/v2/clock"))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    accepted = [headers for status, headers in answers if status == 200]
    assert sorted(status for status, _ in answers) == [200] * 60 + [429] * 4
    assert sorted(int(headers["x-ratelimit-remaining"]) for headers in accepted) == [*range(60)]
    assert len({headers["x-ratelimit-reset"] for headers in accepted}) <= 2  # of one window, to a second


def test_a_revoked_key_is_refused_by_the_next_request_on_every_process(two: list[Web], bot: Any) -> None:
    for web in two:  # so that both remember the key, as they do on the path of orders
        assert web.call(bot.key, "POST", "/v2/orders", ORDER)[0] == 200
        assert web.call(bot.key, "GET", "/v2/account")[0] == 200

    bot.key.revoked_at = timezone.now()
    bot.key.save()

    assert [web.call(bot.key, "POST", "/v2/orders", ORDER)[0] for web in two] == [401, 401]
    assert [web.call(bot.key, "GET", "/v2/account")[0] for web in two] == [401, 401]
    assert bot.account.orders.count() == 2


def test_an_address_with_wrong_keys_is_refused_by_each_process_that_meets_it(
    two: list[Web], bot: Any
) -> None:
    bot.key.pk = "PKNOBODYSKEYNOBODYSK"
    address = next(name for host in range(256) if is_early(name := f"192.0.2.{host}"))

    first, second = (
        [web.call(bot.key, "GET", "/v2/clock", **{"X-Forwarded-For": address})[0] for _ in range(times)]
        for web, times in zip(two, (31, 2), strict=True)
    )

    assert first == [401] * 30 + [429]
    assert second == [401, 429]
