"""Plays wishes on a recorded tape: in any pieces, with restarts, on some symbols, by any engine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from matching.engine.types import MODEL_VERSION, Chunk, Decision, Event
from tests.acceptance.golden_orders import of_symbols
from tests.matching.engine.shadow import Shadow
from tests.matching.engine.tapes import Cancel, Place, Replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from matching.engine.engine import Engine
    from matching.engine.types import OrderId
    from matching.market.tape import TapeFeed
    from tests.acceptance.golden_orders import Wish
    from tests.matching.engine.tapes import Command

FILLS = (Event.FILL, Event.PARTIAL_FILL)
EVERYTHING = 10**9


@dataclass(frozen=True, kw_only=True)
class Played:
    """The decisions of one play, and the wishes that the engine would not take."""

    decisions: list[Decision]
    refused: list[OrderId]

    @property
    def fills(self) -> list[Decision]:
        return [decision for decision in self.decisions if decision.event in FILLS]

    def of(self, symbol: str) -> list[Decision]:
        return [decision for decision in self.decisions if decision.symbol == symbol]


def play(
    feed: TapeFeed,
    wishes: Sequence[Wish],
    new_engine: Callable[[], Any],
    *,
    until: int | None = None,
    piece: int = EVERYTHING,
    restarts: Collection[int] = (),
) -> Played:
    """Play a tape up to a sequence, `piece` rows at a time; rebuild the engine at the `restarts`."""
    return _Play(feed, new_engine, piece, sorted(restarts)).run(wishes, until or feed.last_seq)


def play_in_shards(
    wishes: Sequence[Wish],
    new_engine: Callable[[], Any],
    feeds: Iterable[TapeFeed],
    shards: Iterable[Sequence[str]],
    *,
    until: int,
) -> list[Played]:
    """Play each shard's symbols on its own part of the tape."""
    return [
        play(feed, of_symbols(wishes, symbols), new_engine, until=until)
        for feed, symbols in zip(feeds, shards, strict=True)
    ]


class _Play:
    def __init__(
        self, feed: TapeFeed, new_engine: Callable[[], Any], piece: int, restarts: list[int]
    ) -> None:
        self._feed, self._new_engine, self._piece, self._restarts = feed, new_engine, piece, restarts
        self._engine = new_engine()
        self._memory = Shadow() if restarts else None
        self._decisions: list[Decision] = []
        self._refused: list[OrderId] = []

    def run(self, wishes: Sequence[Wish], until: int) -> Played:
        for wish in wishes:
            if wish.seq > until:
                break
            self._advance(wish.seq)
            self._tell(wish)
        self._advance(until)
        return Played(decisions=self._decisions, refused=self._refused)

    def _advance(self, seq: int) -> None:
        feed = self._feed
        while (seen := self._engine.seq) < seq:
            limit = min(self._piece, seq - seen)
            if self._restarts and self._restarts[0] <= seen:
                self._restarts.pop(0)
                self._restart()
            elif self._restarts:
                limit = min(limit, self._restarts[0] - seen)
            chunk = feed.read(seen, feed.ends_at, limit)
            assert chunk is not None
            self._note(chunk, self._engine.advance(chunk))

    def _tell(self, wish: Wish) -> None:
        command = _command_of(wish)
        try:
            decisions = _obey(self._engine, command)
        except ValueError:  # as the matcher does: terms that the engine cannot work are refused
            assert wish.order is not None
            self._refused.append(wish.order.order_id)
        else:
            self._note(command, decisions)

    def _note(self, step: Chunk | Command, decisions: list[Decision]) -> None:
        self._decisions += decisions
        if self._memory is not None:
            engine, memory = self._engine, self._memory
            memory.note(step, decisions, engine.drain_queues(), engine.drain_watermarks())
            memory.chunks.clear()  # a restart reads the tape again, as the matcher does

    def _restart(self) -> None:
        assert self._memory is not None
        seq, at, engine = self._engine.seq, self._engine.at, self._new_engine()
        while engine.seq < seq and (chunk := self._feed.read(engine.seq, at, seq - engine.seq)):
            engine.rewind(chunk)
        engine.rewind(Chunk(seq=seq, at=at))
        self._engine = self._memory.rebuild(engine)


def _command_of(wish: Wish) -> Command:
    if wish.target is None:
        assert wish.order is not None
        return Place(wish.order, wish.legs)
    if wish.order is None:
        return Cancel(wish.target)
    return Replace(wish.target, wish.order)


def _obey(engine: Engine, command: Command) -> list[Decision]:
    match command:
        case Place(order, legs):
            return engine.place(order, legs)
        case Cancel(order_id):
            return engine.cancel(order_id)
        case Replace(order_id, successor):
            return engine.replace(order_id, successor)


def fingerprint(decisions: Sequence[Decision]) -> str:
    """Return the hash of decisions, every field of them, and of the rules' version."""
    text = json.dumps([MODEL_VERSION, *map(astuple, decisions)], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
