"""Who calls in the access matrix: an owner with every kind of credential, their other account, a stranger, staff.

Everybody has a row in every owned table, so that a list which leaks has something to leak. Nobody is
typed by route: a caller says what they hold, and `rules` says what that opens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Tier, User
from accounts.models.api_key import Scope
from tests.factories.people import CSRF, make_passkey, make_session, session_with
from tests.factories.rows import SECRET, make_account, make_api_key, make_one_of_everything, make_user
from tests.isolation.belongings import rows_of
from trading.models import AccountGrant, GrantPermission, TradingAccount
from trading.services.grants import give_grant

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import Session
    from matching.models import Market
    from tests.factories.desk import Desk
    from trading.models import Asset

    Whose = Literal["owner", "other account", "stranger", "staff"]
    Make = Callable[[str], "Caller"]

SCOPES = tuple(scope.value for scope in Scope)
LIFE = timedelta(hours=8)
GROWN = 4  # times as many rows as were made: before anybody comes to the most that they may have


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
    is_leaving: bool = False  # has asked to be erased
    is_forged: bool = False  # a session's cookie without the token that our own pages send
    names_account_of: Whose | None = None  # in the header by which a browser chooses an account
    account_id: str = ""  # what that header says
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    cookie: str = field(default="", repr=False)

    def __str__(self) -> str:
        return self.name

    def send(self, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        """Send a request as this caller's program or browser does."""
        client = Client(enforce_csrf_checks=True)
        headers = dict(self.headers)
        if self.account_id:
            headers["Raxx-Account-Id"] = self.account_id
        if self.cookie:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.cookie
        if self.credential != "key":  # a browser, in which one of our pages is open
            client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
            if not self.is_forged:
                headers["X-CSRFToken"] = CSRF
        content = "" if body is None else json.dumps(body)
        return client.generic(method, path, content, "application/json", query_params=query, headers=headers)


class Cast:
    """The people, and what they hold. `renew` replaces them all: some requests end a person or an account.

    Most take nothing from anybody, and whoever `is_whole` can be asked for again: to make them anew takes as long
    as fifty requests.
    """

    def __init__(self, market: Market, ibm: Asset, desk: Desk) -> None:
        self.market = market
        self.ibm = ibm
        self.desk = desk  # decides as the matcher does
        self.renew()

    def renew(self) -> None:
        """Make everybody anew."""
        with transaction.atomic():
            self.owner = self._person()
            self.account = self._account(self.owner)
            self.other_account = self._account(self.owner)
            self.stranger = self._person()
            self.strangers_account = self._account(self.stranger)
            self.intruder = self._person()
            self.leaver = self._person(deactivated_at=timezone.now())
            make_account(self.leaver, market=self.market)
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
        self._people = [
            each.pk for each in (self.owner, self.stranger, self.intruder, self.leaver, *self.staff.values())
        ]
        self._rows = rows_of(self._people)

    @property
    def is_whole(self) -> bool:
        """Whether every row of everybody's is as it was made, and not much has come beside them."""
        rows = rows_of(self._people)
        return self._rows <= rows and len(rows) <= GROWN * len(self._rows)

    def _person(self, **fields: Any) -> User:
        return make_user(tier=Tier.PRO_PLUS, **fields)

    def _account(self, person: User) -> TradingAccount:
        account = make_account(person, market=self.market, cash=100_000, multiplier=4)
        make_one_of_everything(account)
        TradingAccount.objects.filter(pk=account.pk).update(event_seq=1)  # the event that was made has it
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

    @property
    def is_spent(self) -> bool:
        """Whether a request has ended the owner, who is needed whole."""
        return User.objects.filter(pk=self.owner.pk).exclude(deactivated_at=None).exists()

    def roles(self) -> dict[str, Make]:
        """Return everybody by name, as what makes them: each has a credential of their own, made just then.

        The owner with a passkey shown just now stands first: the positive control.
        """
        return {**self._with_sessions(), **self._with_keys(), **self._without(), **self._foreign()}

    def _signed_in(self, person: User, whose: Whose, /, **about: Any) -> Make:
        row = about.pop("row", {})
        return lambda name: Caller(
            name=name, whose=whose, credential="session", cookie=self.session(person, **row), **about
        )

    def _key(self, account: TradingAccount, whose: Whose, /, **about: Any) -> Make:
        row = {"scopes": list(SCOPES), **about.pop("row", {})}

        def make(name: str) -> Caller:
            key = make_api_key(account, **row)
            headers = {"APCA-API-KEY-ID": key.pk, "APCA-API-SECRET-KEY": SECRET}
            scopes = frozenset(key.scopes)
            return Caller(name=name, whose=whose, credential="key", scopes=scopes, headers=headers, **about)

        return make

    def _without(self) -> dict[str, Make]:
        wrong = {"APCA-API-KEY-ID": "PKNOBODYSKEYNOBODYSK", "APCA-API-SECRET-KEY": SECRET}
        dead: dict[str, Any] = {"whose": "stranger", "is_living": False}
        return {
            "anonymous": lambda name: Caller(name=name, whose="stranger", credential="none"),
            "unknown key": lambda name: Caller(name=name, credential="key", headers=wrong, **dead),
            "unknown session": lambda name: Caller(name=name, credential="session", cookie="k" * 43, **dead),
        }

    def _with_sessions(self) -> dict[str, Make]:
        now = timezone.now()
        rows = {
            "stale session": {"is_fresh": False},
            "session that may only enrol": {"is_enrol_only": True, "is_fresh": False},
            "ended session": {"ended_at": now, "end_reason": "revoked", "is_fresh": False},
            "expired session": {"created_at": now - 2 * LIFE, "expires_at": now - LIFE},
            "session idle for too long": {"last_seen_at": now - LIFE, "idle_s": 60},
        }
        about: dict[str, dict[str, Any]] = {
            "stale session": {"is_fresh": False},
            "session that may only enrol": {"is_enrol_only": True, "is_fresh": False},
        }
        return {
            "owner, fresh session": self._signed_in(self.owner, "owner"),
            **{
                f"owner, {what}": self._signed_in(
                    self.owner, "owner", row=row, **about.get(what, {"is_living": False})
                )
                for what, row in rows.items()
            },
            "owner, forged request": self._signed_in(self.owner, "owner", is_forged=True),
        }

    def _with_keys(self) -> dict[str, Make]:
        now = timezone.now()
        ends: dict[str, dict[str, Any]] = {
            "expired key": {"expires_at": now - timedelta(seconds=1)},
            "revoked key": {"revoked_at": now},
            "key used from elsewhere": {"addresses": ["198.51.100.0/24"]},
        }
        return {
            **{
                f"owner, key with {scope}": self._key(self.account, "owner", row={"scopes": [scope]})
                for scope in SCOPES
            },
            **{
                f"owner, {what}": self._key(self.account, "owner", row=end, is_living=False)
                for what, end in ends.items()
            },
        }

    def _foreign(self) -> dict[str, Make]:
        """Return who is somebody, with every scope and a fresh session, and not the one whose things these are."""
        others, owners = str(self.other_account.pk), str(self.account.pk)
        return {
            "other account, session": self._signed_in(
                self.owner, "other account", names_account_of="other account", account_id=others
            ),
            "other account, key": self._key(self.other_account, "other account"),
            "stranger, session": self._signed_in(self.stranger, "stranger"),
            "stranger, session that names the owner's account": self._signed_in(
                self.intruder, "stranger", names_account_of="owner", account_id=owners
            ),
            "stranger, key": self._key(self.strangers_account, "stranger"),
            "stranger who leaves": self._signed_in(self.leaver, "stranger", is_leaving=True),
            **{
                f"staff, {name}": self._signed_in(person, "staff", is_staff=True)
                for name, person in self.staff.items()
            },
        }
