from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from matching.engine.types import Chunk, Session, SessionChange
from matching.market.batch import Batch, concatenate, decode, encode, items_of
from matching.market.tape import ITEM_COLUMNS

int64 = st.integers(-(2**63), 2**63 - 1)
columns = st.lists(st.tuples(*[int64] * len(ITEM_COLUMNS)), min_size=1, max_size=5)


def as_lists(batch: Batch) -> object:
    chunk = batch.chunk
    items = {
        symbol: [getattr(rows, name).tolist() for name in ITEM_COLUMNS]
        for symbol, rows in chunk.items.items()
    }
    return batch.run, batch.before, chunk.seq, chunk.at, chunk.session, items


@given(
    rows=st.dictionaries(st.sampled_from(["IBM", "BRK.B"]), columns),
    session=st.none()
    | st.builds(SessionChange, seq=int64, at=int64, session=st.sampled_from(Session), ends_at=int64),
    numbers=st.tuples(int64, int64, int64, int64),
)
def test_a_batch_arrives_as_it_was_sent(
    rows: dict[str, list[tuple[int, ...]]], session: SessionChange | None, numbers: tuple[int, int, int, int]
) -> None:
    items = {symbol: items_of(found) for symbol, found in rows.items()}
    chunk = Chunk(seq=numbers[2], at=numbers[3], session=session, items=items)
    batch = Batch(run=numbers[0], before=numbers[1], chunk=chunk)
    assert as_lists(decode(encode(batch))) == as_lists(batch)


def test_other_bytes_are_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(b"\x93\x01\x02\x03")


def test_pieces_are_joined_in_their_order() -> None:
    row = tuple(range(10))
    joined = concatenate([items_of([row]), items_of([(11, *row[1:]), (12, *row[1:])])])
    assert joined.seq.tolist() == [0, 11, 12]
    assert joined.eligible.dtype == np.int64
