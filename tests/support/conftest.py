"""Staff, people and grants."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.sessions import begin_session, living_session
from accounts.step_up import Shown, give_assertion
from raxx import roles
from tests.broker_handoff.people import make_connection
from tests.factories.people import make_session
from tests.factories.rows import make_account, make_asset, make_one_of_everything, make_user
from trading.models import GrantPermission, TradingAccount
from trading.services.grants import give_grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accounts.models import User
    from accounts.sessions import LivingSession
    from trading.models import AccountGrant

    SignIn = Callable[..., Client]

VIEW, ACT = GrantPermission.VIEW, GrantPermission.ACT
HOURS = timedelta(hours=8)


def grant(
    staff: User, account: TradingAccount, permission: GrantPermission = VIEW, **given: Any
) -> list[AccountGrant]:
    """Let somebody see an account for eight hours, as a command does."""
    terms = {"reason": "cannot find an order", "lasts": HOURS, "now": timezone.now(), **given}
    done = give_grant(
        staff=staff, account_id=account.pk, owner_id=account.user_id, permission=permission, **terms
    )
    return list(done.grants)


def make_staff(**fields: Any) -> User:
    return make_user(**{"is_staff": True, **fields})


def shown_by(user: User) -> Shown:
    """Return a passkey's yes of somebody's, as the site hands it to a service."""
    session = living_session(make_session(user))
    assert session is not None
    return Shown(session=session, digest=b"d" * 32)


@pytest.fixture
def staff(db: None) -> User:
    """Return somebody of the support staff, who holds nothing."""
    return make_staff()


@pytest.fixture
def overseer(db: None) -> User:
    """Return a superuser."""
    return make_staff(is_superuser=True)


@pytest.fixture
def alice(db: None) -> TradingAccount:
    """Return an account with a row in every owned table."""
    account = make_account(cash=1000)
    make_one_of_everything(account)
    return account


@pytest.fixture
def bob(db: None) -> TradingAccount:
    """Return another person's account, with a row in every owned table."""
    account = make_account(cash=1000)
    make_one_of_everything(account)
    return account


def make_passkey(user: User) -> WebAuthnCredential:
    """Insert a passkey that nobody can use: these tests begin sessions themselves."""
    return WebAuthnCredential.objects.create(
        user=user,
        name="key",
        confirmed=True,
        credential_id=secrets.token_bytes(16),
        public_key=b"none",
        sign_count=0,
        backup_eligible=False,
        backup_state=False,
        discoverable=True,
        aaguid="00000000-0000-0000-0000-000000000000",
    )


def _log_in(role: str) -> DatabaseWrapper:
    owner, login = connections["default"], settings.DATABASE_SERVER.login(role)
    return DatabaseWrapper(
        {**owner.settings_dict, "USER": login["user"], "PASSWORD": login["password"]}, "default"
    )


@contextmanager
def _in_place_of_owner(connection: DatabaseWrapper) -> Iterator[None]:
    owner = connections["default"]
    connections["default"] = connection
    try:
        yield
    finally:
        connections["default"] = owner


@contextmanager
def served_as(role: str) -> Iterator[None]:
    """Make this thread's default connection one of a role's own log-in."""
    connection = _log_in(role)
    try:
        with _in_place_of_owner(connection):
            yield
    finally:
        connection.close()


class AdminClient(Client):
    """Asks as a browser does, of a web process with its own two roles. Tests beside it go on as the owner.

    Where a form is to be said yes to by the passkey, that is done and the form is sent again, unless there is none.
    """

    def __init__(self, *, app: DatabaseWrapper, passkey_of: LivingSession | None, **options: Any) -> None:
        super().__init__(**options)
        self.app = app
        self.passkey_of = passkey_of

    def post(self, path: str, data: Any = None, **extra: Any) -> Any:  # type: ignore[override] # what is passed on
        """Send a form, and again after the passkey."""
        answer = super().post(path, data, **extra)
        if answer.status_code != 401 or self.passkey_of is None:
            return answer
        digest = answer.json()["digest"]
        give_assertion(self.passkey_of, bytes.fromhex(digest))
        return super().post(path, data, **extra)

    def request(self, **request: Any) -> Any:
        """Send one request."""
        with _in_place_of_owner(self.app):
            return super().request(**request)


@pytest.fixture
def sign_in(transactional_db: None) -> Iterator[SignIn]:
    """Return what signs somebody in by a passkey, which they then show for each form unless told otherwise.

    The session itself is fresh: that alone must open nothing here.
    """
    app = _log_in(roles.APP)  # one for all requests, as a web process has it

    def signed_in(user: User, *, shows_passkey: bool = True, **client: Any) -> Client:
        begun = begin_session(
            user=user, passkey_id=make_passkey(user).pk, headers={}, trusted=[], is_fresh=True
        )
        shower = living_session(begun.key) if shows_passkey else None
        browser = AdminClient(app=app, passkey_of=shower, **client)
        browser.cookies[settings.SESSION_COOKIE_NAME] = begun.key
        return browser

    yield signed_in
    app.close()
    connections["support"].close()


@pytest.fixture
def world(alice: TradingAccount) -> TradingAccount:
    """Return an account with one of everything, a session and a live connection of its person, and two assets."""
    make_session(alice.user)
    make_connection(alice.user)
    make_asset("IBM")
    make_asset("HAL", suspended_at=timezone.now())
    TradingAccount.objects.filter(pk=alice.pk).update(event_seq=5)
    return alice
