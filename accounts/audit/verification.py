"""Read the whole log, or what came since the last anchor, and judge it: independently of the database's functions.

One snapshot of the database, taken after the anchors were read: so what an anchor tells is in it.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID  # noqa: TC003 - msgspec reads it from the annotation

import msgspec
from django.db import connection, transaction

from accounts.audit.chain import Chain, Forgotten
from accounts.audit.entries import FORGOTTEN, StoredEntry
from accounts.audit.faults import Fault, Kind, Report
from accounts.audit.history import read_history
from accounts.audit.known import NOTHING, add_faults
from accounts.audit.merkle import Head
from accounts.models.audit import SYSTEM_CHAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from accounts.audit.history import History
    from accounts.audit.known import Known

    Row = TypeVar("Row", bound=tuple[Any, ...])

ROWS_AT_ONCE = 5_000
UNANCHORED_MAX = timedelta(hours=1)  # an older entry should stand in an anchor

_COLUMNS = ", ".join(f"e.{name}" for name in StoredEntry._fields)
_ENTRIES = f"select {_COLUMNS} from accounts_auditentry e order by e.chain, e.seq"
_ENTRIES_SINCE = f"""
select {_COLUMNS} from accounts_auditentry e
  left join unnest(%s::uuid[], %s::bigint[]) a(chain, seq) on a.chain = e.chain
 where e.seq >= coalesce(a.seq, e.seq) order by e.chain, e.seq"""
_HEADS = "select chain, seq, hash from accounts_audithead"
_FORGOTTEN = "select body, at from accounts_auditentry where chain = %s and action = %s order by seq"
_DETAILS = "select chain, digest, salt, details from accounts_auditdetail"


class _ForgottenChain(msgspec.Struct):
    chain: UUID
    hash: str
    seq: int


class _Tombstone(msgspec.Struct):
    before: _ForgottenChain


def verify(
    *,
    anchors: Path,
    keys: Mapping[str, Ed25519PublicKey],
    now: datetime,
    known: Known = NOTHING,
    since_anchor: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Judge the log by itself and by the anchors in a folder, signed by one of `keys` (by their names).

    The anchors themselves are judged by what was `known` of the last one before this was called.

    With `since_anchor` only what was appended since the last anchor is read, beginning with the entries that
    it names; details, and what was anchored before the last full anchor, are then not looked at. `now` is
    the wall clock's. `progress` is told how many entries were read.
    """
    history = read_history(anchors, keys, since_full=since_anchor)
    add_faults(history, anchors, known)
    judge = _Judge(history, now)
    with _snapshot():
        heads = {chain: Head(seq, bytes(digest)) for chain, seq, digest in _rows(_HEADS)}
        judge.learn_of_forgotten(_rows(_FORGOTTEN, SYSTEM_CHAIN, FORGOTTEN))
        begins = history.heads if since_anchor else {}
        entries = _rows(_ENTRIES)
        if since_anchor:
            entries = _rows(
                _ENTRIES_SINCE, list(history.heads), [head.seq for head in history.heads.values()]
            )
        judge.judge_chains(entries, heads, begins, progress)
        if not since_anchor:
            judge.judge_details(_rows(_DETAILS))
    return judge.report()


class _Judge:
    def __init__(self, history: History, now: datetime) -> None:
        self._history = history
        self._now = now
        self._faults = list(history.faults)
        self._forgotten: dict[UUID, Forgotten] = {}
        self._digests: dict[bytes, UUID] = {}
        self._entries = self._chains = 0
        self._oldest_unanchored: datetime | None = None

    def learn_of_forgotten(self, rows: Iterator[tuple[Any, ...]]) -> None:
        for body, at in rows:
            try:
                told = msgspec.json.decode(body, type=_Tombstone).before
                forgotten = Forgotten(told.seq, bytes.fromhex(told.hash), at)
            except (msgspec.DecodeError, ValueError):
                continue  # then the chain that it should tell of is simply missing
            # A day for a clock that goes otherwise; years would be a way around the two that are kept.
            if at < self._now + timedelta(days=1):
                self._forgotten[told.chain] = forgotten

    def judge_chains(
        self,
        rows: Iterator[tuple[Any, ...]],
        heads: Mapping[UUID, Head],
        begins: Mapping[UUID, Head],
        progress: Callable[[int], None] | None,
    ) -> None:
        unseen = heads.keys() | self._history.points.keys()
        for chain_id, entries in groupby(rows, key=lambda row: row[0]):
            chain = self._chain(chain_id, begins)
            for row in entries:
                entry = StoredEntry(*row)
                chain.take(entry)
                self._note(entry)
                if progress is not None and not self._entries % ROWS_AT_ONCE:
                    progress(self._entries)
            self._end(chain, heads.get(chain_id))
            unseen.discard(chain_id)
        for chain_id in sorted(unseen):
            self._end(self._chain(chain_id, begins), heads.get(chain_id))

    def judge_details(self, rows: Iterator[tuple[Any, ...]]) -> None:
        for chain, digest, salt, details in rows:
            if self._digests.get(digest) != chain:
                self._faults.append(_of_details(chain, "there are details that belong to no entry"))
            elif sha256(salt + details.encode()).digest() != digest:
                self._faults.append(_of_details(chain, "the details of an entry are not those of its digest"))

    def report(self) -> Report:
        last = self._history.last
        return Report(
            entries=self._entries,
            chains=self._chains,
            anchors=self._history.count,
            anchored_at=None if last is None else last.at,
            faults=tuple(self._faults),
            warnings=tuple(self._warnings()),
        )

    def _chain(self, chain: UUID, begins: Mapping[UUID, Head]) -> Chain:
        points = self._history.points.get(chain, {})
        return Chain(chain, points, self._forgotten.get(chain), begins.get(chain))

    def _end(self, chain: Chain, head: Head | None) -> None:
        chain.end(head)
        self._faults += chain.faults
        self._chains += 1

    def _note(self, entry: StoredEntry) -> None:
        self._entries += 1
        if entry.details_digest is not None:
            self._digests[entry.details_digest] = entry.chain
        known = self._history.heads.get(entry.chain)
        if known is None or entry.seq > known.seq:
            self._oldest_unanchored = min(self._oldest_unanchored or entry.at, entry.at)

    def _warnings(self) -> Iterator[str]:
        oldest, begins_at = self._oldest_unanchored, self._history.begins_at
        if self._history.last is None and self._entries:
            yield "there is no anchor: what the tables' owner rewrites as a whole cannot be seen"
        elif oldest is not None and self._now - oldest > UNANCHORED_MAX:
            yield f"entries since {oldest.isoformat()} stand in no anchor: is the worker running?"
        if begins_at > 1 and not self._history.faults:
            yield f"the anchors before {begins_at} were not read"


def _of_details(chain: UUID, text: str) -> Fault:
    return Fault(kind=Kind.DETAILS, chain=chain, seq=None, text=text)


@contextmanager
def _snapshot() -> Iterator[None]:
    """See one state of the database for as long as the block lasts, and change nothing."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
        yield


def _rows(statement: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a statement, a few thousand at a time, in PostgreSQL's binary form."""
    assert connection.connection is not None
    with connection.connection.cursor(name="audit", binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(statement, parameters)
        yield from cursor
