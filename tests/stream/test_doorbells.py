"""Ringing: an empty message on the right channel, and never a reason to fail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models.user import new_id
from matching.market import keys as market_keys
from trading import doorbells
from trading.stream import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis


FIRST, SECOND = new_id(), new_id()


@pytest.mark.parametrize(
    ("ring", "channels"),
    [
        (lambda: doorbells.ring_account([]), []),
        (lambda: doorbells.ring_account([FIRST]), [keys.account_bell(FIRST)]),
        (
            lambda: doorbells.ring_account([FIRST, SECOND]),
            [keys.account_bell(FIRST), keys.account_bell(SECOND)],
        ),
        (lambda: doorbells.ring_market(7), [market_keys.bell(7)]),
        (doorbells.ring_credentials, [keys.CREDENTIALS]),
    ],
)
def test_a_bell_is_an_empty_message_on_its_channel(
    valkey: redis.Redis, ring: Callable[[], None], channels: list[str]
) -> None:
    everything = valkey.pubsub()
    everything.psubscribe("*")
    assert everything.get_message(timeout=5)["type"] == "psubscribe"

    ring()
    valkey.publish("the end", b"")

    heard: list[tuple[str, bytes]] = []
    while not heard or heard[-1][0] != "the end":
        message: Any = everything.get_message(timeout=5)
        heard.append((message["channel"].decode(), message["data"]))
    assert heard == [*((channel, b"") for channel in channels), ("the end", b"")]


def test_a_valkey_that_is_away_costs_one_line_in_the_log_and_nothing_else(
    settings: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock?db=0"
    caplog.set_level(logging.INFO, "trading.doorbells")

    for _ in range(3):
        doorbells.ring_account([FIRST, SECOND])
        doorbells.ring_market(1)

    assert [record.levelname for record in caplog.records] == ["WARNING"]
