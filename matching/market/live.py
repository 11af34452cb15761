"""A live market as the hub publishes it: a feed that cannot go back.

It begins with a snapshot (every symbol's standing quote, whether it is halted, and the session) and
goes on with the stream's batches. When it finds that it missed one (the stream is short, Valkey may restart), it
takes a new snapshot: what happened in between is not seen, but no quote stays wrong.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matching.engine.types import Chunk, Kind, SessionChange
from matching.market import keys, latest
from matching.market.batch import concatenate, decode, items_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import redis

    from matching.engine.types import Items
    from matching.market.batch import Batch
    from matching.market.calendar import Calendar, Change

_ENTRIES_AT_ONCE = 100
_CHANGES_TOLD = 8  # two days of them: an older close ends nothing that these do not


class LiveFeed:
    """Implements `matching.ports.Feed` on a market's stream; the caller listens to its bell.

    With `only`, the items of other symbols are left out. With a `calendar`, the session changes
    since `since` (the time that the reader had come to, nanoseconds) are told although nobody saw
    them, so that every close ends its day orders. Reading raises `valkey.DOWN` when Valkey does not
    answer; nothing that was read before is lost by it.
    """

    replayable = False
    without_prints: frozenset[str] = frozenset()  # a live market prints, sooner or later

    def __init__(
        self,
        client: redis.Redis,
        market_id: int,
        *,
        only: Collection[str] | None = None,
        calendar: Calendar | None = None,
        since: int | None = None,
    ) -> None:
        self._client = client
        self._market_id = market_id
        self._only = None if only is None else frozenset(only)
        self._calendar = calendar
        self._at = since
        self._entry_id: bytes | None = None  # None: the next read begins with a snapshot
        self._is_opening = True
        self._halted: set[str] = set()  # as the reader was told
        self._seen = 0  # sequence of the last batch taken from the stream
        self._first: deque[Chunk] = deque()  # missed session changes and the snapshot after them
        self._waiting: deque[Batch] = deque()

    def snapshot(self) -> Chunk | None:
        """Return the standing quotes and session as one chunk, and go on reading after it.

        Each quote keeps the sequence under which it was published. None: nothing is published yet.
        """
        pipeline = self._client.pipeline(transaction=True)
        pipeline.xrevrange(keys.feed(self._market_id), count=1)
        pipeline.hgetall(keys.latest(self._market_id))
        pipeline.get(keys.session(self._market_id))
        pipeline.get(keys.published(self._market_id))
        newest, fields, session, published = pipeline.execute()
        if published is None:
            return None
        position = json.loads(published)
        values = {name.decode(): latest.decode(value) for name, value in sorted(fields.items())}
        now = (position["seq"], position["at"])
        known = {
            symbol: _standing(value, now, was_halted=symbol in self._halted)
            for symbol, value in values.items()
            if self._wants(symbol)
        }
        self._halted = {symbol for symbol in known if values[symbol].is_halted}
        self._entry_id, self._seen = (newest[0][0] if newest else b"0-0"), position["seq"]
        self._waiting.clear()
        return Chunk(
            seq=position["seq"],
            at=position["at"],
            is_repeat=True,
            session=decode(session).chunk.session if session else None,
            items={symbol: items for symbol, items in known.items() if len(items)},
        )

    def read(self, after: int, until: int, limit: int) -> Chunk | None:
        """Return what was published after sequence `after` and up to time `until`, None when nothing was.

        The first read is for catching up without decisions: it returns the quotes that stand now, in
        the session that the reader was in at `since`; the session changes that it missed follow, one
        a chunk. Any later snapshot (nothing was there at first, or a gap) comes after the changes
        that were missed. A snapshot repeats quotes from before `after`; its sequence is at least `after`.
        """
        self._take_in(limit)
        if self._entry_id is None and not self._first and (chunk := self.snapshot()) is not None:
            self._first.extend(self._caught_up(replace(chunk, seq=max(chunk.seq, after)), after))
        self._is_opening = False
        chunk = self._first.popleft() if self._first else self._next(after, until, limit)
        if chunk is not None:
            chunk = replace(chunk, at=min(chunk.at, until))
            self._at = chunk.at
        return chunk

    def _next(self, after: int, until: int, limit: int) -> Chunk | None:
        taken: list[Chunk] = []
        count = 0
        while self._waiting and count < max(1, limit):
            chunk = self._waiting[0].chunk
            if chunk.at > until or (taken and chunk.session is not None):
                break
            self._waiting.popleft()
            if chunk.seq > after:
                taken.append(chunk)
                count += sum(len(items) for items in chunk.items.values())
        return self._joined(taken, until) if taken else None

    def _caught_up(self, snapshot: Chunk, after: int) -> list[Chunk]:
        """Return the snapshot together with the session changes between it and what was read before."""
        if self._calendar is None or self._at is None or snapshot.session is None:
            return [snapshot]
        changes = self._calendar.changes(self._at, snapshot.session.at)[-_CHANGES_TOLD:]
        if not changes:
            return [snapshot]
        if self._is_opening:
            known = _told(self._calendar.change_in_force(self._at), after)
            later = [_told(change, snapshot.seq) for change in changes]
            told = [replace(snapshot, session=change, items={}) for change in later]
            return [replace(snapshot, session=known), *told]
        earlier = [_told(change, after) for change in changes[:-1]]  # the last one is the snapshot's own
        return [
            *(Chunk(seq=after, at=change.at, session=change, is_repeat=True) for change in earlier),
            snapshot,
        ]

    def _take_in(self, limit: int) -> None:
        """Move what is new on the stream to the waiting batches; a gap asks for a new snapshot."""
        if self._entry_id is None or len(self._waiting) > limit:
            return
        for entry_id, entry in self._entries(self._entry_id):
            batch = decode(entry[b"b"])
            if batch.before != self._seen:
                self._waiting.clear()
                self._entry_id = None
                return
            self._entry_id, self._seen = entry_id, batch.chunk.seq
            self._waiting.append(batch)

    def _entries(self, after: bytes) -> Iterable[tuple[bytes, dict[bytes, bytes]]]:
        answer: Any = self._client.xread({keys.feed(self._market_id): after}, count=_ENTRIES_AT_ONCE)
        return [entry for _, entries in answer or () for entry in entries]

    def _joined(self, chunks: list[Chunk], until: int) -> Chunk:
        pieces: dict[str, list[Items]] = {}
        for chunk in chunks:
            for symbol, items in chunk.items.items():
                if self._wants(symbol):
                    pieces.setdefault(symbol, []).append(items)
                    self._note_halts(symbol, items)
        last = chunks[-1]
        return Chunk(
            seq=last.seq,
            at=last.at if self._waiting else max(last.at, until),
            session=chunks[0].session,
            items={symbol: concatenate(parts) for symbol, parts in pieces.items()},
        )

    def _note_halts(self, symbol: str, items: Items) -> None:
        halts = items.kind[(items.kind == Kind.HALT) | (items.kind == Kind.RESUME)]
        if len(halts):
            (self._halted.add if halts[-1] == Kind.HALT else self._halted.discard)(symbol)

    def _wants(self, symbol: str) -> bool:
        return self._only is None or symbol in self._only


def _told(change: Change, seq: int) -> SessionChange:
    return SessionChange(seq=seq, at=change.at, session=change.session, ends_at=change.ends_at)


def _standing(known: latest.Latest, now: tuple[int, int], *, was_halted: bool) -> Items:
    """Return the quote that stands; before it that the symbol is halted, or after it that the halt is over.

    So the reader meets the quote in the right state. Without a quote the moment is `now`.
    """
    quotes, shown, moment = [], (0, 0, 0, 0), now
    if (quote := known.quote) is not None:
        shown, moment = (quote.bid, quote.bid_size, quote.ask, quote.ask_size), (quote.seq, quote.at)
        quotes = [(*moment, Kind.QUOTE, *shown, 0, 0, 1)]
    if known.is_halted:
        return items_of([(*moment, Kind.HALT, 0, 0, 0, 0, 0, 0, 0), *quotes])
    if was_halted:
        return items_of([*quotes, (*moment, Kind.RESUME, *shown, 0, 0, 0)])
    return items_of(quotes)
