"""A hub is killed before and after each batch that it publishes: nobody is told a thing twice, or anything wrong."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from django.utils import timezone

from matching.market import keys
from matching.market.batch import decode
from matching.market.calendar import ALWAYS_OPEN, XNYS
from matching.market.feeds import open_feed
from matching.market.latest import LatestReader
from matching.market.rows import market_state
from matching.market.sessions import always_open_sessions, compute_sessions
from matching.market.times import to_ns
from matching.models import CalendarDay, Market
from tests.faults.failpoints import AFTER, BEFORE
from tests.trading.stage import at, make_stage, quote, trade
from trading.services.markets import activate_market

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from matching.engine.types import Items
    from tests.faults.children import Child, Nursery

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 8
TAPE = [
    line
    for second in range(1, SECONDS)
    for line in (
        quote(second, f"9.9{second}", second, "10.05", 5),
        trade(second + 0.5, f"10.0{second % 5}", second),
    )
]
NUMBERS = {BEFORE: 2, AFTER: 1}  # whoever dies before a batch has published the one before it
LIVE_DEATHS = 6


def test_a_tape_is_published_whole_and_once_whenever_its_hub_dies(
    tmp_path: Path, nursery: Nursery, valkey: redis.Redis
) -> None:
    market = make_stage(tmp_path, TAPE).market

    undisturbed, none = _published(market, nursery, valkey, None)
    before, before_deaths = _published(market, nursery, valkey, BEFORE)
    after, after_deaths = _published(market, nursery, valkey, AFTER)

    assert len(undisturbed["items"]) == len(TAPE)
    assert before == after == undisturbed
    assert none == 0
    assert min(before_deaths, after_deaths) >= SECONDS - 1


def _published(
    market: Market, nursery: Nursery, valkey: redis.Redis, point: str | None
) -> tuple[dict[str, Any], int]:
    """Return all that hubs told of a tape while it moved on by seconds, and how many of them died of it."""
    valkey.flushall()
    hub: Child | None = None
    deaths = 0
    for second in range(SECONDS + 1):
        Market.objects.filter(pk=market.pk).update(anchor_at=at(second), paused=True)
        valkey.publish(keys.clock(market.pk), b"")
        while not _has_reached(valkey, market, second):
            if hub is None or hub.status is not None:
                deaths += hub is not None
                assert hub is None or hub.status == -9, hub.said
                hub = nursery.bear("hub", point, NUMBERS.get(point or "", 1))
            present = hub
            nursery.wait(
                lambda: present.status is not None or _has_reached(valkey, market, second),  # noqa: B023
                "nothing is published",
            )
    if hub is not None and hub.status is None:
        nursery.end(hub)
    entries: Any = valkey.xrange(keys.feed(market.pk))
    batches = [decode(entry[b"b"]).chunk for _, entry in entries]
    told = {
        "items": [row for batch in batches for items in batch.items.values() for row in _rows(items)],
        "sessions": [batch.session for batch in batches if batch.session],
        "latest": valkey.hgetall(keys.latest(market.pk)),
        "session": valkey.get(keys.session(market.pk)),
    }
    return told, deaths


def _has_reached(valkey: redis.Redis, market: Market, second: int) -> bool:
    stored = valkey.get(keys.published(market.pk))
    return stored is not None and json.loads(stored)["at"] >= to_ns(at(second))


def _rows(items: Items) -> list[tuple[int, ...]]:
    columns = (items.seq, items.at, items.kind, items.bid, items.ask, items.price, items.size)
    return [tuple(map(int, row)) for row in np.stack(columns, axis=1)]


def test_a_live_market_goes_on_with_higher_sequences_whenever_its_hub_dies(
    nursery: Nursery, valkey: redis.Redis
) -> None:
    market = _live_market()
    feed = open_feed(market_state(market.pk), valkey)
    seen: list[int] = []
    after = 0
    for number in range(LIVE_DEATHS):
        hub = nursery.bear("hub", (BEFORE, AFTER)[number % 2], 3)
        nursery.wait(lambda: hub.status is not None, f"the hub lives on: {hub.said}")  # noqa: B023
        assert hub.status == -9, hub.said
        while chunk := feed.read(after, time.time_ns(), 1_000):
            assert chunk.seq >= after
            after = chunk.seq
            rows = sorted(row[0] for items in chunk.items.values() for row in _rows(items))
            seen += [] if chunk.is_repeat else rows

    assert seen == sorted(set(seen))
    assert len(seen) > LIVE_DEATHS
    known = LatestReader(valkey).many(market.pk, ["AAPL"])["AAPL"]
    assert known.quote is not None
    assert known.quote.seq <= after
    published = json.loads(valkey.get(keys.published(market.pk)) or b"{}")
    assert published["seq"] == after


def _live_market() -> Market:
    """Return a synthetic market of one symbol, with as much of a calendar as it needs."""
    today = timezone.now().date()
    span = today - timedelta(days=10), today + timedelta(days=10)
    for name, days in ((XNYS, compute_sessions(*span)), (ALWAYS_OPEN, always_open_sessions(*span))):
        CalendarDay.objects.bulk_create([CalendarDay(calendar=name, **day.as_row()) for day in days])
    return activate_market(feed="synthetic", symbols=["AAPL"])
