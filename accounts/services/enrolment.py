"""Make a first passkey: for a new person, for an invited one, or for one who recovers their access.

Nobody is let in by a link or a code: these open one ceremony, whose passkey then opens the session.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle

from accounts import links, mail, tracing
from accounts.binding import acting_for
from accounts.errors import AddressTaken, LinkUnusable, NotAuthorized, PasskeyRefused
from accounts.models import Ceremony, Session, User
from accounts.models.user import new_id
from accounts.passkeys import ceremonies, proof
from accounts.passkeys.helper import PasskeyHelper
from accounts.passkeys.naming import checked_name
from accounts.services.audit import record
from accounts.services.signing_in import signed_in
from accounts.sessions import begin_session, end_sessions

if TYPE_CHECKING:
    from accounts.passkeys.ceremonies import Taken
    from accounts.services.signing_in import SignedIn, Where
    from accounts.sessions import LivingSession, NewSession

RESTRICTED_FOR = timedelta(hours=24)  # after a recovery: no new keys, nothing live


class Kind(StrEnum):
    JOINS = "joins"
    INVITED = "invited"
    RECOVERS = "recovers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Options for the browser. `session` is one that may only enrol, which the link has just begun."""

    options: dict[str, Any]
    session: NewSession | None = None


def begin_enrolment(*, token: str, session: LivingSession | None, binding: bytes, where: Where) -> Begun:
    """Open the ceremony that a link, or a session which may only enrol, is for. Nothing is spent yet.

    `binding` is that of the browser's ceremony cookie. Raises LinkUnusable; NotAuthorized with neither.
    """
    if not token:
        if session is None or not session.is_enrol_only:
            raise NotAuthorized("unauthorized.")
        person = User.objects.get(pk=session.user_id)
        return Begun(options=_begin_recovering(person, ceremonies.binding_of_session(session.id), b""))
    link = links.read(token)
    if link.user_id is None:
        return Begun(options=_begin_joining(link, binding))
    with acting_for(link.user_id):
        person = _person_of(link)
        if link.purpose is links.Purpose.INVITATION:
            return Begun(options=_begin_invited(person, link, binding))
        if session is not None and session.is_enrol_only and session.user_id == person.pk:  # tried again
            own = ceremonies.binding_of_session(session.id)
            return Begun(options=_begin_recovering(person, own, link.token_hash))
        with transaction.atomic():
            opened = begin_session(user=person, passkey_id=None, headers=where.headers, trusted=where.trusted)
            tracing.told(user_id=person.pk, actor_kind="user", actor_id=str(person.pk))
            record(
                action="session.started",
                user_id=person.pk,
                after={"session": opened.id, "is_enrol_only": True, "by": "reset"},
            )
        own = ceremonies.binding_of_session(opened.id)
        return Begun(options=_begin_recovering(person, own, link.token_hash), session=opened)


def complete_enrolment(
    *, session: LivingSession | None, binding: bytes | None, answer: dict[str, Any], name: str, where: Where
) -> SignedIn:
    """Keep the passkey that was made, and begin the person's session with it; all of it or nothing.

    Raises PasskeyRefused, LinkUnusable (somebody was faster), AddressTaken, ValueInvalid for the name.
    """
    called = checked_name(name, where.headers)
    if session is not None and session.is_enrol_only:
        binding = ceremonies.binding_of_session(session.id)
    taken = ceremonies.take(binding=binding, purpose=Ceremony.Purpose.ENROL)
    kind = taken.state.get("kind")
    if kind == Kind.RECOVERS and session is not None and session.is_enrol_only:
        return _recover(session, taken, answer, called, where)
    if kind not in {Kind.JOINS, Kind.INVITED}:
        raise PasskeyRefused(proof.REFUSED)  # another ceremony's challenge
    user_id = UUID(taken.state["user_id"])
    with acting_for(user_id), transaction.atomic():
        links.spend(bytes.fromhex(taken.state["link"]))
        tracing.told(user_id=user_id, actor_kind="user", actor_id=str(user_id))
        person = _joined(user_id, taken) if kind == Kind.JOINS else _invited(user_id, taken)
        passkey = proof.made(user=person, state=taken.state, answer=answer, name=called)
        record(action="passkey.added", user_id=person.pk, after={"passkey": passkey.pk}, reason=kind)
        return signed_in(person, passkey, where=where)


def _begin_joining(link: links.Link, binding: bytes) -> dict[str, Any]:
    planned, handle = User(id=new_id(), email=link.email), WebAuthnUserHandle.generate_handle()
    helper = PasskeyHelper(handle=handle)
    more = {"user_id": str(planned.pk), "email": link.email, "handle": handle.hex()}
    return _begin(helper, planned, binding, Kind.JOINS, link.token_hash, more)


def _begin_invited(person: User, link: links.Link, binding: bytes) -> dict[str, Any]:
    more = {"user_id": str(person.pk), "epoch": link.epoch}
    return _begin(PasskeyHelper(), person, binding, Kind.INVITED, link.token_hash, more)


def _begin_recovering(person: User, binding: bytes, token_hash: bytes) -> dict[str, Any]:
    # The old passkeys end with this one's making: a device that has one may make the new one too.
    return _begin(PasskeyHelper(excludes=False), person, binding, Kind.RECOVERS, token_hash, {})


def _begin(
    helper: PasskeyHelper,
    person: User,
    binding: bytes,
    kind: Kind,
    token_hash: bytes,
    more: dict[str, Any],
) -> dict[str, Any]:
    options: dict[str, Any]
    options, state = helper.register_begin(person)
    kept = {**state, **more, "kind": kind.value, "link": token_hash.hex()}
    ceremonies.begin(binding=binding, purpose=Ceremony.Purpose.ENROL, state=kept)
    return options


def _person_of(link: links.Link) -> User:
    """Return the person whom a link names, as long as it is theirs to use. Raises LinkUnusable."""
    if link.user_id is None or link.epoch is None:
        raise LinkUnusable(links.UNUSABLE)
    person = User.objects.filter(pk=link.user_id, is_active=True, auth_epoch=link.epoch).first()
    if person is None or (link.purpose is links.Purpose.INVITATION and _has_passkey(person)):
        raise LinkUnusable(links.UNUSABLE)
    return person


def _has_passkey(person: User) -> bool:
    return WebAuthnCredential.objects.filter(user=person, confirmed=True).exists()


def _joined(user_id: UUID, taken: Taken) -> User:
    try:
        with transaction.atomic():
            person = User.objects.create_user(taken.state["email"], id=user_id)
    except IntegrityError:
        raise AddressTaken("somebody has signed up with this address") from None
    WebAuthnUserHandle.objects.create(user=person, handle_hex=taken.state["handle"])
    record(
        action="user.joined", user_id=user_id, after={"tier": person.tier}, details={"email": person.email}
    )
    return person


def _invited(user_id: UUID, taken: Taken) -> User:
    person = User.objects.select_for_update(of=("self",)).filter(pk=user_id).first()
    is_theirs = person is not None and person.is_active and person.auth_epoch == taken.state["epoch"]
    if person is None or not is_theirs or _has_passkey(person):
        raise LinkUnusable(links.UNUSABLE)
    return person


@transaction.atomic
def _recover(
    session: LivingSession, taken: Taken, answer: dict[str, Any], name: str, where: Where
) -> SignedIn:
    """Make the new passkey the only one that is on, and end everything that the old ones had opened."""
    person = User.objects.select_for_update(of=("self",)).get(pk=session.user_id)
    if not person.is_active or person.auth_epoch != session.epoch:
        raise PasskeyRefused(proof.REFUSED)
    if taken.state["link"]:
        links.spend(bytes.fromhex(taken.state["link"]))
    old = list(WebAuthnCredential.objects.filter(user=person, confirmed=True).values_list("pk", flat=True))
    passkey = proof.made(user=person, state=taken.state, answer=answer, name=name)
    WebAuthnCredential.objects.filter(user=person, pk__in=old).update(confirmed=False)
    end_sessions(person, only=[session.id], reason=Session.End.ENROLLED)
    ended = end_sessions(person, reason=Session.End.RECOVERED)
    person.auth_epoch += 1
    person.restricted_until = timezone.now() + RESTRICTED_FOR
    person.save(update_fields=["auth_epoch", "restricted_until"])
    record(action="passkey.added", user_id=person.pk, after={"passkey": passkey.pk}, reason=Kind.RECOVERS)
    record(
        action="access.recovered",
        user_id=person.pk,
        before={"passkeys": old, "sessions": ended, "epoch": person.auth_epoch - 1},
        after={
            "passkeys": [passkey.pk],
            "epoch": person.auth_epoch,
            "restricted_until": person.restricted_until,
        },
    )
    mail.tell_after_commit(
        person.email,
        subject="your access was recovered",
        happened=[
            "A new passkey was made for your account by way of a recovery. All older passkeys are switched",
            "off and all other sessions have ended. New API keys and live trading are closed until",
            f"{mail.instant(person.restricted_until)}.",
        ],
    )
    return signed_in(person, passkey, where=where, is_fresh=False)
