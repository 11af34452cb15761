"""What the database knows of the last anchor, beside the files: so each of the two shows who was at the other.

The files show what the tables' owner rewrites. The row shows that files were taken away or put back as they were earlier,
by who may do that and no more: the user of all processes, say. Who owns both is seen by neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import connection

from accounts.audit import anchors
from accounts.audit.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from accounts.audit.history import History

HELP = "see deploy/recovery.md, The anchors"

# A backup of an earlier release has no such table until it is migrated, and is verified before.
_IS_THERE = "select to_regclass('public.accounts_knownanchor') is not null"
_KNOWN = "select number, digest, ended_number, ended_digest from accounts_knownanchor"
# Of two who have anchored at once the later one counts; and none who went by a line that was ended meanwhile.
_KEEP = """
insert into accounts_knownanchor as k (id, number, digest, ended_number, ended_digest) values (1, %s, %s, 0, '')
    on conflict (id) do update set number = excluded.number, digest = excluded.digest
 where k.number < excluded.number and (k.ended_number, k.ended_digest) = (%s, %s)"""


class Known(NamedTuple):
    """The last anchor that the database knows, 0 for none; and the last one of the line of anchors that was ended."""

    number: int = 0
    digest: str = anchors.NONE_BEFORE
    ended_number: int = 0
    ended_digest: str = ""


NOTHING = Known()


def last_known() -> Known:
    """Return what the database knows now. To be asked before the folder is: a file is there before it is known."""
    with connection.cursor() as cursor:
        cursor.execute(_IS_THERE)
        if cursor.fetchone() != (True,):
            return NOTHING
        cursor.execute(_KNOWN)
        row = cursor.fetchone()
    return NOTHING if row is None else Known._make(row)


def keep(known: Known, *, number: int, digest: str) -> None:
    """Have the database know a later anchor than `known`, the one that its writer went by."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [number, digest, known.ended_number, known.ended_digest])


def add_faults(history: History, folder: Path, known: Known) -> None:
    """Add to what the anchors of a folder come to what is wrong with them by what the database knows."""
    told = {(fault.kind, fault.seq) for fault in history.faults}
    history.faults += [fault for fault in _faults(folder, known) if (fault.kind, fault.seq) not in told]


def _faults(folder: Path, known: Known) -> Iterator[Fault]:
    if not known.number:
        if known.ended_number and _digest(folder, known.ended_number) == known.ended_digest:
            text = f"is of the line that was ended: let RAXX_AUDIT_ANCHORS name a new folder; {HELP}"
            yield _fault(known.ended_number, text)
        return
    found = _digest(folder, known.number)
    if found is None:
        yield _fault(known.number, f"is missing in {folder}, and the database knows it; {HELP}")
    elif found != known.digest:
        yield _fault(known.number, f"is another than the one that the database knows; {HELP}")


def _digest(folder: Path, number: int) -> str | None:
    """Return the digest of an anchor as it stands, None where there is none, "" for what is none any more."""
    try:
        return anchors.read(folder, number).digest
    except anchors.AnchorBroken:
        return "" if number in anchors.numbers(folder) else None


def _fault(number: int, text: str) -> Fault:
    return Fault(kind=Kind.ANCHOR, chain=None, seq=number, text=f"anchor {number} {text}")
