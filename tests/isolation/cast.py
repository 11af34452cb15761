"""Who calls in the access matrix: an owner with every kind of credential, their other account, a stranger, staff.

Everybody has a row in every owned table, so that a list which leaks has something to leak. Nobody is
typed by route: a caller says what they hold, and `rules` says what that opens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import Tier
from accounts.models.api_key import Scope
from tests.factories.people import CSRF, make_passkey, make_session, session_with
from tests.factories.rows import SECRET, make_account, make_api_key, make_one_of_everything, make_user
from trading.models import AccountGrant, GrantPermission
from trading.services.grants import give_grant

if TYPE_CHECKING:
    from accounts.models import ApiKey, Session, User
    from matching.models import Market
    from trading.models import Asset, TradingAccount

    Whose = Literal["owner", "other account", "stranger", "staff"]

SCOPES = tuple(scope.value for scope in Scope)
LIFE = timedelta(hours=8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Caller:
    """Somebody with one credential, or with none, and what of it a rule must know."""

    name: str
    whose: Whose
    credential: Literal["none", "key", "session"]
    is_living: bool = True
    scopes: frozenset[str] = frozenset()  # of a key
    is_staff: bool = False
    is_fresh: bool = True
    is_enrol_only: bool = False
    is_forged: bool = False  # a session's cookie without the token that our own pages send
    names_account_of: Whose | None = None  # in the header by which a browser chooses an account
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    cookie: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.name

    def send(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        """Send a request as this caller's program or browser does."""
        client = Client(enforce_csrf_checks=True)
        headers = dict(self.headers)
        if self.cookie:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.cookie
            client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
            if not self.is_forged:
                headers["X-CSRFToken"] = CSRF
        content = "" if body is None else json.dumps(body)
        return client.generic(
            method, path, content, "application/json", query_params=query, headers=headers
        )


def _with_key(key: ApiKey, **about: Any) -> Caller:
    headers = {"APCA-API-KEY-ID": key.pk, "APCA-API-SECRET-KEY": SECRET}
    return Caller(credential="key", scopes=frozenset(key.scopes), headers=headers, **about)


class Cast:
    """The people, and what they hold. `renew` replaces them all: some requests end a person or an account."""

    def __init__(self, market: Market, ibm: Asset) -> None:
        self.market = market
        self.ibm = ibm
        self.renew()

    def renew(self) -> None:
        """Make everybody anew."""
        self.owner = self._person()
        self.account = self._account(self.owner)
        self.other_account = self._account(self.owner)
        self.stranger = self._person()
        self.strangers_account = self._account(self.stranger)
        self._passkeys: dict[Any, Any] = {}
        self.staff = {
            name: self._staff(name) for name in ("ungranted", "granted", "formerly granted", "superuser")
        }
        self._grant("granted", ends_in=LIFE)
        self._grant("formerly granted", ends_in=LIFE)
        over = timezone.now() - LIFE
        AccountGrant.ever.filter(user_id=self.staff["formerly granted"].pk).update(
            granted_at=over - LIFE, expires_at=over
        )

    def _person(self, **fields: Any) -> User:
        return make_user(tier=Tier.PRO_PLUS, **fields)

    def _account(self, person: User) -> TradingAccount:
        account = make_account(person, market=self.market, cash=100_000, multiplier=4)
        make_one_of_everything(account)
        return account

    def _staff(self, name: str) -> User:
        person = self._person(is_staff=True, is_superuser=name == "superuser")
        make_account(person, market=self.market, cash=100_000, multiplier=4)
        return person

    def _grant(self, name: str, *, ends_in: timedelta) -> None:
        give_grant(
            staff=self.staff[name],
            account_id=self.account.pk,
            owner_id=self.owner.pk,
            permission=GrantPermission.ACT,
            reason="a question about an order",
            lasts=ends_in,
            now=timezone.now(),
        )

    def session(self, person: User, **fields: Any) -> str:
        """Return the key of a new session's cookie."""
        enrol_only = fields.get("is_enrol_only", False)
        return make_session(person, None if enrol_only else self._passkey_of(person), **fields)

    def _passkey_of(self, person: User) -> Any:
        if person.pk not in self._passkeys:
            self._passkeys[person.pk] = make_passkey(person)
        return self._passkeys[person.pk]

    def spare_session(self) -> Session:
        """Return another session of the owner's."""
        return session_with(self.session(self.owner))

    def owner_now(self) -> Caller:
        """Return the owner, signed in with a passkey shown just now: the positive control."""
        return Caller(
            name="owner, fresh session", whose="owner", credential="session", cookie=self.session(self.owner)
        )

    def callers(self) -> list[Caller]:
        """Return everybody else, each with a credential of their own made just now."""
        return [*self._without(), *self._with_sessions(), *self._with_keys(), *self._foreign()]

    def _without(self) -> list[Caller]:
        wrong = {"APCA-API-KEY-ID": "PKNOBODYSKEYNOBODYSK", "APCA-API-SECRET-KEY": SECRET}
        return [
            Caller(name="anonymous", whose="stranger", credential="none"),
            Caller(
                name="unknown key", whose="stranger", credential="key", is_living=False, headers=wrong
            ),
            Caller(
                name="unknown session", whose="stranger", credential="session", is_living=False, cookie="k" * 43
            ),
        ]

    def _with_sessions(self) -> list[Caller]:
        now = timezone.now()
        mine: dict[str, Any] = {"whose": "owner", "credential": "session"}
        ended = {"ended_at": now, "end_reason": "revoked", "fresh_until": None}
        return [
            Caller(
                name="owner, stale session", is_fresh=False, cookie=self.session(self.owner, is_fresh=False), **mine
            ),
            Caller(name="owner, forged request", is_forged=True, cookie=self.session(self.owner), **mine),
            Caller(
                name="owner, session that may only enrol",
                is_enrol_only=True,
                is_fresh=False,
                cookie=self.session(self.owner, is_enrol_only=True, is_fresh=False),
                **mine,
            ),
            Caller(
                name="owner, ended session", is_living=False, cookie=self.session(self.owner, **ended), **mine
            ),
            Caller(
                name="owner, expired session",
                is_living=False,
                cookie=self.session(self.owner, created_at=now - 2 * LIFE, expires_at=now - LIFE),
                **mine,
            ),
        ]

    def _with_keys(self) -> list[Caller]:
        now = timezone.now()
        mine: dict[str, Any] = {"whose": "owner"}
        return [
            *(
                _with_key(make_api_key(self.account, scopes=[scope]), name=f"owner, key with {scope}", **mine)
                for scope in SCOPES
            ),
            *(
                _with_key(
                    make_api_key(self.account, scopes=list(SCOPES), **end),
                    name=f"owner, key {how}",
                    is_living=False,
                    **mine,
                )
                for how, end in {
                    "expired": {"expires_at": now - timedelta(seconds=1)},
                    "revoked": {"revoked_at": now},
                    "used from elsewhere": {"addresses": ["198.51.100.0/24"]},
                }.items()
            ),
        ]

    def _foreign(self) -> list[Caller]:
        """Return who is somebody, with every scope and a fresh session, and not the one whose things these are."""
        everything = list(SCOPES)
        other = Caller(
            name="other account, session",
            whose="other account",
            credential="session",
            names_account_of="other account",
            cookie=self.session(self.owner),
            headers={"Raxx-Account-Id": str(self.other_account.pk)},
        )
        stranger = Caller(
            name="stranger, session", whose="stranger", credential="session", cookie=self.session(self.stranger)
        )
        return [
            other,
            _with_key(
                make_api_key(self.other_account, scopes=everything), name="other account, key", whose="other account"
            ),
            stranger,
            replace(
                stranger,
                name="stranger, session that names the owner's account",
                names_account_of="owner",
                headers={"Raxx-Account-Id": str(self.account.pk)},
            ),
            _with_key(
                make_api_key(self.strangers_account, scopes=everything), name="stranger, key", whose="stranger"
            ),
            *(
                Caller(
                    name=f"staff, {name}",
                    whose="staff",
                    credential="session",
                    is_staff=True,
                    cookie=self.session(person),
                )
                for name, person in self.staff.items()
            ),
        ]
