"""A person's passkeys: several, with names, and never none. Every change needs a passkey shown lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django_otp_webauthn.models import WebAuthnCredential

from accounts import mail
from accounts.errors import NotFound, PasskeyRefused, RuleBroken
from accounts.models import Ceremony, Session, User
from accounts.passkeys import ceremonies, proof
from accounts.passkeys.helper import PasskeyHelper
from accounts.passkeys.naming import checked_name
from accounts.services.audit import record
from accounts.sessions import end_sessions

if TYPE_CHECKING:
    from accounts.services.signing_in import Where
    from accounts.sessions import LivingSession

KIND = "added"
PASSKEYS_MAX = 20  # of a person


def passkeys_of(session: LivingSession) -> list[WebAuthnCredential]:
    """Return the person's passkeys, oldest first, also those that are off."""
    return list(WebAuthnCredential.objects.filter(user_id=session.user_id).order_by("pk"))


def begin_passkey(*, session: LivingSession) -> dict[str, Any]:
    """Return the options for one more passkey, on a device that has none of the person's. Raises RuleBroken."""
    person = User.objects.get(pk=session.user_id)
    _refuse_too_many(person)
    options: dict[str, Any]
    options, state = PasskeyHelper().register_begin(person)
    ceremonies.begin(
        binding=ceremonies.binding_of_session(session.id),
        purpose=Ceremony.Purpose.ENROL,
        state={**state, "kind": KIND},
    )
    return options


def complete_passkey(
    *, session: LivingSession, answer: dict[str, Any], name: str, where: Where
) -> WebAuthnCredential:
    """Keep the passkey that was made. Raises PasskeyRefused, RuleBroken, ValueInvalid for the name."""
    called = checked_name(name, where.headers)
    taken = ceremonies.take(binding=ceremonies.binding_of_session(session.id), purpose=Ceremony.Purpose.ENROL)
    if taken.state.get("kind") != KIND:
        raise PasskeyRefused(proof.REFUSED)
    with transaction.atomic():
        person = _locked(session)
        _refuse_too_many(person)
        passkey = proof.made(user=person, state=taken.state, answer=answer, name=called)
        record(action="passkey.added", user_id=person.pk, after={"passkey": passkey.pk}, reason=KIND)
        mail.tell_after_commit(
            person.email, subject="a passkey was added", happened=[f'The passkey "{called}" was added.']
        )
    return passkey


def rename_passkey(*, session: LivingSession, passkey_id: int, name: str) -> WebAuthnCredential:
    """Give a passkey another name. Raises NotFound, ValueInvalid."""
    called = checked_name(name)
    with transaction.atomic():
        passkey = _one(session, passkey_id)
        before, passkey.name = passkey.name, called
        passkey.save(update_fields=["name"])
        record(
            action="passkey.renamed",
            user_id=session.user_id,
            after={"passkey": passkey.pk},
            details={"before": before, "after": called},
        )
    return passkey


@transaction.atomic
def remove_passkey(*, session: LivingSession, passkey_id: int) -> None:
    """Remove a passkey and end what it has opened, which may be this session. Raises NotFound, RuleBroken."""
    person = _locked(session)  # so that of two passkeys removed at once, one stays
    passkey = _one(session, passkey_id)
    others = WebAuthnCredential.objects.filter(user=person, confirmed=True).exclude(pk=passkey.pk)
    if not others.exists():
        raise RuleBroken("the last passkey cannot be removed: add another first")
    ended = end_sessions(person, passkey_id=passkey.pk, reason=Session.End.PASSKEY_REMOVED)
    name = passkey.name
    passkey.delete()
    record(
        action="passkey.removed",
        user_id=person.pk,
        before={"passkey": passkey_id, "sessions": ended},
        details={"name": name},
    )
    mail.tell_after_commit(
        person.email, subject="a passkey was removed", happened=[f'The passkey "{name}" was removed.']
    )


def _locked(session: LivingSession) -> User:
    return User.objects.select_for_update(of=("self",)).get(pk=session.user_id)


def _one(session: LivingSession, passkey_id: int) -> WebAuthnCredential:
    passkey = WebAuthnCredential.objects.filter(user_id=session.user_id, pk=passkey_id).first()
    if passkey is None:
        raise NotFound("passkey not found")
    return passkey


def _refuse_too_many(person: User) -> None:
    if WebAuthnCredential.objects.filter(user=person).count() >= PASSKEYS_MAX:
        raise RuleBroken(f"a person has at most {PASSKEYS_MAX} passkeys")
