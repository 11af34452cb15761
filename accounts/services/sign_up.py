"""Ask to join: one mail, whoever has the address, and the same answer."""

from __future__ import annotations

from django.conf import settings

from accounts import links, mail
from accounts.people import checked_address, person_of_email

KNOWN = """\
Somebody, probably you, wants to sign up for Raxx with this address, which has an account already.

Sign in with your passkey: {origin}/log-in

If you have none at hand, use one of your recovery codes there. If you have none of these either, ask the
people who run this installation. If you did not ask for this mail, do nothing."""


def ask_to_join(*, email: str) -> None:
    """Mail a link to an address that nobody has, and how to get in to one that somebody has.

    Raises ValueInvalid for what is no address, Unavailable when no mail server takes the mail.
    """
    address = checked_address(email)
    if person_of_email(address) is not None:
        words = KNOWN.format(origin=settings.ORIGINS[0])
        mail.send_word(address, subject="you are signed up already", words=words)
        return
    mail.send_link(
        address,
        links.url(links.Purpose.SIGN_UP, links.make(links.Purpose.SIGN_UP, email=address)),
        subject="your link to sign up",
        words="Somebody, probably you, wants to sign up for Raxx with this address. To go on, open this page:",
        life="30 minutes",
    )
