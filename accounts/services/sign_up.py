"""Ask to join: one mail, whoever has the address, and the same answer."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import connection

from accounts import links, mail
from accounts.errors import ValueInvalid
from accounts.models import User

EMAIL_MAX = 254
PERSON_OF_EMAIL = "select accounts_person_of_email(%s)"

_validate = EmailValidator()


def ask_to_join(*, email: str) -> None:
    """Mail a link to an address that nobody has, and to one that somebody has how to get in.

    Raises ValueInvalid for what is no address, Unavailable when no mail server takes the mail.
    """
    address = checked_address(email)
    if person_of_email(address) is None:
        mail.send_link(
            address,
            links.url(links.make(links.Purpose.SIGN_UP, email=address)),
            subject="your link to sign up",
            words="Somebody, probably you, wants to sign up for Raxx with this address. Open this page:",
            life="30 minutes",
        )
    else:
        mail.send_word(
            address,
            subject="you are signed up already",
            words=(
                "Somebody, probably you, wants to sign up for Raxx with this address, which has an account.\n"
                "Sign in with your passkey. If you have none at hand, use one of your recovery codes;\n"
                "if you have none of these either, ask the people who run this installation.\n\n"
                f"{mail.settings.ORIGINS[0]}/log-in"
            ),
        )


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


def person_of_email(email: str) -> object | None:
    """Return the id of whoever has an address, None for nobody. For what is mailed to it, never for an answer."""
    with connection.cursor() as cursor:
        cursor.execute(PERSON_OF_EMAIL, [email])
        return cursor.fetchone()[0]  # type: ignore[no-any-return]
