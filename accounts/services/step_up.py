"""Show a passkey again within a session: for five minutes, or for one thing alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.errors import EnrolmentOnly, PasskeyRefused
from accounts.models import Ceremony, User
from accounts.passkeys import ceremonies, proof
from accounts.passkeys.helper import PasskeyHelper, SignCountFell
from accounts.services.audit import record
from accounts.services.clones import treat_clone
from accounts.sessions import freshen
from accounts.step_up import give_assertion

if TYPE_CHECKING:
    from datetime import datetime

    from accounts.sessions import LivingSession


def begin_step_up(*, session: LivingSession, digest: bytes | None = None) -> dict[str, Any]:
    """Return the options for the person's own passkeys; `digest` (32 bytes) names the one thing that it is for.

    Raises EnrolmentOnly.
    """
    if session.is_enrol_only:
        raise EnrolmentOnly("enrol a passkey first")
    options: dict[str, Any]
    options, state = PasskeyHelper().authenticate_begin(User.objects.get(pk=session.user_id))
    ceremonies.begin(
        binding=ceremonies.binding_of_session(session.id),
        purpose=Ceremony.Purpose.STEP_UP,
        state=state,
        digest=digest,
    )
    return options


def complete_step_up(*, session: LivingSession, answer: dict[str, Any]) -> datetime | None:
    """Return until when the session is fresh; None where the answer was for one thing, which it now allows once.

    A yes to one thing opens nothing else. Raises PasskeyRefused, EnrolmentOnly.
    """
    if session.is_enrol_only:
        raise EnrolmentOnly("enrol a passkey first")
    taken = ceremonies.take(
        binding=ceremonies.binding_of_session(session.id), purpose=Ceremony.Purpose.STEP_UP
    )
    try:
        with transaction.atomic():
            person = User.objects.get(pk=session.user_id)
            passkey = proof.shown(state=taken.state, answer=answer, signed_in=person)
            until = None
            if taken.digest is None:
                until = freshen(session, passkey.pk)
            else:
                give_assertion(session, taken.digest)
            record(
                action="session.stepped_up",
                user_id=session.user_id,
                after={
                    "session": session.id,
                    "passkey": passkey.pk,
                    **({"digest": taken.digest.hex()} if taken.digest else {}),
                },
            )
            return until
    except SignCountFell as found:
        treat_clone(found)
        raise PasskeyRefused(proof.REFUSED) from None
