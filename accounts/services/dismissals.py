"""Take somebody out of the staff: at once, in one transaction, with all that being staff has given them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.errors import NotFound, ValueInvalid
from accounts.models import ApiKey, Session, User
from accounts.models.api_key import Scope
from accounts.services.audit import record
from accounts.sessions import end_sessions
from accounts.signals import credentials_changed, staff_dismissed

if TYPE_CHECKING:
    from uuid import UUID

REASON_MAX = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissal:
    """Who it was, and what ended. `is_new`: whether anything did, or, of a trial, would have."""

    user_id: UUID
    email: str
    was_superuser: bool
    sessions_ended: int
    keys_narrowed: tuple[str, ...]  # that had the scope `operator`
    keys_revoked: tuple[str, ...]  # that had no other
    is_new: bool


def dismiss_staff(*, email: str, reason: str, is_trial: bool = False) -> Dismissal:
    """Make a member of the staff a person as any other; repeating it changes nothing, and a trial undoes it.

    Their sessions end, their grants (`staff_dismissed`), and the scope `operator` of their keys. The database
    asks on every look whether they are staff, so that nothing is left open in between.
    Raises NotFound, ValueInvalid.
    """
    words = reason.strip()
    if not words or len(words) > REASON_MAX or not words.isprintable():
        raise ValueInvalid(f"a reason is 1 to {REASON_MAX} printable characters")
    with transaction.atomic(durable=True):
        person = User.objects.select_for_update(no_key=True).filter(email__iexact=email).first()
        if person is None:
            raise NotFound(f"nobody has the address {email}")
        done = _dismissed(person, words)
        transaction.set_rollback(is_trial)
    return done


def _dismissed(person: User, reason: str) -> Dismissal:
    before = {"is_staff": person.is_staff, "is_superuser": person.is_superuser}
    was_staff = any(before.values())
    if was_staff:
        person.is_staff = person.is_superuser = False
        person.save(update_fields=["is_staff", "is_superuser"])
    narrowed, revoked = _without_operator(person)
    ended = end_sessions(person, reason=Session.End.BY_STAFF) if was_staff else []
    if was_staff or narrowed or revoked:
        staff_dismissed.send(sender=User, user_id=person.pk)
        record(
            action="staff.dismissed",
            user_id=person.pk,
            before=before,
            after={
                "is_staff": False,
                "is_superuser": False,
                "sessions_ended": len(ended),
                "keys_narrowed": narrowed,
                "keys_revoked": revoked,
            },
            reason=reason,
        )
        transaction.on_commit(partial(credentials_changed.send, sender=User))
    return Dismissal(
        user_id=person.pk,
        email=person.email,
        was_superuser=before["is_superuser"],
        sessions_ended=len(ended),
        keys_narrowed=tuple(narrowed),
        keys_revoked=tuple(revoked),
        is_new=was_staff or bool(narrowed or revoked),
    )


def _without_operator(person: User) -> tuple[list[str], list[str]]:
    """Take the scope off a person's keys; return those that live on with others, and those that had no other."""
    operator = Scope.OPERATOR.value
    mine = ApiKey.objects.owned_by(person).filter(revoked_at=None, scopes__contains=[operator])
    narrowed, revoked = [], []
    for key in mine.select_for_update(of=("self",)).order_by("pk"):
        rest = [scope for scope in key.scopes if scope != operator]
        if rest:
            key.scopes = rest
            key.save(update_fields=["scopes"])
            narrowed.append(key.pk)
        else:
            key.revoked_at = timezone.now()
            key.save(update_fields=["revoked_at"])
            revoked.append(key.pk)
    return narrowed, revoked
