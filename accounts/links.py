"""Links that are mailed: signed, of a limited age, and used once.

A link opens nothing by being looked at: mail scanners and previews open every link. It is spent in the
transaction that does what it is for.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction

from accounts.errors import LinkUnusable
from accounts.models import SpentLink

SALT = "accounts.links"
UNUSABLE = "the link is too old, or was used already"
TOKEN_MAX = 1_000  # characters; ours have about 200


class Purpose(StrEnum):
    SIGN_UP = "sign_up"  # for an address that nobody has yet
    INVITATION = "invitation"  # for a person whom a command has made, and who has no passkey yet
    KEEP = "keep"  # for a person who has asked to be erased, and may think better of it
    RESET = "reset"  # for a person whose passkeys two operators have switched off


LIFE: dict[Purpose, timedelta] = {
    Purpose.SIGN_UP: timedelta(minutes=30),
    Purpose.INVITATION: timedelta(hours=24),  # nobody waits at the mailbox for it
    Purpose.KEEP: timedelta(days=30),  # as long as the erasure waits
    Purpose.RESET: timedelta(minutes=30),
}


# Those that open an enrolment. A link is good for what it was made for, and for nothing else.
WAYS_IN = frozenset({Purpose.SIGN_UP, Purpose.INVITATION, Purpose.RESET})
_PAGE = {
    Purpose.SIGN_UP: "sign-up",
    Purpose.INVITATION: "enrol",
    Purpose.RESET: "enrol",
    Purpose.KEEP: "keep",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link says. `user_id` and `epoch` are of a person who is there already, else None."""

    purpose: Purpose
    email: str
    user_id: UUID | None = None
    epoch: int | None = None
    token_hash: bytes = b""


def make(purpose: Purpose, *, email: str, user_id: UUID | None = None, epoch: int | None = None) -> str:
    """Return a link's token. One that names a person is void as soon as their epoch is another."""
    # Two links of one second are two: each is used up by itself.
    content: dict[str, Any] = {"p": purpose.value, "e": email, "r": secrets.token_urlsafe(6)}
    if user_id is not None:
        content |= {"u": str(user_id), "n": epoch}
    return signing.dumps(content, salt=SALT)


def url(purpose: Purpose, token: str) -> str:
    """Return the address of the page that a token is mailed as."""
    return f"{settings.ORIGINS[0]}/{_PAGE[purpose]}/{token}"


def read(token: str, among: frozenset[Purpose] = WAYS_IN) -> Link:
    """Return what a token for one of these purposes says, without spending it.

    Raises LinkUnusable, also for one that is spent.
    """
    try:
        if len(token) > TOKEN_MAX:
            raise LinkUnusable(UNUSABLE)
        content = signing.loads(token, salt=SALT, max_age=max(LIFE.values()))
        purpose = Purpose(content["p"])
        if purpose not in among:
            raise LinkUnusable(UNUSABLE)
        signing.loads(token, salt=SALT, max_age=LIFE[purpose])
    except signing.BadSignature:
        raise LinkUnusable(UNUSABLE) from None
    link = Link(
        purpose=purpose,
        email=content["e"],
        user_id=UUID(content["u"]) if "u" in content else None,
        epoch=content.get("n"),
        token_hash=hashlib.sha256(token.encode()).digest(),
    )
    if SpentLink.objects.filter(token_hash=link.token_hash).exists():
        raise LinkUnusable(UNUSABLE)
    return link


def spend(token_hash: bytes) -> None:
    """Use a link up, in the caller's transaction. Raises LinkUnusable when somebody was faster."""
    try:
        with transaction.atomic():
            SpentLink.objects.create(token_hash=token_hash)
    except IntegrityError:
        raise LinkUnusable(UNUSABLE) from None
