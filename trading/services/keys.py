"""Make and revoke API keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.models.api_key import DEFAULT_SCOPES, Scope, digest, new_secret
from trading.doorbells import ring_credentials
from trading.errors import NotFound, ValueInvalid
from trading.models import TradingAccount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made. The secret is nowhere else: it cannot be told a second time."""

    email: str
    account_id: UUID
    account_number: str
    key_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]


@transaction.atomic(durable=True)
def create_api_key(
    *, email: str, account: str | None = None, scopes: Sequence[str] = tuple(DEFAULT_SCOPES), name: str = ""
) -> NewKey:
    """Make a key for one account of the user with this address.

    `account` is its number or id; it may be left out where the user has only one.
    Raises NotFound, ValueInvalid.
    """
    if not scopes or not set(scopes) <= set(Scope.values):
        raise ValueInvalid(f"scopes must be some of {', '.join(Scope.values)}")
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise NotFound(f"there is no active user {email}")
    owned = _account_of(user, account)
    secret = new_secret()
    key = ApiKey.objects.create(
        user=user, account_id=owned.pk, name=name, scopes=list(scopes), secret_hash=digest(secret)
    )
    return NewKey(
        email=user.email,
        account_id=owned.pk,
        account_number=owned.number,
        key_id=key.pk,
        secret=secret,
        scopes=tuple(scopes),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedKey:
    """A key that opens nothing any more, since `revoked_at`."""

    email: str
    account_id: UUID
    key_id: str
    revoked_at: datetime


def revoke_api_key(*, key_id: str) -> RevokedKey:
    """End a key for good and tell the streams, which close its sockets; a revoked key stays as it was.

    Raises NotFound.
    """
    with transaction.atomic(durable=True):
        rows = ApiKey.objects.across_owners().select_for_update(of=("self",)).select_related("user")
        key = rows.filter(pk=key_id).first()
        if key is None:
            raise NotFound(f"there is no API key {key_id}")
        revoked_at = key.revoked_at or timezone.now()
        if key.revoked_at is None:
            key.revoked_at = revoked_at
            key.save(update_fields=["revoked_at"])
    ring_credentials()
    return RevokedKey(email=key.user.email, account_id=key.account_id, key_id=key.pk, revoked_at=revoked_at)


def _account_of(user: User, named: str | None) -> TradingAccount:
    accounts = TradingAccount.objects.owned_by(user).order_by("created_at", "pk")
    if named is not None:
        try:
            which = Q(pk=UUID(named))
        except ValueError:
            which = Q(number=named)
        accounts = accounts.filter(which)
    found = list(accounts[:2])
    if not found:
        raise NotFound(f"{user.email} has no account {named}" if named else f"{user.email} has no account")
    if len(found) > 1:
        raise ValueInvalid(f"{user.email} has several accounts; name one")
    return found[0]
