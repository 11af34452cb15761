"""The two-operator reset, for who has neither a passkey nor a code: one asks, another approves.

Approving switches every passkey off and ends every session and every recovery code: a thief who has the
passkeys may have the codes. What is left is a link, which opens a session that may only enrol. An operator is named on the command line: who may run commands on this installation
could do more than this, so the second pair of eyes is against mistakes and lone strangers on the phone.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts import links, mail, tracing
from accounts.errors import NotFound, RuleBroken, Unavailable, ValueInvalid
from accounts.models import PasskeyReset, RecoveryCodes, Session, User
from accounts.services.audit import record
from accounts.sessions import end_sessions

if TYPE_CHECKING:
    from uuid import UUID

APPROVED_WITHIN = timedelta(hours=24)
TICKET_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedReset:
    """A reset that two have agreed to; `url` opens the enrolment once, for half an hour."""

    id: UUID
    email: str
    url: str


@transaction.atomic(durable=True)
def ask_for_reset(*, email: str, ticket: str, operator: str, is_trial: bool = False) -> PasskeyReset:
    """Ask that a person may make a new passkey; a trial keeps and mails nothing. Raises NotFound, RuleBroken, ValueInvalid."""
    if not ticket.strip() or len(ticket) > TICKET_MAX:
        raise ValueInvalid(f"a ticket has 1 to {TICKET_MAX} characters")
    person = User.objects.filter(email__iexact=email, is_active=True).first()
    if person is None:
        raise NotFound(f"there is no active person with the address {email}")
    asker = _operator(operator, person)
    reset = PasskeyReset.objects.create(user=person, ticket=ticket.strip(), asked_by=asker)
    record(
        action="passkey_reset.asked",
        user_id=person.pk,
        after={"reset": reset.pk, "ticket": reset.ticket, "asked_by": asker.pk},
    )
    mail.tell_after_commit(
        person.email,
        subject="a reset of your passkeys was asked for",
        happened=[
            "Somebody asked the people who run this installation to reset your passkeys. If that was not",
            "you, tell them: until another of them approves, nothing changes.",
        ],
    )
    transaction.set_rollback(is_trial)
    return reset


def approve_reset(*, reset_id: UUID, operator: str, is_trial: bool = False) -> ApprovedReset:
    """Switch the person's passkeys off, end their sessions and codes, and mail them the link to enrol.

    Raises NotFound, and RuleBroken for the operator who asked, for the person, and after a day. A mail that
    cannot be sent changes nothing of it: the link is in the answer. A trial keeps and mails nothing.
    """
    with transaction.atomic(durable=True):
        reset = PasskeyReset.objects.select_for_update(of=("self",)).filter(pk=reset_id).first()
        if reset is None:
            raise NotFound(f"there is no reset {reset_id}")
        person = User.objects.select_for_update(of=("self",)).get(pk=reset.user_id)
        approver = _operator(operator, person)
        _refuse(reset, approver)
        now = timezone.now()
        reset.approved_by, reset.approved_at = approver, now
        reset.save(update_fields=["approved_by", "approved_at"])
        on = WebAuthnCredential.objects.select_for_update(of=("self",)).filter(user=person, confirmed=True)
        passkeys = list(on.order_by("pk").values_list("pk", flat=True))
        on.update(confirmed=False)
        kept = RecoveryCodes.objects.owned_by(person)
        codes = sum(len(each.digests) for each in kept)
        kept.delete()
        ended = end_sessions(person, reason=Session.End.BY_STAFF)
        person.auth_epoch += 1
        person.save(update_fields=["auth_epoch"])
        record(
            action="passkey_reset.approved",
            user_id=person.pk,
            before={
                "passkeys": passkeys,
                "codes": codes,
                "sessions": ended,
                "epoch": person.auth_epoch - 1,
            },
            after={"reset": reset.pk, "approved_by": approver.pk, "epoch": person.auth_epoch},
            reason=reset.ticket,
        )
        transaction.set_rollback(is_trial)
    if is_trial:
        return ApprovedReset(id=reset.pk, email=person.email, url="")
    token = links.make(links.Purpose.RESET, email=person.email, user_id=person.pk, epoch=person.auth_epoch)
    url = links.url(links.Purpose.RESET, token)
    with suppress(Unavailable):  # it is in the log, and the link in the answer
        mail.send_link(
            person.email,
            url,
            subject="make a new passkey",
            words=(
                "Your passkeys were reset by the people who run this installation; your recovery codes and all\n"
                "your sessions have ended. To make a new passkey, open this page:"
            ),
            life="30 minutes",
        )
    return ApprovedReset(id=reset.pk, email=person.email, url=url)


def _operator(email: str, person: User) -> User:
    """Return the staff member with this address, who speaks from here on. Raises RuleBroken."""
    operator = User.objects.filter(email__iexact=email, is_active=True, is_staff=True).first()
    if operator is None:
        raise RuleBroken(f"{email} is not an active member of the staff")
    if operator == person:
        raise RuleBroken("nobody takes part in the reset of their own passkeys")
    tracing.told(actor_kind="staff", actor_id=str(operator.pk))
    return operator


def _refuse(reset: PasskeyReset, approver: User) -> None:
    """Raise RuleBroken where this reset cannot be approved, or not by this operator."""
    if reset.approved_at is not None:
        raise RuleBroken("the reset was approved already")
    if reset.asked_at < timezone.now() - APPROVED_WITHIN:
        raise RuleBroken("the reset was asked for more than 24 hours ago: ask again")
    if reset.asked_by is None or reset.asked_by == approver:
        raise RuleBroken("a reset takes two operators: another one must approve")
