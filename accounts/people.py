"""Who has an address, before anybody is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import connection

from accounts.errors import ValueInvalid
from accounts.models import User

if TYPE_CHECKING:
    from uuid import UUID

EMAIL_MAX = 254  # characters, of an address in a mail's envelope (RFC 5321, 4.5.3.1.3, less its brackets)
PERSON_OF_EMAIL = "select accounts_person_of_email(%s)"

_validate = EmailValidator()


def checked_address(email: str) -> str:
    """Return an address as it is kept. Raises ValueInvalid."""
    address = User.objects.normalize_email(email.strip())
    try:
        _validate(address)
    except ValidationError:
        raise ValueInvalid("email is not an e-mail address") from None
    if len(address) > EMAIL_MAX:
        raise ValueInvalid(f"email is longer than {EMAIL_MAX} characters")
    return address


def person_of_email(email: str) -> UUID | None:
    """Return whose an address is, in any case. For what is mailed there: an answer never tells it."""
    with connection.cursor() as cursor:
        cursor.execute(PERSON_OF_EMAIL, [email])
        found: UUID | None = cursor.fetchone()[0]
    return found
