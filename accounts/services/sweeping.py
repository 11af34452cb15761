"""What time has ended is written down, and what has been over for long enough is deleted. For the worker.

Each of these may run twice, or beside itself, and may be killed in the middle: the next one goes on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from accounts import links
from accounts.models import Assertion, Ceremony, Session, SpentLink, User
from accounts.services.audit import record_all
from accounts.services.own_sessions import KEPT_FOR, living_among, natural_end
from accounts.sessions import end_of
from accounts.signals import credentials_changed

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

AT_ONCE = 1_000  # rows of one transaction
CEREMONIES_KEPT_FOR = timedelta(minutes=10)  # twice as long as one could be answered
LINKS_KEPT_FOR = 2 * max(links.LIFE.values())  # longer than any signature is good


def end_dead_sessions() -> int:
    """Write down which sessions have ended by themselves, and why; return how many. They opened nothing before."""
    ended = 0
    after: UUID | None = None
    while True:
        unended = Session.objects.across_owners().filter(ended_at=None).order_by("pk")
        if after is not None:
            unended = unended.filter(pk__gt=after)
        batch = list(unended.values_list("pk", flat=True)[:AT_ONCE])
        if not batch:
            break
        after = batch[-1]
        ended += _end_dead_among(batch)
    if ended:
        credentials_changed.send(sender=Session)
    return ended


def forget_old() -> dict[str, int]:
    """Delete sessions 30 days after their end, and what ceremonies left behind; return how many rows of each."""
    now = timezone.now()
    old: dict[str, QuerySet[Any]] = {
        "sessions": Session.objects.across_owners().filter(ended_at__lte=now - KEPT_FOR),
        "assertions": Assertion.objects.across_owners().filter(expires_at__lte=now),
        "ceremonies": Ceremony.objects.filter(created_at__lte=now - CEREMONIES_KEPT_FOR),
        "links": SpentLink.objects.filter(spent_at__lte=now - LINKS_KEPT_FOR),
    }
    return {name: rows.delete()[0] for name, rows in old.items()}


@transaction.atomic
def _end_dead_among(batch: list[UUID]) -> int:
    rows = Session.objects.across_owners().filter(pk__in=batch, ended_at=None).order_by("pk")
    locked = list(rows.select_for_update(no_key=True, skip_locked=True, of=("self",)))
    living = living_among(row.pk for row in locked)
    dead = [row for row in locked if row.pk not in living]
    people = User.objects.in_bulk({row.user_id for row in dead})
    now = timezone.now()
    for row in dead:
        row.end_reason = _reason(row, people[row.user_id])
        row.ended_at = min(natural_end(row), now)
        row.fresh_until = None
    Session.objects.across_owners().bulk_update(dead, ["ended_at", "end_reason", "fresh_until"])
    record_all([end_of(row, Session.End(row.end_reason)) for row in dead])
    return len(dead)


def _reason(row: Session, person: User) -> Session.End:
    if natural_end(row) <= timezone.now():
        return Session.End.EXPIRED
    if not person.is_active:
        return Session.End.DEACTIVATED
    return Session.End.REVOKED if person.auth_epoch != row.epoch else Session.End.PASSKEY_REMOVED
