"""From what a browser sent to a passkey that was shown, or was made: the library's errors end here."""

from __future__ import annotations

import hashlib
import logging
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import DataError, IntegrityError, connection, transaction
from django_otp_webauthn.exceptions import OTPWebAuthnApiError
from webauthn import base64url_to_bytes
from webauthn.helpers.exceptions import WebAuthnException

from accounts.errors import PasskeyRefused
from accounts.passkeys.helper import PasskeyHelper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django_otp_webauthn.models import WebAuthnCredential

    from accounts.models import User

logger = logging.getLogger(__name__)

REFUSED = "the passkey was not accepted"
NAME_MAX = 64
# What the library lets through of an answer that is not even shaped like one; a count that no column holds.
_MISSHAPEN = (ValueError, TypeError, LookupError, AttributeError, OverflowError, struct.error, DataError)
PERSON_OF_PASSKEY = "select accounts_person_of_passkey(%s)"


def person_of(answer: dict[str, Any]) -> UUID:
    """Return whose passkey an assertion names; nothing is proved by that. Raises PasskeyRefused."""
    named = answer.get("rawId")
    with _only_refusals():
        if not isinstance(named, str):
            raise PasskeyRefused(REFUSED)
        credential_id = base64url_to_bytes(named)
    with connection.cursor() as cursor:
        cursor.execute(PERSON_OF_PASSKEY, [hashlib.sha256(credential_id).hexdigest()])
        (user_id,) = cursor.fetchone()
    if not isinstance(user_id, UUID):
        raise PasskeyRefused(REFUSED)
    return user_id


def shown(
    *, state: dict[str, Any], answer: dict[str, Any], signed_in: User | None = None
) -> WebAuthnCredential:
    """Return the passkey whose answer this is, within the transaction of what it is shown for.

    `signed_in` is whose it must be; without, it must name its person by itself. Its person must be bound.
    Raises PasskeyRefused, also for a passkey that is off and a person who is not active; SignCountFell.
    """
    with _only_refusals():
        passkey = PasskeyHelper().authenticate_complete(signed_in, state, answer)
    if not passkey.confirmed or not passkey.user.is_active:
        raise PasskeyRefused(REFUSED)
    return passkey


def made(*, user: User, state: dict[str, Any], answer: dict[str, Any], name: str) -> WebAuthnCredential:
    """Insert the passkey that a device has just made for the person, who must be bound. Raises PasskeyRefused."""
    with _only_refusals():
        try:
            with transaction.atomic():
                passkey = PasskeyHelper().register_complete(user, state, answer)
        except IntegrityError:  # somebody has a passkey of this id
            raise PasskeyRefused(REFUSED) from None
    passkey.name = name
    passkey.save(update_fields=["name"])
    return passkey


@contextmanager
def _only_refusals() -> Iterator[None]:
    """Let nothing out but our own refusals; the reason goes to the log, not to whoever asked."""
    try:
        yield
    except (WebAuthnException, OTPWebAuthnApiError, *_MISSHAPEN) as error:
        logger.info("a passkey's answer was refused: %s", error)
        raise PasskeyRefused(REFUSED) from error
