"""Step-up: a passkey shown again, at most five minutes ago, before what cannot be taken back.

Freshness stands on the session's row and is bound to the session's passkey. What it guards says so with
`require_fresh`, which answers 401 `step_up_required` and so names the
two paths of the ceremony, so that a page's script can show the passkey and send the request again.

An assertion may also be for one thing alone, a live order or a form of the staff: it is bound to the digest
of that thing, and spent once.

Source of the challenge's words: RFC 9470.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.errors import CoolingDown, EnrolmentOnly, NotAuthorized, StepUpRequired
from accounts.models import Assertion
from accounts.sessions import FRESH_FOR, LivingSession

if TYPE_CHECKING:
    from uuid import UUID


BEGIN = "/auth/step-up/begin"
COMPLETE = "/auth/step-up/complete"
MAX_AGE_S = int(FRESH_FOR.total_seconds())
CHALLENGE = f'Session error="insufficient_user_authentication", max_age={MAX_AGE_S}'  # WWW-Authenticate


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """That a passkey said yes to one thing, and that this yes is used up: what a service takes that must have one."""

    session: LivingSession
    digest: bytes

    @property
    def user_id(self) -> UUID:
        """Who has shown it."""
        return self.session.user_id


def require_fresh(session: LivingSession | None) -> LivingSession:
    """Return the session whose passkey was shown lately. Raises NotAuthorized, EnrolmentOnly, StepUpRequired."""
    if session is None:
        raise NotAuthorized("unauthorized.")
    if session.is_enrol_only:
        raise EnrolmentOnly("enrol a passkey first")
    if not session.is_fresh:
        raise step_up_for()
    return session


def require_settled(session: LivingSession) -> None:
    """Raise CoolingDown where the person has just recovered their access: keys and live wait until it is over."""
    if session.is_cooling_down and session.restricted_until is not None:
        until = session.restricted_until.isoformat(timespec="seconds")
        raise CoolingDown(f"access was recovered lately; possible again from {until}", until=until)


def step_up_for(digest: bytes | None = None) -> StepUpRequired:
    """Return the error that asks for a step-up: for anything, or for the one thing with this digest."""
    asked = {} if digest is None else {"digest": digest.hex()}
    return StepUpRequired(
        "show a passkey again",
        error="step_up_required",
        max_age=MAX_AGE_S,
        begin=BEGIN,
        complete=COMPLETE,
        **asked,
    )


@transaction.atomic
def give_assertion(session: LivingSession, digest: bytes) -> None:
    """Write down that the passkey said yes to the thing with this digest. Repeating it renews it."""
    expires_at = timezone.now() + FRESH_FOR
    mine = Assertion.objects.owned_by(session).filter(session_id=session.id, digest=digest)
    mine.delete()
    try:
        with transaction.atomic():
            Assertion.objects.create(
                user_id=session.user_id, session_id=session.id, digest=digest, expires_at=expires_at
            )
    except IntegrityError:  # another request of this session was a moment earlier: it says the same
        pass


def spend_assertion(session: LivingSession | None, digest: bytes) -> Shown:
    """Use up the passkey's yes to the thing with this digest, within the caller's transaction, and return it.

    Raises StepUpRequired where there is none, or none any more; as `require_fresh` for whose it must be.
    """
    if session is None:
        raise NotAuthorized("unauthorized.")
    if session.is_enrol_only:
        raise EnrolmentOnly("enrol a passkey first")
    mine = Assertion.objects.owned_by(session).filter(session_id=session.id, digest=digest)
    spent, _ = mine.filter(expires_at__gt=timezone.now()).delete()
    if not spent:
        raise step_up_for(digest)
    return Shown(session=session, digest=digest)
