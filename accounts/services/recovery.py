"""Recovery codes: ten, shown once, kept as digests; each opens one session that may only enrol a passkey."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import mail, tracing
from accounts.binding import acting_for
from accounts.errors import AccessRefused
from accounts.models import RecoveryCodes, User
from accounts.people import checked_address, person_of_email
from accounts.services.audit import record
from accounts.sessions import begin_session

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from accounts.services.signing_in import Where
    from accounts.sessions import LivingSession, NewSession

CODES = 10
LENGTH = 20
ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ0123456789"  # 32 letters, none of which is taken for another: 100 bits
READ_AS = str.maketrans("ILOU", "110V")  # what people write for a letter that is not there
FAILURES_MAX = 10  # after so many, a failure costs no more: 512 s, or an outsider could shut them for years
REFUSED = "the address and the code do not belong together, or were tried too often"


def make_codes(*, session: LivingSession) -> list[str]:
    """Return new codes in groups of five letters; the old ones end. They are shown in this answer alone."""
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(CODES)]
    with transaction.atomic():
        person = User.objects.select_for_update(of=("self",)).get(pk=session.user_id)
        RecoveryCodes.objects.update_or_create(
            user=person,
            defaults={
                "digests": [digest_of(person.pk, code) for code in codes],
                "made_at": timezone.now(),
                "throttling_failure_count": 0,
                "throttling_failure_timestamp": None,
            },
        )
        record(action="recovery_codes.made", user_id=person.pk, after={"codes": len(codes)})
        mail.tell_after_commit(
            person.email,
            subject="new recovery codes were made",
            happened=["New recovery codes were made for your account. The old ones open nothing any more."],
        )
    return ["-".join(code[at : at + 5] for at in range(0, LENGTH, 5)) for code in codes]


def codes_of(session: LivingSession) -> RecoveryCodes | None:
    """Return what is kept of the person's codes, None when they never made any."""
    return RecoveryCodes.objects.owned_by(session).first()


def recover(*, email: str, code: str, where: Where) -> NewSession:
    """Begin a session that may only enrol, and use the code up.

    Raises AccessRefused in the same words for an unknown address, a person without codes, a wrong code,
    and any code while the person's codes rest after failures; ValueInvalid for what is no address.
    """
    user_id = person_of_email(checked_address(email))
    if user_id is None:
        raise AccessRefused(REFUSED)
    with acting_for(user_id):
        session = _opened(user_id, code, where)
    if session is None:
        raise AccessRefused(REFUSED)
    return session


@transaction.atomic
def _opened(user_id: UUID, code: str, where: Where) -> NewSession | None:
    # What is None here is committed all the same: the failure must count.
    person = User.objects.select_for_update(of=("self",)).get(pk=user_id)
    kept = RecoveryCodes.objects.owned_by(person).select_for_update(of=("self",)).first()
    if kept is None or not person.is_active or not kept.verify_is_allowed()[0]:
        return None
    left = _without(kept.digests, user_id, code)
    if left is None:
        kept.throttle_increment(commit=False)
        kept.throttling_failure_count = min(kept.throttling_failure_count, FAILURES_MAX)
        kept.save(update_fields=["throttling_failure_count", "throttling_failure_timestamp"])
        return None
    kept.digests = left
    kept.throttle_reset(commit=False)
    kept.save(update_fields=["digests", "throttling_failure_count", "throttling_failure_timestamp"])
    tracing.told(user_id=user_id, actor_kind="user", actor_id=str(user_id))
    session = begin_session(user=person, passkey_id=None, headers=where.headers, trusted=where.trusted)
    record(action="recovery_code.used", user_id=user_id, after={"codes": len(left)})
    record(
        action="session.started",
        user_id=user_id,
        after={"session": session.id, "is_enrol_only": True, "by": "recovery_code"},
        details=where.seen,
    )
    mail.tell_after_commit(
        person.email,
        subject="a recovery code was used",
        happened=[f"One of your recovery codes was used to make a new passkey. {len(left)} are left."],
    )
    return session


def digest_of(user_id: UUID, code: str, secret: str | None = None) -> bytes:
    """Return what is kept of a code, however it is written."""
    plain = code.upper().translate(READ_AS)
    letters = "".join(letter for letter in plain if letter in ALPHABET)
    return salted_hmac(
        "accounts.RecoveryCodes", f"{user_id}:{letters}", secret=secret, algorithm="sha256"
    ).digest()


def _without(digests: Iterable[bytes | memoryview], user_id: UUID, code: str) -> list[bytes] | None:
    """Return the digests less the code's, None when it is not among them."""
    secrets_known = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    asked = [digest_of(user_id, code, str(secret)) for secret in secrets_known]
    kept = [bytes(digest) for digest in digests]
    found = [digest for digest in kept if any([hmac.compare_digest(digest, each) for each in asked])]  # noqa: C419 - in constant time
    return [digest for digest in kept if digest not in found] if found else None
