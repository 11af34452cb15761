"""A person's sessions as they see them: which there are, which of them live, and the end of one or of all others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.utils import timezone

from accounts.errors import NotFound
from accounts.models import Session
from accounts.sessions import end_sessions

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from accounts.querysets import Owner

KEPT_FOR = timedelta(days=30)  # after the end

_LIVING = "select accounts_which_sessions_live(%s::uuid[])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A session and how it stands. `ended_at` is None while it lives, and where nobody noted when it ended."""

    row: Session
    is_living: bool
    ended_at: datetime | None
    end_reason: str  # empty while it lives


def living_among(session_ids: Iterable[UUID]) -> set[UUID]:
    """Return those that live, which the database alone decides."""
    with connection.cursor() as cursor:
        cursor.execute(_LIVING, [list(session_ids)])
        return {session_id for (session_id,) in cursor.fetchall()}


def sessions_of(owner: Owner) -> list[Shown]:
    """Return a person's sessions that live or ended lately: the living ones first, each part newest first."""
    kept_since = timezone.now() - KEPT_FOR
    rows = list(Session.objects.owned_by(owner).select_related("passkey").order_by("-created_at", "-pk"))
    living = living_among(row.pk for row in rows)
    shown = [_shown(row, is_living=row.pk in living) for row in rows]
    kept = [each for each in shown if each.ended_at is None or each.ended_at > kept_since]
    return sorted(kept, key=lambda each: not each.is_living)


def session_of_person(owner: Owner, session_id: UUID) -> Shown:
    """Return one of a person's sessions. Raises NotFound."""
    row = Session.objects.owned_by(owner).select_related("passkey").filter(pk=session_id).first()
    if row is None:
        raise _not_found(session_id)
    return _shown(row, is_living=bool(living_among([session_id])))


def end_session(*, owner: Owner, session_id: UUID, current: UUID) -> None:
    """End one of a person's sessions; one that has ended stays as it was. Raises NotFound.

    Needs no step-up, like the next one: whoever sees a stranger's session among theirs must be able to end it at
    once, and a stranger who ends one gains nothing by it.
    """
    mine = Session.objects.owned_by(owner).filter(pk=session_id)
    if not mine.exists():
        raise _not_found(session_id)
    reason = Session.End.LOGGED_OUT if session_id == current else Session.End.REVOKED
    end_sessions(owner, only=[session_id], reason=reason)


def end_other_sessions(*, owner: Owner, current: UUID) -> list[UUID]:
    """End all of a person's sessions but the current one, and return which those were."""
    return end_sessions(owner, but=current, reason=Session.End.REVOKED)


def natural_end(row: Session) -> datetime:
    """Return when a session ends by itself, unless it is seen again before."""
    return min(row.expires_at, row.last_seen_at + timedelta(seconds=row.idle_s))


def _shown(row: Session, *, is_living: bool) -> Shown:
    if is_living or row.ended_at is not None:
        return Shown(row=row, is_living=is_living, ended_at=row.ended_at, end_reason=row.end_reason)
    end = natural_end(row)  # the sweep has not seen it yet
    is_past = end <= timezone.now()
    return Shown(
        row=row,
        is_living=False,
        ended_at=end if is_past else None,
        end_reason=Session.End.EXPIRED if is_past else Session.End.REVOKED,
    )


def _not_found(session_id: UUID) -> NotFound:
    return NotFound(f"session not found for {session_id}")
