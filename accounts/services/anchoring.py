"""Write down outside the database how far every chain of the audit log has come, and judge the log by it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.audit import anchors
from accounts.audit.history import read_history
from accounts.audit.keys import name_of, public_key, signing_key
from accounts.audit.known import NOTHING, add_faults, keep, last_known
from accounts.audit.merkle import Head, root_of
from accounts.audit.verification import verify
from accounts.errors import NotFound, RuleBroken, ValueInvalid
from accounts.models import AuditHead, KnownAnchor
from accounts.places import require_writable
from accounts.services.audit import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from accounts.audit.faults import Report
    from accounts.audit.history import History
    from accounts.audit.known import Known

logger = logging.getLogger(__name__)

# Changes alone are written until they would fill as much as all heads, or are in as many files: so what
# is stored stays in proportion to what happened, and an anchor needs few files to be made.
FILES_SINCE_FULL_MAX = 1_000
TRIES = 10  # when others write anchors as well
REASON_MAX = 200  # characters


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

    The database is told of it, unless it is in another `folder` than the installation's: that is a line of its own.
    Raises KeyUnusable, AnchorBroken when the last anchors are not in order or not there, OSError.
    """
    is_ours, folder = _is_ours(folder), folder or settings.AUDIT_ANCHORS
    key = signing_key(settings.AUDIT_KEY, may_make=settings.AUDIT_KEY_MAY_BE_MADE)
    keys = {**_former_keys(), name_of(key.public_key()): key.public_key()}
    for _ in range(TRIES):
        known = last_known() if is_ours else NOTHING
        # The anchors first: what they tell is then in the heads that are read.
        history = _in_order(folder, keys, known)
        if is_ours and history.last is not None and history.last.facts.number > known.number:
            # Its writer was killed, or is about to tell; or this is the first time that the database is told.
            keep(known, number=history.last.facts.number, digest=history.last.digest)
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
            file, digest = anchors.write(
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
        if is_ours:
            keep(known, number=number, digest=digest)
        return Anchored(file=file, number=number, chains=len(every), new=len(new), root=root.hex())
    raise anchors.AnchorBroken(number, f"was taken by others {TRIES} times in a row")


def not_anchored(*, folder: Path | None = None) -> int:
    """Return how many chains an anchor would find new or longer. Nothing stays written. Raises as `anchor_audit`."""
    known, folder = last_known() if _is_ours(folder) else NOTHING, folder or settings.AUDIT_ANCHORS
    heads = {head.chain: Head(head.seq, bytes(head.hash)) for head in AuditHead.objects.all()}
    keys = _former_keys()
    require_writable(folder)
    if anchors.numbers(folder):  # else there is perhaps no key yet
        key = public_key(settings.AUDIT_KEY)
        keys[name_of(key)] = key
    history = _in_order(folder, keys, known)
    return sum(history.heads.get(chain) != head for chain, head in heads.items())


@transaction.atomic(durable=True)
def begin_anchors_anew(*, reason: str, is_trial: bool = False) -> int:
    """End the line of anchors that the database knows: the next one is the first of a new line, in a new folder.

    For a database that was restored to an earlier instant, or a folder that is lost. The audit log keeps the number
    and digest of the last one, and `reason`. Returns that number; 0 where none is known, say the second time.
    Raises ValueInvalid, RuleBroken while the installation's folder has anchors.
    """
    if not 0 < len(reason.strip()) <= REASON_MAX or not reason.strip().isprintable():
        raise ValueInvalid(f"a reason is 1 to {REASON_MAX} printable characters")
    last = KnownAnchor.objects.select_for_update().filter(number__gt=0).first()
    if last is None:
        return 0
    if found := anchors.numbers(settings.AUDIT_ANCHORS):
        raise RuleBroken(
            f"{settings.AUDIT_ANCHORS} has anchors, up to {found[-1]}: move the folder away and keep it, as it shows"
            " what was; then begin anew"
        )
    ended = {"number": last.number, "digest": last.digest}
    last.ended_number, last.ended_digest = last.number, last.digest
    last.number, last.digest = 0, anchors.NONE_BEFORE
    last.save()
    record(action="audit.anchors_ended", user_id=None, before=ended, reason=reason.strip())
    transaction.set_rollback(is_trial)
    return int(last.ended_number)


def verify_audit(
    *,
    folder: Path | None = None,
    since_anchor: bool = False,
    now: datetime | None = None,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Judge the audit log by itself and by its anchors, and those by what the database knows of the last one.

    Another `folder` than the installation's is believed to be as its owner left it, and must have anchors. `now` is
    the wall clock's. Raises KeyUnusable, NotFound.
    """
    is_ours = _is_ours(folder)
    known, folder = last_known() if is_ours else NOTHING, folder or settings.AUDIT_ANCHORS
    if not is_ours and not anchors.numbers(folder):
        raise NotFound(f"there are no anchors in {folder}: nothing to judge the log by")
    keys = _former_keys()
    if settings.AUDIT_KEY.exists() or anchors.numbers(folder):
        key = public_key(settings.AUDIT_KEY)
        keys[name_of(key)] = key
    return verify(
        anchors=folder,
        keys=keys,
        now=now or timezone.now(),
        known=known,
        since_anchor=since_anchor,
        progress=progress,
    )


def _is_ours(folder: Path | None) -> bool:
    """Whether a folder is the one whose last anchor the database knows; None stands for it."""
    return folder is None or folder.resolve() == settings.AUDIT_ANCHORS.resolve()


def _in_order(folder: Path, keys: Mapping[str, Ed25519PublicKey], known: Known) -> History:
    """Return what the anchors since the last full one come to. Raises AnchorBroken."""
    history = read_history(folder, keys, since_full=True)
    add_faults(history, folder, known)
    if history.faults:
        raise anchors.AnchorBroken(history.faults[0].seq or 0, history.faults[0].text)
    return history


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
