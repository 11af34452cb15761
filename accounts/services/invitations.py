"""Make a person from the outside: the row, and the link by which they make their first passkey."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django_otp_webauthn.models import WebAuthnCredential

from accounts import links, mail
from accounts.errors import RuleBroken, Unavailable
from accounts.models import Session, User
from accounts.people import checked_address
from accounts.services.audit import record
from accounts.sessions import end_sessions

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A person, and the link for their first passkey; `url` is empty for one who has a passkey."""

    user_id: UUID
    email: str
    is_new: bool
    url: str


def invite_person(*, email: str, is_trial: bool = False) -> Invitation:
    """Make the person unless they are there, and mail the link for a first passkey; a trial keeps and mails nothing.

    Raises ValueInvalid for what is no address, RuleBroken for who has a passkey or is not active.
    """
    with transaction.atomic(durable=True):
        person, is_new = _person(checked_address(email))
        if _has_passkey(person):
            raise RuleBroken(f"{person.email} has a passkey: they log in with it, or recover their access")
        record(action="user.invited", user_id=person.pk, after={"is_new": is_new})
        transaction.set_rollback(is_trial)
    return _tried(person, is_new=is_new) if is_trial else _invited(person, is_new=is_new)


def invite_staff(*, email: str, is_superuser: bool = False, is_trial: bool = False) -> Invitation:
    """Make the person staff, and mail the link for a first passkey to who has none.

    Who had sessions loses them: those of staff are shorter. Raises as `invite_person` does, but takes
    a person who has a passkey. A trial keeps and mails nothing.
    """
    with transaction.atomic(durable=True):
        person, is_new = _person(checked_address(email))
        before = {"is_staff": person.is_staff, "is_superuser": person.is_superuser}
        person.is_staff, person.is_superuser = True, is_superuser or person.is_superuser
        person.save(update_fields=["is_staff", "is_superuser"])
        after = {"is_staff": True, "is_superuser": person.is_superuser}
        ended = end_sessions(person, reason=Session.End.BY_STAFF) if before != after else []
        record(
            action="staff.invited",
            user_id=person.pk,
            before={**before, "sessions": ended},
            after={**after, "is_new": is_new},
        )
        has_passkey = _has_passkey(person)
        transaction.set_rollback(is_trial)
    if has_passkey or is_trial:
        return _tried(person, is_new=is_new)
    return _invited(person, is_new=is_new)


def _person(email: str) -> tuple[User, bool]:
    person = User.objects.select_for_update(of=("self",)).filter(email__iexact=email).first()
    if person is None:
        return User.objects.create_user(email), True
    if not person.is_active:
        raise RuleBroken(f"{person.email} is not active")
    return person, False


def _has_passkey(person: User) -> bool:
    return WebAuthnCredential.objects.filter(user=person, confirmed=True).exists()


def _tried(person: User, *, is_new: bool) -> Invitation:
    return Invitation(user_id=person.pk, email=person.email, is_new=is_new, url="")


def _invited(person: User, *, is_new: bool) -> Invitation:
    token = links.make(
        links.Purpose.INVITATION, email=person.email, user_id=person.pk, epoch=person.auth_epoch
    )
    url = links.url(links.Purpose.INVITATION, token)
    with suppress(Unavailable):  # it is in the log, and the link in the answer
        mail.send_link(
            person.email,
            url,
            subject="your invitation",
            words="You were invited to Raxx. To make your passkey, open this page:",
            life="24 hours",
        )
    return Invitation(user_id=person.pk, email=person.email, is_new=is_new, url=url)
