"""What a live market shows is kept, since nobody could make it again: minute by minute.

A minute that is over becomes one row a symbol in PostgreSQL (its bar, and its items compressed). The
minute that goes on is kept on Valkey, batch by batch, for those who may see it already, and for the
next hub, should this one end. Both may be lost: then the history has a hole, and no order is harmed.
"""

from __future__ import annotations

import logging
import time
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from matching.engine.types import Chunk, Kind
from matching.market import batch as batches, keys, rows
from matching.market.batch import concatenate
from matching.market.candles import MINUTE, minutes_of
from matching.market.publisher import Publisher
from matching.market.tape import cut
from matching.market.times import HOUR, SECOND
from matching.market.valkey import DOWN
from matching.models import RecordedMinute

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from matching.engine.types import Items

logger = logging.getLogger(__name__)

EXPIRES_S = 1_200  # of a minute on Valkey: long after its row was written
ITEMS_KEPT = 30 * 24 * HOUR  # after that a minute keeps its bar alone
LATEST_NS = 10 * SECOND  # how late an item of a minute may still come, by the wall
_WAITING_MAX = 60  # minutes that wait for PostgreSQL to come back


class RecordingPublisher(Publisher):
    """A publisher that also records what it publishes."""

    def __init__(self, client: redis.Redis, market_id: int, *, feed: str) -> None:
        super().__init__(client, market_id, feed=feed)
        self._recorder = Recorder(client, market_id)

    def resume(self) -> None:
        """Take over, with the minute that the earlier hub was in."""
        super().resume()
        self._recorder.resume(self.position.at)

    def publish(self, chunk: Chunk) -> None:
        """Record one batch and publish it: who hears of a minute's end finds all of that minute."""
        self._recorder.take(chunk)
        super().publish(chunk)
        self._recorder.turn(chunk.at)

    def beat(self) -> None:
        """Tell that we live, and store a minute that ended in silence."""
        super().beat()
        self._recorder.turn(time.time_ns() - LATEST_NS)


class Recorder:
    """Collects a market's items by the minute. What goes wrong is logged and costs history alone."""

    def __init__(self, client: redis.Redis, market_id: int) -> None:
        self._client = client
        self._market_id = market_id
        self._minutes: dict[int, dict[str, list[Items]]] = {}
        self._waiting: list[RecordedMinute] = []
        self._cleaned_at = 0

    def resume(self, at: int) -> None:
        """Go on with the minute that `at` lies in, as far as Valkey knows it."""
        minute = at // MINUTE * MINUTE
        for items in going_on(self._client, self._market_id, minute):
            self._collect(minute, items)

    def take(self, chunk: Chunk) -> None:
        """Record what was published."""
        found: dict[int, dict[str, Items]] = {}
        for symbol, items in chunk.items.items():
            minutes = items.at // MINUTE * MINUTE
            for minute in np.unique(minutes).tolist():
                found.setdefault(minute, {})[symbol] = cut(items, minutes == minute)
        for minute, of_minute in found.items():
            self._collect(minute, of_minute)
        self._keep(found)

    def turn(self, at: int) -> None:
        """Store the minutes that were over at `at`: a market's time never goes back."""
        over = [minute for minute in self._minutes if minute + MINUTE <= at]
        for minute in over:
            self._waiting += [
                record_of(self._market_id, symbol, minute, concatenate(pieces))
                for symbol, pieces in self._minutes.pop(minute).items()
            ]
        if over:
            self._store(at)

    def _collect(self, minute: int, found: Mapping[str, Items]) -> None:
        for symbol, items in found.items():
            self._minutes.setdefault(minute, {}).setdefault(symbol, []).append(items)

    def _keep(self, found: Mapping[int, dict[str, Items]]) -> None:
        """Put items where those look who may see the minute that goes on."""
        try:
            pipeline = self._client.pipeline(transaction=False)
            for minute, items in found.items():
                name = keys.minute(self._market_id, minute)
                pipeline.rpush(name, _encode(minute, items))
                pipeline.expire(name, EXPIRES_S)
            pipeline.execute()
        except DOWN as error:
            logger.warning("a part of this minute is not on Valkey: %s", error)

    def _store(self, at: int) -> None:
        try:
            with transaction.atomic():
                RecordedMinute.objects.bulk_create(self._waiting, ignore_conflicts=True)
                if at - self._cleaned_at > HOUR:
                    old = RecordedMinute.objects.filter(market=self._market_id, at__lt=at - ITEMS_KEPT)
                    old.filter(items__isnull=False).update(items=None)
                    self._cleaned_at = at
        except rows.DATABASE_DOWN as error:
            logger.warning("%s minutes of symbols wait to be recorded: %s", len(self._waiting), error)
            oldest = at - _WAITING_MAX * MINUTE
            self._waiting = [record for record in self._waiting if record.at >= oldest]
            return
        self._waiting = []


def record_of(market_id: int, symbol: str, minute: int, items: Items) -> RecordedMinute:
    """Return the row of one symbol's minute."""
    bar = minutes_of(items, are_bars=False)
    figures = {}
    if len(bar):  # of one minute, so one
        figures = {
            **{name: int(getattr(bar, name)[0]) for name in ("open", "high", "low", "close", "count")},
            **{name: float(getattr(bar, name)[0]) for name in ("volume", "turnover")},
        }
    return RecordedMinute(
        market_id=market_id,
        symbol=symbol,
        at=minute,
        has_auction=bool(np.isin(items.kind, (Kind.OPENING_AUCTION, Kind.CLOSING_AUCTION)).any()),
        items=zlib.compress(_encode(minute, {symbol: items})),
        **figures,
    )


def items_in(content: bytes, symbol: str) -> Items:
    """Return the items of a row's content."""
    return batches.decode(zlib.decompress(content)).chunk.items[symbol]


def going_on(client: redis.Redis, market_id: int, minute: int) -> list[dict[str, Items]]:
    """Return what Valkey has of a minute, in order. Raises `valkey.DOWN`."""
    stored: Any = client.lrange(keys.minute(market_id, minute), 0, -1)
    return [batches.decode(content).chunk.items for content in stored]


def _encode(minute: int, items: dict[str, Items]) -> bytes:
    return batches.encode(batches.Batch(run=0, before=0, chunk=Chunk(seq=0, at=minute, items=items)))
