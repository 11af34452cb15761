"""One chain, entry by entry: whether each is what it says, and follows the one before.

Fed with what is stored, in order; knows no database. A fault is named for what somebody did, as far as
the hashes still tell.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from accounts.audit.entries import NO_HASH, hash_of
from accounts.audit.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from accounts.audit.entries import StoredEntry
    from accounts.audit.history import Point
    from accounts.audit.merkle import Head

KEPT = timedelta(days=730)  # as accounts_forget_chain has it


class Forgotten(NamedTuple):
    """What accounts_forget_chain says it took away: everything up to here."""

    seq: int
    hash: bytes
    at: datetime


class Chain:
    """The state between one entry and the next. `begins` is None for a chain that is read from its beginning."""

    def __init__(
        self,
        chain: UUID,
        points: Mapping[int, Point],
        forgotten: Forgotten | None = None,
        begins: Head | None = None,
    ) -> None:
        self.chain = chain
        self.faults: list[Fault] = []
        self._points = points
        self._forgotten = forgotten
        self._is_rewritten = False
        self._is_moved = 0  # by how many numbers the entries stand too high
        # The last entry's number and hash, and what that one followed. None: not to be compared.
        self._seq, self._hash, self._before = 0, NO_HASH, None  # type: int, bytes | None, bytes | None
        if forgotten is not None:
            self._seq, self._hash = forgotten.seq, forgotten.hash
        if begins is not None and begins.seq > self._seq:
            self._seq, self._hash = begins.seq - 1, None
        self._begins_after = self._seq

    def take(self, entry: StoredEntry) -> None:
        """Judge the next entry."""
        if entry.seq <= self._seq:
            self._fault(Kind.INSERTED, entry.seq, "an entry stands before the first")
            return
        if entry.seq > self._seq + 1:
            self._is_missing(self._seq + 1, entry.seq - 1)
            self._hash = None
        moved = self._moved(entry)
        if moved is None:
            self._fault(Kind.EDITED, entry.seq, f"{entry.action} does not have the hash that it must have")
        elif moved > self._is_moved:
            self._fault(Kind.INSERTED, self._seq, "the entries after this one have been moved up")
        elif moved < self._is_moved:
            self._fault(Kind.REMOVED, entry.seq, "the entries from here on have been moved down")
        if moved in (None, self._is_moved) and self._hash is not None and entry.prev != self._hash:
            self._follows_wrongly(entry)
        self._judge_by_point(entry)
        self._is_moved = self._is_moved if moved is None else moved
        self._seq, self._hash, self._before = entry.seq, entry.hash, entry.prev

    def end(self, head: Head | None) -> None:
        """Judge the end of the chain by what the database and the anchors say of how long it is."""
        anchored = max(self._points, default=0)
        if head is not None and self._hash is None and self._seq == self._begins_after:
            self._seq = min(self._seq, head.seq)  # nothing was read: the head alone tells how far it goes
        if head is None:
            self._fault(Kind.HEAD, None, "the record of its end is missing")
        elif head.seq < self._seq - self._is_moved:
            self._fault(
                Kind.INSERTED,
                head.seq + 1,
                f"entries up to {self._seq} stand after the end, which is {head.seq}",
            )
        elif head.seq == self._seq and self._hash is not None and head.hash != self._hash:
            self._fault(Kind.EDITED, head.seq, "the record of the chain's end knows another last entry")
        end = self._is_moved + max(anchored, 0 if head is None else head.seq)
        if end > self._seq:
            self._fault(Kind.CUT_OFF, self._seq + 1, f"the entries from here to {end} are missing")
        self._judge_forgetting()

    def _moved(self, entry: StoredEntry) -> int | None:
        """Return by how many numbers the entry stands too high for its hash, None when no place is right."""
        for moved in (self._is_moved, self._is_moved + 1, self._is_moved - 1):
            if hash_of(entry if not moved else entry._replace(seq=entry.seq - moved)) == entry.hash:
                return moved
        return None

    def _is_missing(self, first: int, last: int) -> None:
        which = f"entry {first} is" if first == last else f"the entries from here to {last} are"
        self._fault(Kind.REMOVED, first, f"{which} missing")

    def _follows_wrongly(self, entry: StoredEntry) -> None:
        if self._before is not None and entry.prev == self._before:
            self._fault(Kind.INSERTED, self._seq, "the next entry follows the one before this one")
        elif self._seq == self._begins_after:
            self._fault(Kind.EDITED, entry.seq, "the first entry follows another")
        else:
            self._fault(Kind.EDITED, self._seq, "the next entry follows another than this one")

    def _judge_by_point(self, entry: StoredEntry) -> None:
        point = self._points.get(entry.seq)
        if point is None or point.hash == entry.hash or self._is_rewritten:
            return
        self._is_rewritten = True  # all that follows is another as well
        self._fault(
            Kind.REWRITTEN,
            entry.seq,
            f"anchor {point.number} of {point.at.isoformat()} knows another entry here; it was changed since then",
        )

    def _judge_forgetting(self) -> None:
        """Compare what was taken away by the rules with what the anchors know of it."""
        if self._forgotten is None:
            return
        seq, digest, at = self._forgotten
        for point_seq, point in self._points.items():
            if point_seq == seq and point.hash != digest:
                self._fault(
                    Kind.REWRITTEN, seq, f"was forgotten with another hash than anchor {point.number} knows"
                )
            if point_seq <= seq and point.after is not None and at - point.after < KEPT:
                self._fault(Kind.REMOVED, point_seq, f"was forgotten on {at.date()}, within the two years")
                return

    def _fault(self, kind: Kind, seq: int | None, text: str) -> None:
        self.faults.append(Fault(kind=kind, chain=self.chain, seq=seq, text=text))
