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

from accounts.sessions import begin_session
from raxx import roles
from tests.factories.rows import make_account, make_one_of_everything, make_user
from trading.models import GrantPermission, TradingAccount
from trading.services.grants import give_grant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from accounts.models import User
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


def served_as_app() -> AbstractContextManager[None]:
    """Make this thread's default connection one of the role that serves people, as in the web process."""
    return served_as(roles.APP)


@contextmanager
def served_as(role: str) -> Iterator[None]:
    """Make this thread's default connection one of a role's own log-in."""
    owner = connections["default"]
    login = settings.DATABASE_SERVER.login(role)
    app = DatabaseWrapper(
        {**owner.settings_dict, "USER": login["user"], "PASSWORD": login["password"]}, "default"
    )
    connections["default"] = app
    try:
        yield
    finally:
        app.close()
        connections["default"] = owner


class AdminClient(Client):
    """Asks as a browser does, of a web process with its own two roles. Tests beside it go on as the owner."""

    def request(self, **request: Any) -> Any:
        """Send one request."""
        with served_as_app():
            return super().request(**request)


@pytest.fixture
def sign_in(transactional_db: None) -> Iterator[SignIn]:
    """Return what signs somebody in, with a passkey shown just now unless told otherwise."""

    def signed_in(user: User, *, is_fresh: bool = True, **client: Any) -> Client:
        begun = begin_session(
            user=user, passkey_id=make_passkey(user).pk, headers={}, trusted=[], is_fresh=is_fresh
        )
        browser = AdminClient(**client)
        browser.cookies[settings.SESSION_COOKIE_NAME] = begun.key
        return browser

    yield signed_in
    connections["support"].close()
