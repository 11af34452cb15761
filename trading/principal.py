"""For whom a request works: one value, whatever the credential that proved it.

The database decides whether a key lives, on every request. The one exception is the hot path of
placing an order: there a key that was good less than a minute ago is remembered (its hash, never
its secret), because the transaction that inserts the order asks again whether the key lives.
"""

from __future__ import annotations

import hmac
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import connection

from accounts.addresses import is_allowed
from accounts.binding import acting_for
from accounts.errors import EnrolmentOnly, Leaving
from accounts.models.api_key import Scope, digest
from trading.errors import NotAuthorized, NotFound
from trading.models import TradingAccount

if TYPE_CHECKING:
    from accounts.sessions import LivingSession

KEY_ID = re.compile(r"[A-Za-z0-9]{1,32}")
NOBODYS_HASH = bytes(32)  # compared with for an unknown key, so that its answer takes as long

NO_ACCOUNT = UUID(int=0)
OF_PERSON = frozenset({Scope.READ.value, Scope.TRADE.value, Scope.DATA.value})
OF_STAFF = OF_PERSON | {Scope.OPERATOR.value}

REMEMBERED_S = 60.0
REMEMBERED_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A user, one account of theirs, and what they may do there. It is an owner for `owned_by`."""

    user_id: UUID
    account_id: UUID
    market_id: int
    scopes: frozenset[str]
    tier: str
    key_id: str | None = None  # of the credentials these two: one is there
    session: LivingSession | None = None
    address: str = field(default="", compare=False)  # from which the key was used

    is_authenticated: ClassVar[bool] = True

    @property
    def pk(self) -> UUID:
        """The owner's key, as querysets ask for it."""
        return self.user_id

    @property
    def has_account(self) -> bool:
        """Whether there is an account to work in: a key always has one, a person may have none yet."""
        return self.account_id != NO_ACCOUNT

    def may(self, scope: Scope) -> bool:
        """Say whether the credential carries this scope."""
        return scope.value in self.scopes


@dataclass(frozen=True, slots=True)
class _Known:
    secret_hash: bytes
    principal: Principal | None
    until: float = 0.0
    addresses: tuple[str, ...] = ()
    is_use_old: bool = False  # its last use was written down more than a minute ago


_UNKNOWN = _Known(NOBODYS_HASH, None)
_remembered: dict[str, _Known] = {}


def principal_of_session(session: LivingSession, account_id: UUID | None) -> Principal:
    """Return whom a session speaks for in one of their accounts, or in the oldest that is open.

    Raises EnrolmentOnly, Leaving; NotFound where the account is not theirs, as if there were none.
    """
    if session.is_enrol_only:
        raise EnrolmentOnly("enrol a passkey first")
    if session.is_leaving:
        raise Leaving("you have asked to be erased: withdraw that first")
    with acting_for(session.user_id):
        mine = TradingAccount.objects.owned_by(session)
        mine = (
            mine.exclude(status=TradingAccount.Status.CLOSED)
            if account_id is None
            else mine.filter(pk=account_id)
        )
        found = mine.order_by("created_at", "pk").values_list("pk", "market_id").first()
    if found is None and account_id is not None:
        raise NotFound(f"account not found for {account_id}")
    chosen, market_id = found or (NO_ACCOUNT, 0)
    return Principal(
        user_id=session.user_id,
        account_id=chosen,
        market_id=market_id,
        scopes=OF_STAFF if session.is_staff else OF_PERSON,
        tier=session.tier,
        session=session,
    )


def principal_of_key(key_id: str, secret: str, address: str) -> Principal:
    """Return whom a living key speaks for, used from `address`.

    Raises NotAuthorized: wrong, revoked, expired, or used from where it may not be.
    """
    known = _asked(key_id)
    _remember(key_id, known)
    proved = _proved(known, secret, address)
    if known.is_use_old:
        with connection.cursor() as cursor:
            cursor.execute("select trading_key_used(%s)", [key_id])
    return proved


def recent_principal_of_key(key_id: str, secret: str, address: str) -> Principal:
    """Return the same from memory where it can, for a caller whose transaction asks again."""
    known = _remembered.get(key_id)
    if known is None or known.until < time.monotonic() or not is_allowed(address, known.addresses):
        return principal_of_key(key_id, secret, address)
    return _proved(known, secret, address)


def was_good_lately(key_id: str, secret: str, address: str) -> bool:
    """Say, from memory alone, whether this key was good less than a minute ago."""
    known = _remembered.get(key_id)
    if known is None or known.until < time.monotonic():
        return False
    return hmac.compare_digest(known.secret_hash, digest(secret)) and is_allowed(address, known.addresses)


def forget() -> None:
    """Remember no key; for tests."""
    _remembered.clear()


def _asked(key_id: str) -> _Known:
    if not KEY_ID.fullmatch(key_id):
        return _UNKNOWN
    with connection.cursor() as cursor:
        cursor.execute(
            "select user_id, account_id, market_id, secret_hash, scopes, tier, addresses, is_use_old"
            " from trading_principal(%s)",
            [key_id],
        )
        row = cursor.fetchone()
    if row is None:
        return _UNKNOWN
    user_id, account_id, market_id, secret_hash, scopes, tier, addresses, is_use_old = row
    principal = Principal(
        user_id=user_id,
        account_id=account_id,
        market_id=market_id,
        scopes=frozenset(scopes),
        tier=tier,
        key_id=key_id,
    )
    return _Known(
        bytes(secret_hash),
        principal,
        until=time.monotonic() + REMEMBERED_S,
        addresses=tuple(addresses),
        is_use_old=is_use_old,
    )


def _remember(key_id: str, known: _Known) -> None:
    if known.principal is None:
        _remembered.pop(key_id, None)
        return
    if len(_remembered) >= REMEMBERED_MAX:
        _remembered.clear()
    _remembered[key_id] = known


def _proved(known: _Known, secret: str, address: str) -> Principal:
    is_right = hmac.compare_digest(known.secret_hash, digest(secret))
    if known.principal is None or not is_right or not is_allowed(address, known.addresses):
        raise NotAuthorized("unauthorized.")
    return replace(known.principal, address=address)
