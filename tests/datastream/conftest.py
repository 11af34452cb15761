"""The recorded market of tests/marketdata, a hub that publishes it when a test says so, and its sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from matching.market.feeds import TapeConfig, tape_calendar
from matching.market.publisher import Publisher
from matching.market.times import SECOND, new_york, to_datetime
from raxx import roles
from tests.factories.sessions import session
from tests.marketdata.conftest import (  # noqa: F401 - fixtures
    _served_by_web,
    bare_market,
    bots,
    free,
    ibm,
    make_bot,
    market,
    pro,
    pro_plus,
    tape,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import redis

    from matching.models import Market
    from tests.factories.sessions import Session

ITEMS_AT_ONCE = 500


class Hub:
    """Moves the market's clock, and publishes the tape as far as it has come."""

    def __init__(self, market: Market, client: redis.Redis, owner: Session) -> None:  # noqa: F811
        config = TapeConfig.of(market.config)
        self._tape = config.open(tape_calendar(market.calendar, config.dates))
        self._publisher = Publisher(client, market.pk, feed="replay")
        self._publisher.begin(1, self._tape.starts_at)
        self._market_id = market.pk
        self.owner = owner

    def move(self, on: date, hour: int, minute: int = 0, second: int = 0) -> int:
        """Let it be this time in New York; what has happened by then is published. Returns the instant."""
        at = new_york(on, hour, minute) + second * SECOND
        set_clock = "update matching_market set anchor_at = %s where id = %s"
        self.owner.execute(set_clock, [to_datetime(at), self._market_id])
        while (chunk := self._tape.read(self._publisher.position.seq, at, ITEMS_AT_ONCE)) is not None:
            self._publisher.publish(chunk)
        self._publisher.reach(at)
        return at

    def publish(self, chunk: Any) -> None:
        """Publish a batch that the tape does not have."""
        self._publisher.publish(chunk)


@pytest.fixture
def hub(market: Market, valkey: redis.Redis) -> Iterator[Hub]:  # noqa: F811
    """Return the market's hub."""
    with session(roles.OWNER) as owner:
        yield Hub(market, valkey, owner)
