"""One published piece of a market as bytes: what the hub puts on Valkey's stream, one batch an entry.

MessagePack: (run, before, seq, at, session, {symbol: columns}). `before` is the sequence of the
batch that went before, so that a reader notices what it missed; `session` is (seq, at, name,
ends_at) or null; `columns` are the ten columns of `Items`, little-endian int64, one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from matching.engine.types import Chunk, Items, Session, SessionChange
from matching.market.tracks import ITEM_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

_INT64 = np.dtype("<i8")

_SessionWire = tuple[int, int, str, int | None]
_BatchWire = tuple[int, int, int, int, _SessionWire | None, dict[str, bytes]]
_decoder = msgspec.msgpack.Decoder(_BatchWire)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A chunk of one run of a market, and the sequence that the reader should have seen before it."""

    run: int
    before: int
    chunk: Chunk


def encode(batch: Batch) -> bytes:
    """Return the batch as MessagePack."""
    chunk = batch.chunk
    items = {symbol: _columns(columns) for symbol, columns in chunk.items.items()}
    return msgspec.msgpack.encode(
        (batch.run, batch.before, chunk.seq, chunk.at, _session(chunk.session), items)
    )


def decode(data: bytes) -> Batch:
    """Return the batch of these bytes. Raises msgspec.ValidationError for anything else."""
    run, before, seq, at, session, columns = _decoder.decode(data)
    change = None
    if session is not None:
        change = SessionChange(seq=session[0], at=session[1], session=Session(session[2]), ends_at=session[3])
    items = {symbol: _items(data) for symbol, data in columns.items()}
    return Batch(run=run, before=before, chunk=Chunk(seq=seq, at=at, session=change, items=items))


def items_of(rows: Sequence[tuple[int, ...]]) -> Items:
    """Return rows in the order of `ITEM_COLUMNS` as columns."""
    return Items(*np.array(rows, dtype=np.int64).reshape(-1, len(ITEM_COLUMNS)).T.copy())


def concatenate(pieces: Sequence[Items]) -> Items:
    """Append columns of one symbol that follow one another."""
    if len(pieces) == 1:
        return pieces[0]
    return Items(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ITEM_COLUMNS))


def _session(change: SessionChange | None) -> _SessionWire | None:
    return None if change is None else (change.seq, change.at, change.session.value, change.ends_at)


def _columns(items: Items) -> bytes:
    return b"".join(getattr(items, name).astype(_INT64).tobytes() for name in ITEM_COLUMNS)


def _items(data: bytes) -> Items:
    return Items(*np.frombuffer(data, dtype=_INT64).reshape(len(ITEM_COLUMNS), -1))
