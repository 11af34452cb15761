"""Open challenges: one a purpose and browser, answered once, and not after two minutes.

They stand in rows and not in a session, because a row can be taken by one request alone: a slow request
cannot bring a used challenge back, and of twelve answers at once one is judged.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connection
from django.utils import timezone

from accounts.errors import PasskeyRefused
from accounts.models import Ceremony
from accounts.models.user import new_id
from accounts.passkeys.helper import challenge_life_s

if TYPE_CHECKING:
    from uuid import UUID

_TAKE = "delete from accounts_ceremony where binding = %s and purpose = %s returning state::text, digest, created_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A challenge that is being answered: what was kept of it, and the one thing that it was for, if any."""

    state: dict[str, Any]
    digest: bytes | None


def new_key() -> str:
    """Return the key of a ceremony's cookie, for a browser that has no session."""
    return secrets.token_urlsafe(32)


def binding_of_key(key: str) -> bytes:
    """Return what binds a ceremony to the browser with this cookie."""
    return hashlib.sha256(b"cookie:" + key.encode()).digest()


def binding_of_session(session_id: UUID) -> bytes:
    """Return what binds a ceremony to a session: only who has its key gets as far as to be asked."""
    return hashlib.sha256(b"session:" + session_id.bytes).digest()


def begin(
    *, binding: bytes, purpose: Ceremony.Purpose, state: dict[str, Any], digest: bytes | None = None
) -> None:
    """Keep an open challenge; an earlier one of this browser and purpose is forgotten."""
    row = Ceremony(
        id=new_id(),
        binding=binding,
        purpose=purpose,
        state=state,
        digest=digest,
        created_at=timezone.now(),
    )
    Ceremony.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["binding", "purpose"],
        update_fields=["state", "digest", "created_at"],
    )


def take(*, binding: bytes | None, purpose: Ceremony.Purpose) -> Taken:
    """Return the open challenge and forget it. Call it outside of a transaction: it must stay forgotten.

    Raises PasskeyRefused when there is none, it was answered before, or is too old.
    """
    row = None
    if binding is not None:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, [binding, purpose])
            row = cursor.fetchone()
    if row is None or row[2] < timezone.now() - timedelta(seconds=challenge_life_s()):
        raise PasskeyRefused("begin again: there is no open challenge", reason="no_challenge")
    state, digest, _ = row
    return Taken(state=msgspec.json.decode(state), digest=None if digest is None else bytes(digest))
