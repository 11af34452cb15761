"""Make, rotate, list and revoke API keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.addresses import networks_of
from accounts.models import ApiKey, User
from accounts.models.api_key import DEFAULT_SCOPES, Scope, digest, new_secret
from trading.doorbells import ring_credentials
from trading.errors import NotFound, ValueInvalid
from trading.models import TradingAccount

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

NAME_MAX = 64  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made. The secret is nowhere else: it cannot be told a second time."""

    email: str
    account_id: UUID
    account_number: str
    key_id: str
    secret: str = field(repr=False)
    scopes: tuple[str, ...]
    addresses: tuple[str, ...]  # networks from which it opens anything; none is no limit
    expires_at: datetime | None

    @property
    def token(self) -> str:
        """The pair in one word, for clients that send a bearer token."""
        return f"{self.key_id}.{self.secret}"


@transaction.atomic(durable=True)
def create_api_key(
    *,
    email: str,
    account: str | None = None,
    scopes: Sequence[str] = tuple(DEFAULT_SCOPES),
    name: str = "",
    addresses: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key for one account of the user with this address.

    `account` is its number or id; it may be left out where the user has only one that is open.
    Raises NotFound, ValueInvalid.
    """
    if not scopes or not set(scopes) <= set(Scope.values):
        raise ValueInvalid(f"scopes must be some of {', '.join(Scope.values)}")
    if expires_at is not None and expires_at <= timezone.now():
        raise ValueInvalid(f"{expires_at.isoformat()} is over: a key must expire in the future")
    if len(name) > NAME_MAX:
        raise ValueInvalid(f"the name has {len(name)} characters, and may have {NAME_MAX}")
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise NotFound(f"there is no active user {email}")
    try:
        networks = networks_of(addresses)
    except ValueError as error:
        raise ValueInvalid(str(error)) from None
    key = ApiKey(
        user=user,
        account_id=_account_of(user, account).pk,
        name=name,
        scopes=list(scopes),
        addresses=networks,
        expires_at=expires_at,
    )
    return _stored(key)


def rotate_api_key(*, key_id: str, overlap: timedelta = timedelta()) -> NewKey:
    """Make a successor that may do what a key may, and end that key now or after `overlap`.

    Raises NotFound, ValueInvalid for a key that is over.
    """
    with transaction.atomic(durable=True):
        old = _locked(key_id)
        if old.is_over:
            raise ValueInvalid(f"API key {key_id} is over, and has no successor")
        now, expires_at = timezone.now(), old.expires_at
        if overlap:
            old.expires_at = min(filter(None, (expires_at, now + overlap)))
        else:
            old.revoked_at = now
        old.save(update_fields=["revoked_at", "expires_at"])
        made = _stored(
            ApiKey(
                user=old.user,
                account_id=old.account_id,
                name=old.name,
                scopes=old.scopes,
                addresses=old.addresses,
                expires_at=expires_at,
            )
        )
    ring_credentials()
    return made


def api_keys(*, email: str | None = None) -> list[ApiKey]:
    """Return the keys of one person, or everybody's: for operators. Newest first, with their users."""
    keys = ApiKey.objects.across_owners().select_related("user").order_by("-created_at", "pk")
    return list(keys if email is None else keys.filter(user__email__iexact=email))


def _stored(key: ApiKey) -> NewKey:
    """Insert a key with a fresh secret and return both."""
    secret = new_secret()
    key.secret_hash = digest(secret)
    key.save(force_insert=True)
    account = TradingAccount.objects.owned_by(key.user).get(pk=key.account_id)
    return NewKey(
        email=key.user.email,
        account_id=key.account_id,
        account_number=account.number,
        key_id=key.pk,
        secret=secret,
        scopes=tuple(key.scopes),
        addresses=tuple(key.addresses),
        expires_at=key.expires_at,
    )


def _locked(key_id: str) -> ApiKey:
    rows = ApiKey.objects.across_owners().select_for_update(of=("self",)).select_related("user")
    key = rows.filter(pk=key_id).first()
    if key is None:
        raise NotFound(f"there is no API key {key_id}")
    return key


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
        key = _locked(key_id)
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
    else:
        accounts = accounts.exclude(status=TradingAccount.Status.CLOSED)
    found = list(accounts[:2])
    if not found:
        raise NotFound(f"{user.email} has no account {named}" if named else f"{user.email} has no account")
    if len(found) > 1:
        raise ValueInvalid(f"{user.email} has several accounts; name one")
    return found[0]
