"""Make, change, rotate, list and revoke API keys: for their owners, and by operators for anybody.

A key speaks for one paper account, for ever: there is no scope, and no column, that could make it more.
A secret is told once, when it is made; what is kept of it is a hash. A key that is over stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.models.api_key import Scope, digest, new_secret
from accounts.services.audit import record
from trading.doorbells import ring_credentials
from trading.errors import NotFound, RuleBroken, ScopeMissing, ValueInvalid
from trading.models import TradingAccount
from trading.services.key_terms import KeyTerms, check_overlap, checked_name, checked_networks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from accounts.querysets import Owner

LIVING_MAX = 50  # keys of one account that a person may have at once
READ_ONLY = frozenset({Scope.READ.value, Scope.DATA.value})
ENDED = (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made. The secret is nowhere else: it cannot be told a second time."""

    key: ApiKey
    email: str
    account_number: str
    secret: str = field(repr=False)

    @property
    def token(self) -> str:
        """The pair in one word, for clients that send a bearer token."""
        return f"{self.key.pk}.{self.secret}"


# --- For their owners ------------------------------------------------------------------------------


def keys_of(owner: Owner, account_id: UUID | None = None) -> list[ApiKey]:
    """Return a person's keys, of all accounts or of one, also those that are over; newest first."""
    return list(ApiKey.objects.owned_by(owner, account_id).order_by("-created_at", "pk"))


def key_of(owner: Owner, key_id: str) -> ApiKey:
    """Return one of a person's keys. Raises NotFound."""
    return _found(ApiKey.objects.owned_by(owner), key_id)


@transaction.atomic(durable=True)
def create_own_key(*, owner: Owner, account_id: UUID, terms: KeyTerms, may_operate: bool = False) -> NewKey:
    """Make a key for one of a person's accounts; `may_operate` lets it have the scope `operator`.

    Raises NotFound; RuleBroken for an account that is closed or has enough keys; ScopeMissing for a
    scope that this person may not give.
    """
    if Scope.OPERATOR in terms.scopes and not may_operate:
        raise ScopeMissing(f"the scope {Scope.OPERATOR.value} is for operators alone")
    # The person first: who has asked to be erased gets no key, whichever of the two requests comes first.
    assert owner.pk is not None
    them = User.objects.filter(pk=owner.pk, deactivated_at=None)
    if them.select_for_update(no_key=True, of=("self",)).first() is None:
        raise RuleBroken("who is about to leave gets no new key")
    # Locked, so that of two at once not both are the last that is allowed.
    mine = TradingAccount.objects.owned_by(owner).select_for_update(no_key=True)
    account = mine.filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"account not found for {account_id}")
    _refuse_too_many(account)
    return _made(account, terms)


@transaction.atomic(durable=True)
def change_own_key(
    *, owner: Owner, key_id: str, name: str | None = None, addresses: Sequence[str] | None = None
) -> ApiKey:
    """Rename a key, or change the networks from which it opens anything; None leaves it as it is.

    Its open streams go on. Raises NotFound, ValueInvalid, RuleBroken for a key that is over.
    """
    key = _locked(ApiKey.objects.owned_by(owner), key_id)
    if key.is_over:
        raise RuleBroken(f"API key {key_id} is over")
    before = {"name": key.name, "addresses": key.addresses}
    if name is not None:
        key.name = checked_name(name)
    if addresses is not None:
        key.addresses = checked_networks(addresses)
    key.save(update_fields=["name", "addresses"])
    after = {"name": key.name, "addresses": key.addresses}
    if after != before:
        changed = {"changed": [name for name in after if after[name] != before[name]]}
        _tell(key, "changed", after=changed, details={"before": before, "after": after})
    return key


def rotate_own_key(*, owner: Owner, key_id: str, overlap: timedelta = timedelta()) -> NewKey:
    """Make a successor that may do what a person's key may, and end that key now or after `overlap`.

    Raises NotFound, ValueInvalid for a key that is over and for too long an overlap, RuleBroken where both
    were too many for the account.
    """
    return _rotated(ApiKey.objects.owned_by(owner), key_id, overlap, is_limited=True)


def revoke_own_key(*, owner: Owner, key_id: str) -> ApiKey:
    """End a person's key for good and tell the streams, which close its sockets.

    A key that is over stays as it was. Raises NotFound.
    """
    return _revoked(ApiKey.objects.owned_by(owner), key_id)


# --- For operators ---------------------------------------------------------------------------------


def api_keys(*, email: str | None = None) -> list[ApiKey]:
    """Return the keys of one person, or everybody's. Newest first, with their users."""
    keys = ApiKey.objects.across_owners().select_related("user").order_by("-created_at", "pk")
    return list(keys if email is None else keys.filter(user__email__iexact=email))


@transaction.atomic(durable=True)
def create_api_key(
    *, email: str, account: str | None = None, terms: KeyTerms, is_trial: bool = False
) -> NewKey:
    """Make a key for one account of the user with this address; a trial keeps nothing.

    `account` is its number or id; it may be left out where the user has only one that is open.
    Raises NotFound, ValueInvalid, RuleBroken.
    """
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise NotFound(f"there is no active user {email}")
    made = _made(_account_of(user, account), terms)
    transaction.set_rollback(is_trial)
    return made


def rotate_api_key(*, key_id: str, overlap: timedelta = timedelta(), is_trial: bool = False) -> NewKey:
    """Make a successor that may do what a key may, and end that key now or after `overlap`; a trial keeps nothing.

    Raises NotFound, ValueInvalid for a key that is over and for too long an overlap.
    """
    return _rotated(ApiKey.objects.across_owners(), key_id, overlap, is_trial=is_trial)


def revoke_api_key(*, key_id: str, is_trial: bool = False) -> ApiKey:
    """End a key for good and tell the streams, which close its sockets.

    A revoked key stays as it was, and in a trial any. Raises NotFound.
    """
    return _revoked(ApiKey.objects.across_owners(), key_id, is_trial=is_trial)


# --- What both do ----------------------------------------------------------------------------------


def _made(account: TradingAccount, terms: KeyTerms) -> NewKey:
    if account.status in ENDED and not READ_ONLY.issuperset(terms.scopes):
        raise RuleBroken("the account is closed: a key may read it, and no more")
    key = ApiKey(
        user_id=account.user_id,
        account_id=account.pk,
        name=terms.name,
        scopes=list(terms.scopes),
        addresses=list(terms.addresses),
        expires_at=terms.expires_at,
    )
    made = _stored(key, account.number)
    _tell(
        key,
        "created",
        after={"scopes": key.scopes, "expires_at": key.expires_at, "is_limited": bool(key.addresses)},
        details={"name": key.name, "addresses": key.addresses},
    )
    return made


def _refuse_too_many(account: TradingAccount) -> None:
    living = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
    if ApiKey.objects.owned_by(account.user, account.pk).filter(living).count() >= LIVING_MAX:
        raise RuleBroken(f"the account has {LIVING_MAX} keys; revoke one first")


def _rotated(
    keys: QuerySet[ApiKey],
    key_id: str,
    overlap: timedelta,
    *,
    is_limited: bool = False,
    is_trial: bool = False,
) -> NewKey:
    check_overlap(overlap)
    with transaction.atomic(durable=True):
        of = _found(keys, key_id)
        # The account before its keys, as everywhere.
        account = (
            TradingAccount.objects.owned_by(of.user).select_for_update(no_key=True).get(pk=of.account_id)
        )
        old = _locked(keys, key_id)
        if old.is_over:
            raise ValueInvalid(f"API key {key_id} is over, and has no successor")
        if is_limited and overlap:  # else it is one for another
            _refuse_too_many(account)
        now, expires_at = timezone.now(), old.expires_at
        if overlap:
            old.expires_at = min(filter(None, (expires_at, now + overlap)))
        else:
            old.revoked_at = now
        old.save(update_fields=["revoked_at", "expires_at"])
        key = ApiKey(
            user_id=old.user_id,
            account_id=old.account_id,
            name=old.name,
            scopes=old.scopes,
            addresses=old.addresses,
            expires_at=expires_at,
        )
        made = _stored(key, account.number)
        ends = {"expires_at": old.expires_at, "revoked_at": old.revoked_at}
        _tell(old, "rotated", before={"expires_at": expires_at}, after={**ends, "successor": key.pk})
        transaction.set_rollback(is_trial)
    ring_credentials()
    return made


def _revoked(keys: QuerySet[ApiKey], key_id: str, *, is_trial: bool = False) -> ApiKey:
    key = _found(keys, key_id)
    if key.revoked_at is None:
        with transaction.atomic(durable=True):
            key = _locked(keys, key_id)
            if key.revoked_at is None:  # still: somebody else may have been faster
                key.revoked_at = timezone.now()
                key.save(update_fields=["revoked_at"])
                _tell(key, "revoked", after={"revoked_at": key.revoked_at})
            transaction.set_rollback(is_trial)
    ring_credentials()
    return key


def _stored(key: ApiKey, account_number: str) -> NewKey:
    """Insert a key with a fresh secret and return both."""
    secret = new_secret()
    key.secret_hash = digest(secret)
    key.save(force_insert=True)
    return NewKey(key=key, email=key.user.email, account_number=account_number, secret=secret)


def _found(keys: QuerySet[ApiKey], key_id: str) -> ApiKey:
    key = keys.select_related("user").filter(pk=key_id).first()
    if key is None:
        raise NotFound(f"there is no API key {key_id}")
    return key


def _locked(keys: QuerySet[ApiKey], key_id: str) -> ApiKey:
    return _found(keys.select_for_update(of=("self",)), key_id)


def _tell(key: ApiKey, what: str, *, after: dict[str, Any], **told: Any) -> None:
    """Append to the audit log what happened to a key."""
    record(
        action=f"api_key.{what}",
        user_id=key.user_id,
        account_id=key.account_id,
        after={"key_id": key.pk, **after},
        **told,
    )


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
