"""Write down outside the database how far every chain of the audit log has come, and judge the log by it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from accounts.audit import anchors
from accounts.audit.history import read_history
from accounts.audit.keys import name_of, public_key, signing_key
from accounts.audit.merkle import Head, root_of
from accounts.audit.verification import verify
from accounts.models import AuditHead

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from accounts.audit.faults import Report
    from accounts.audit.history import History

logger = logging.getLogger(__name__)

# Changes alone are written until they would fill as much as all heads, or are in as many files: so what
# is stored stays in proportion to what happened, and an anchor needs few files to be made.
FILES_SINCE_FULL_MAX = 1_000
TRIES = 10  # when others write anchors as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """An anchor just written."""

    file: Path
    number: int
    chains: int
    new: int  # heads that are new since the anchor before
    root: str


def anchor_audit(*, folder: Path | None = None, now: datetime | None = None) -> Anchored | None:
    """Anchor what is new since the last anchor; return None when nothing is. May run twice, or beside itself.

    Raises KeyUnusable, AnchorBroken when the last anchors are not in order, OSError.
    """
    folder = folder or settings.AUDIT_ANCHORS
    key = signing_key(settings.AUDIT_KEY, may_make=settings.AUDIT_KEY_MAY_BE_MADE)
    keys = {**_former_keys(), name_of(key.public_key()): key.public_key()}
    for _ in range(TRIES):
        # The anchors first: what they tell is then in the heads that are read.
        history = read_history(folder, keys, since_full=True)
        if history.faults:
            raise anchors.AnchorBroken(history.faults[0].seq or 0, history.faults[0].text)
        heads = {head.chain: Head(head.seq, bytes(head.hash)) for head in AuditHead.objects.all()}
        new = {chain: head for chain, head in heads.items() if history.heads.get(chain) != head}
        _report_backward(history, heads)
        if not new:
            return None
        # A chain that has vanished stays in the anchors: they must not help anybody to hide it.
        every = {**history.heads, **new}
        is_full = _is_time_for_all(history, len(new), len(every))
        root = root_of(every)
        number = 1 if history.last is None else history.last.facts.number + 1
        try:
            file = anchors.write(
                folder,
                key=key,
                number=number,
                at=now or timezone.now(),
                previous=anchors.NONE_BEFORE if history.last is None else history.last.digest,
                heads=every if is_full else new,
                root=root,
                chains=len(every),
                is_full=is_full,
            )
        except anchors.AnchorTaken:
            continue  # somebody else has just anchored; what that left is ours to look at
        return Anchored(file=file, number=number, chains=len(every), new=len(new), root=root.hex())
    raise anchors.AnchorBroken(number, f"was taken by others {TRIES} times in a row")


def not_anchored(*, folder: Path | None = None) -> int:
    """Return how many chains an anchor would find new or longer. Nothing is written. Raises KeyUnusable, AnchorBroken."""
    folder = folder or settings.AUDIT_ANCHORS
    heads = {head.chain: Head(head.seq, bytes(head.hash)) for head in AuditHead.objects.all()}
    if not anchors.numbers(folder):  # and perhaps no key yet
        return len(heads)
    key = public_key(settings.AUDIT_KEY)
    history = read_history(folder, {**_former_keys(), name_of(key): key}, since_full=True)
    if history.faults:
        raise anchors.AnchorBroken(history.faults[0].seq or 0, history.faults[0].text)
    return sum(history.heads.get(chain) != head for chain, head in heads.items())


def verify_audit(
    *,
    folder: Path | None = None,
    since_anchor: bool = False,
    now: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Judge the audit log by itself and by its anchors; `now` is the wall clock's. Raises KeyUnusable."""
    folder = folder or settings.AUDIT_ANCHORS
    keys = _former_keys()
    if settings.AUDIT_KEY.exists() or anchors.numbers(folder):
        key = public_key(settings.AUDIT_KEY)
        keys[name_of(key)] = key
    return verify(
        anchors=folder, keys=keys, now=now or timezone.now(), since_anchor=since_anchor, progress=progress
    )


def _former_keys() -> dict[str, Ed25519PublicKey]:
    """Return the keys that signed before this one, by name: the PEM files of the folder `<key file>.former`."""
    kept = settings.AUDIT_KEY.with_name(f"{settings.AUDIT_KEY.name}.former")
    found = [public_key(file) for file in (kept.iterdir() if kept.is_dir() else ())]
    return {name_of(key): key for key in found}


def _is_time_for_all(history: History, new: int, chains: int) -> bool:
    is_worth_it = history.lines_since_full + new >= chains
    return history.last is None or is_worth_it or history.files_since_full + 1 >= FILES_SINCE_FULL_MAX


def _report_backward(history: History, heads: dict[UUID, Head]) -> None:
    """Raise the alarm for a chain that is shorter than it was, or another; `verify_audit` says where."""
    for chain, before in history.heads.items():
        now = heads.get(chain)
        if now is None or now.seq < before.seq or (now.seq == before.seq and now.hash != before.hash):
            logger.error("audit chain %s is not what it was when it was anchored: run verify_audit", chain)
