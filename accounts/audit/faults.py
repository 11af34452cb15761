"""What verification finds wrong, and what it comes to as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID


class Kind(StrEnum):
    EDITED = "edited"  # an entry is not what its hash, or the entry after it, says
    REMOVED = "removed"  # entries are missing before others
    INSERTED = "inserted"  # an entry stands where none was appended
    CUT_OFF = "cut off"  # the last entries are missing, or all
    REWRITTEN = "rewritten"  # whole in itself, and not what an anchor says
    HEAD = "head"  # the record of how far the chain has come is not right
    DETAILS = "details"  # the details of an entry are not those that its digest is of
    ANCHOR = "anchor"  # an anchor's file is missing or was changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong. `chain` is None for an anchor, whose number then is `seq`."""

    kind: Kind
    chain: UUID | None
    seq: int | None
    text: str

    def __str__(self) -> str:
        where = f"chain {self.chain}" if self.chain is not None else "anchors"
        return f"{where}{'' if self.seq is None else f', {self.seq}'}: {self.kind}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was looked at and what is wrong; `warnings` are what this verification could not have seen."""

    entries: int
    chains: int
    anchors: int
    anchored_at: datetime | None
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        return not self.faults
