"""The hub's pen: writes batches, latest values and its heartbeat to Valkey, each in one round trip.

What it writes of one batch it writes atomically (MULTI), so that a reader who takes the latest
values together with the stream's last id sees one state. It keeps its own copy of the latest
values and writes all of them again when it finds that Valkey has lost them.
"""

from __future__ import annotations

import json
import logging
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matching import metrics
from matching.engine.types import Chunk, Session
from matching.market import batch as batches, keys, latest

if TYPE_CHECKING:
    import redis

    from matching.engine.types import SessionChange

log = logging.getLogger(__name__)

STREAM_LENGTH = 1_000  # batches kept for readers that are a little late
HEARTBEAT_EXPIRY = 15  # seconds; several beats


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a market has been published: tape run, sequence and market time."""

    run: int
    seq: int
    at: int


class Publisher:
    """One market's published state. Every method but the constructor may raise `valkey.DOWN`."""

    def __init__(self, client: redis.Redis, market_id: int, *, feed: str) -> None:
        self.position = Position(run=0, seq=0, at=0)
        self.book = latest.LatestBook()
        self._client = client
        self._market_id = market_id
        self._feed = feed
        self._items = metrics.ITEMS.labels(str(market_id))
        self._session: SessionChange | None = None
        self._is_whole = False  # whether Valkey is known to hold everything that we do

    @property
    def session(self) -> SessionChange | None:
        """The session change in force, None before the first."""
        return self._session

    def recall(self) -> Position | None:
        """Return how far an earlier hub had published, None when Valkey does not know."""
        stored = self._client.get(keys.published(self._market_id))
        return Position(**json.loads(stored)) if stored else None

    def resume(self) -> None:
        """Take over what an earlier hub had published: a live market's quotes outlive its hub."""
        position = self.recall()
        if position is None:
            return
        fields: dict[Any, Any] = self._client.hgetall(keys.latest(self._market_id))
        stored: Any = self._client.get(keys.session(self._market_id))
        self._session = batches.decode(stored).chunk.session if stored else None
        session = self._session.session if self._session else Session.CLOSED
        self.book.put_back({name.decode(): latest.decode(value) for name, value in fields.items()}, session)
        self.position = position

    def begin(self, run: int, at: int) -> None:
        """Start a run of a tape with nothing known; the next write clears what Valkey holds."""
        self.position = Position(run=run, seq=0, at=at)
        self.book = latest.LatestBook()
        self._session = None
        self._is_whole = False

    def absorb(self, chunk: Chunk) -> None:
        """Take in what was published before, without publishing it again."""
        self._apply(chunk)
        self._is_whole = False

    def publish(self, chunk: Chunk) -> None:
        """Write one batch, the latest values that it changes, and how far the market has come."""
        was_at = self.position
        was_session = self._session
        changed = self._apply(chunk)
        pipeline = self._client.pipeline(transaction=True)
        if not self._is_whole:
            self._write_everything(pipeline)
        elif changed:
            fields: dict[Any, Any] = {symbol: latest.encode(self.book.symbols[symbol]) for symbol in changed}
            pipeline.hset(keys.latest(self._market_id), mapping=fields)
        if self._session is not was_session:
            self._write_session(pipeline)
        encoded = batches.encode(batches.Batch(run=was_at.run, before=was_at.seq, chunk=chunk))
        pipeline.xadd(keys.feed(self._market_id), {b"b": encoded}, maxlen=STREAM_LENGTH, approximate=True)
        self._finish(pipeline)
        try:
            pipeline.execute()
        except Exception:
            # The book has moved on and Valkey may not have: the next write makes it whole again.
            self._is_whole = False
            raise
        self._is_whole = True
        self._items.inc(sum(map(len, chunk.items.values())))

    def reach(self, at: int) -> None:
        """Say that the market has come to `at` without a further item."""
        if at > self.position.at:
            self.position = Position(run=self.position.run, seq=self.position.seq, at=at)
            self.beat()

    def beat(self) -> None:
        """Renew the heartbeat, and write everything again when Valkey has lost it."""
        # The session is written seldom: a batch that came after the loss has not put it back.
        if self._is_whole and self._session and not self._client.exists(keys.session(self._market_id)):
            log.warning("Valkey has lost the latest values: writing them again")
            self._is_whole = False
        pipeline = self._client.pipeline(transaction=True)
        if not self._is_whole:
            self._write_everything(pipeline)
        self._finish(pipeline)
        pipeline.execute()
        self._is_whole = True

    def _apply(self, chunk: Chunk) -> list[str]:
        changed = self.book.apply(chunk)
        self._session = chunk.session or self._session
        self.position = Position(run=self.position.run, seq=chunk.seq, at=chunk.at)
        return changed

    def _write_everything(self, pipeline: redis.client.Pipeline) -> None:
        pipeline.delete(keys.latest(self._market_id), keys.session(self._market_id))
        if self.book.symbols:
            fields: dict[Any, Any] = {
                symbol: latest.encode(value) for symbol, value in self.book.symbols.items()
            }
            pipeline.hset(keys.latest(self._market_id), mapping=fields)
        self._write_session(pipeline)

    def _write_session(self, pipeline: redis.client.Pipeline) -> None:
        if self._session is not None:
            chunk = Chunk(seq=self._session.seq, at=self._session.at, session=self._session)
            encoded = batches.encode(batches.Batch(run=self.position.run, before=0, chunk=chunk))
            pipeline.set(keys.session(self._market_id), encoded)

    def _finish(self, pipeline: redis.client.Pipeline) -> None:
        position = {"run": self.position.run, "seq": self.position.seq, "at": self.position.at}
        pipeline.set(keys.published(self._market_id), json.dumps(position))
        alive = {"feed": self._feed, "pid": os.getpid(), "wall": time.time_ns(), **position}
        pipeline.set(keys.heartbeat(self._market_id), json.dumps(alive), ex=HEARTBEAT_EXPIRY)
        pipeline.publish(keys.bell(self._market_id), b"")
