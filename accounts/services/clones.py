"""A passkey that counts less than it did: a security event, whoever holds the copy.

Either somebody has made a copy of it, or it was put back to an older state; which of the two devices is
the person's, nobody can tell. It is switched off, with all that it has opened, as long as the person has
another way in. Where it is the only one, it stays on: to switch it off would lock its owner out on the
word of whoever has the copy. A passkey that is synchronised always counts nought and never comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django_otp_webauthn.models import WebAuthnCredential

from accounts import mail
from accounts.binding import acting_for
from accounts.models import RecoveryCodes, Session, User
from accounts.services.audit import record
from accounts.sessions import end_sessions

if TYPE_CHECKING:
    from accounts.passkeys.helper import SignCountFell


def treat_clone(found: SignCountFell) -> None:
    """Write the event down, end the passkey's sessions, and tell its person. In a transaction of its own."""
    user_id = found.passkey.user_id
    with acting_for(user_id), transaction.atomic():
        person = User.objects.select_for_update(of=("self",)).get(pk=user_id)
        passkeys = WebAuthnCredential.objects.filter(user=person, confirmed=True)
        has_codes = RecoveryCodes.objects.owned_by(person).exclude(digests=[]).exists()
        is_off = has_codes or passkeys.exclude(pk=found.passkey.pk).exists()
        if is_off:
            passkeys.filter(pk=found.passkey.pk).update(confirmed=False)
        ended = end_sessions(person, passkey_id=found.passkey.pk, reason=Session.End.PASSKEY_REMOVED)
        record(
            action="passkey.count_fell",
            user_id=user_id,
            before={"passkey": found.passkey.pk, "count": found.passkey.sign_count},
            after={"count": found.seen, "is_on": not is_off, "sessions_ended": ended},
        )
        mail.tell_after_commit(
            person.email,
            subject="one of your passkeys may have been copied",
            happened=[
                f'The passkey "{found.passkey.name}" was shown with an older counter than before. Either it',
                "was copied, or its device was put back to an older state. It was refused, and its sessions",
                "have ended. "
                + (
                    "It is switched off: use another passkey or a recovery code."
                    if is_off
                    else "It is your only one and still on: add another and remove it."
                ),
            ],
        )
