"""Log in by a discoverable passkey, which names its person by itself, and log out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from accounts.binding import acting_for
from accounts.errors import PasskeyRefused
from accounts.models import Ceremony, Session
from accounts.passkeys import ceremonies, proof
from accounts.passkeys.helper import PasskeyHelper, SignCountFell
from accounts.services.clones import treat_clone
from accounts.services.signing_in import signed_in
from accounts.sessions import end_sessions

if TYPE_CHECKING:
    from accounts.services.signing_in import SignedIn, Where
    from accounts.sessions import LivingSession


def begin_log_in(*, binding: bytes) -> dict[str, Any]:
    """Return the options for a browser that shows the passkeys which it has of ours."""
    options: dict[str, Any]
    options, state = PasskeyHelper().authenticate_begin()
    ceremonies.begin(binding=binding, purpose=Ceremony.Purpose.LOG_IN, state=state)
    return options


def complete_log_in(*, binding: bytes | None, answer: dict[str, Any], where: Where) -> SignedIn:
    """Begin the session of whoever's passkey this is. Raises PasskeyRefused, in the same words for all reasons."""
    taken = ceremonies.take(binding=binding, purpose=Ceremony.Purpose.LOG_IN)
    with acting_for(proof.person_of(answer)):
        try:
            with transaction.atomic():
                passkey = proof.shown(state=taken.state, answer=answer)
                return signed_in(passkey.user, passkey, where=where)
        except SignCountFell as found:
            treat_clone(found)
            raise PasskeyRefused(proof.REFUSED) from None


def log_out(*, session: LivingSession) -> None:
    """End the session at hand."""
    end_sessions(session, only=[session.id], reason=Session.End.LOGGED_OUT)
