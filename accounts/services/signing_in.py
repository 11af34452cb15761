"""What every way in ends with: a session by a passkey, written down. A shared step, not a use case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from accounts import tracing
from accounts.addresses import client_address
from accounts.services.audit import record
from accounts.sessions import begin_session, device_of, prefix_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django_otp_webauthn.models import WebAuthnCredential

    from accounts.models import User
    from accounts.sessions import NewSession


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a request came from: its META, and the proxies whose word counts."""

    headers: Mapping[str, str]

    @property
    def trusted(self) -> Sequence[str]:
        """The networks of our own proxies."""
        return settings.TRUSTED_PROXIES

    @property
    def address(self) -> str:
        """The client's address; empty when nobody says."""
        forwarded_for = self.headers.get("HTTP_X_FORWARDED_FOR", "")
        return client_address(self.headers.get("REMOTE_ADDR", ""), forwarded_for, self.trusted)

    @property
    def seen(self) -> dict[str, str]:
        """The personal part of it, for the audit log's details."""
        device = device_of(self.headers.get("HTTP_USER_AGENT", ""))
        return {"device": device, "address_prefix": prefix_of(self.address)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who is in now, and the session whose key goes into the cookie."""

    user: User
    session: NewSession


def signed_in(person: User, passkey: WebAuthnCredential, *, where: Where, is_fresh: bool = True) -> SignedIn:
    """Begin the session of a person who has shown this passkey, in the caller's transaction."""
    tracing.told(user_id=person.pk, actor_kind="user", actor_id=str(person.pk))
    session = begin_session(
        user=person, passkey_id=passkey.pk, headers=where.headers, trusted=where.trusted, is_fresh=is_fresh
    )
    person.last_login = timezone.now()
    person.save(update_fields=["last_login"])
    record(
        action="session.started",
        user_id=person.pk,
        after={"session": session.id, "passkey": passkey.pk},
        details=where.seen,
    )
    return SignedIn(user=person, session=session)
