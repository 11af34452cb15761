"""What the anchors say, all of them in order: the points through which each chain must go for ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from accounts.audit import anchors
from accounts.audit.faults import Fault, Kind
from accounts.audit.merkle import Head, root_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from accounts.audit.anchors import Anchor


class Point(NamedTuple):
    """A hash that an anchor vouches for."""

    hash: bytes
    number: int  # of the anchor that said it first
    at: datetime  # when that was
    after: datetime | None  # when the anchor before it was: the chain came here later than that


@dataclass(slots=True)
class History:
    """What a run of anchors comes to."""

    points: dict[UUID, dict[int, Point]] = field(default_factory=dict)
    heads: dict[UUID, Head] = field(default_factory=dict)  # as the last one knows them
    last: Anchor | None = None
    count: int = 0
    lines_since_full: int = 0
    files_since_full: int = 0
    faults: list[Fault] = field(default_factory=list)
    begins_at: int = 1  # the number of the first one that is there, where all were asked for


def read_history(folder: Path, keys: Mapping[str, Ed25519PublicKey], *, since_full: bool = False) -> History:
    """Read the anchors of a folder, with `since_full` those from the last full one on.

    An anchor that is not in order is a fault, and is believed nothing.
    """
    numbers = anchors.numbers(folder)
    history = History()
    if since_full:
        numbers = numbers[_last_full(folder, numbers) :]
    elif numbers:
        history.begins_at = numbers[0]
    for number in numbers:
        try:
            _take(history, anchors.read(folder, number), keys)
        except anchors.AnchorBroken as broken:
            history.faults.append(_fault(broken.number, str(broken)))
    return history


def _take(history: History, anchor: Anchor, keys: Mapping[str, Ed25519PublicKey]) -> None:
    anchor.require_signature(keys)
    number, last = anchor.facts.number, history.last
    missing = range(number if last is None else last.facts.number + 1, number)
    for gone in missing:
        if all((fault.kind, fault.seq) != (Kind.ANCHOR, gone) for fault in history.faults):  # else broken
            history.faults.append(_fault(gone, "is missing, and later ones are there"))
    _require_place(anchor, last, is_next=not missing)
    if last is None and number > 1 and not anchor.facts.is_full:
        history.faults.append(_fault(number, "is the first that is there, and tells of changes alone"))

    told = dict(anchor.heads())
    for chain, head in told.items():
        _note_point(
            history, chain, head, Point(head.hash, number, anchor.at, None if last is None else last.at)
        )
    history.heads.update(told)
    history.last, history.count = anchor, history.count + 1
    if anchor.facts.is_full:
        history.lines_since_full = history.files_since_full = 0
        if root_of(told).hex() != anchor.facts.root:
            history.faults.append(_fault(number, "has a root that is not that of its heads"))
    else:
        history.lines_since_full += anchor.facts.lines
        history.files_since_full += 1


def _require_place(anchor: Anchor, last: Anchor | None, *, is_next: bool) -> None:
    number, previous = anchor.facts.number, anchor.facts.previous
    if number == 1 and previous != anchors.NONE_BEFORE:
        raise anchors.AnchorBroken(number, "is the first, and names one before it")
    if last is not None and is_next and previous != last.digest:
        raise anchors.AnchorBroken(number, "does not follow the one before it, which is another than it was")


def _note_point(history: History, chain: UUID, head: Head, point: Point) -> None:
    known = history.points.setdefault(chain, {})
    earlier = known.setdefault(head.seq, point)
    if earlier.hash != point.hash:
        text = f"anchor {point.number} knows another entry here than anchor {earlier.number}"
        history.faults.append(Fault(kind=Kind.REWRITTEN, chain=chain, seq=head.seq, text=text))


def _last_full(folder: Path, numbers: list[int]) -> int:
    """Return the place in `numbers` of the last anchor that has every head; 0 where none can be read as one."""
    for place in range(len(numbers) - 1, -1, -1):
        try:
            if anchors.read(folder, numbers[place]).facts.is_full:
                return place
        except anchors.AnchorBroken:
            continue
    return 0


def _fault(number: int, text: str) -> Fault:
    return Fault(kind=Kind.ANCHOR, chain=None, seq=number, text=f"anchor {number} {text}")
