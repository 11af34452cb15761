"""People who are signed in: passkeys and sessions as rows, and a browser that has the cookie.

These rows stand alone: nobody showed the passkey to anybody. `tests/accounts/passkeys` goes the whole way.
"""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import Session
from accounts.sessions import FRESH_FOR, hash_of
from raxx import roles
from tests.factories.rows import make_user

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from accounts.models import User

_numbers = count(1)
CSRF = "c" * 32  # cookie and header say the same: the request comes from our own pages


@contextmanager
def as_web() -> Iterator[None]:
    """Serve as the role that serves people: the tests' own sees everybody's rows. Commits for real."""
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.APP}")
        try:
            yield
        finally:
            cursor.execute("reset role")


def make_passkey(user: User, **fields: Any) -> WebAuthnCredential:
    """Insert a passkey of a person's, which no authenticator has."""
    defaults: dict[str, Any] = {
        "name": "a key",
        "credential_id": f"credential {next(_numbers)}".encode(),
        "public_key": b"none",
        "discoverable": True,
        "confirmed": True,
    }
    return WebAuthnCredential.objects.create(user=user, **{**defaults, **fields})


def make_session(
    user: User, passkey: WebAuthnCredential | None = None, *, is_fresh: bool = True, **fields: Any
) -> str:
    """Insert a session that was begun with a passkey, a new one unless told, and return the key of its cookie."""
    key = secrets.token_urlsafe(32)
    now = timezone.now()
    if not fields.get("is_enrol_only"):
        passkey = passkey or make_passkey(user)
    defaults: dict[str, Any] = {
        "key_hash": hash_of(key),
        "passkey": passkey,
        "epoch": user.auth_epoch,
        "device": "Firefox on Linux",
        "address_prefix": "192.0.2.0/24",
        "idle_s": 7 * 24 * 3600,
        "expires_at": now + timedelta(days=30),
        "fresh_until": now + FRESH_FOR if is_fresh else None,
    }
    Session.objects.create(user=user, **{**defaults, **fields})
    return key


def session_with(key: str) -> Session:
    """Return the session that has this key."""
    return Session.objects.get(key_hash=hash_of(key))


@dataclass
class Browser:
    """Somebody's browser: the cookie of a session of theirs, and what our pages send beside it."""

    key: str
    user: User
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def session_id(self) -> UUID:
        return session_with(self.key).pk

    def client(self) -> Client:
        """Return a client that is judged as a browser is."""
        client = Client(enforce_csrf_checks=True)
        client.cookies[settings.SESSION_COOKIE_NAME] = self.key
        client.cookies[settings.CSRF_COOKIE_NAME] = CSRF
        return client

    def get(self, path: str, *, headers: dict[str, str | None] | None = None, **query: Any) -> Any:
        return self.call("get", path, query, headers=headers or {})

    def post(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("post", path, body, **extra)

    def patch(self, path: str, body: Any = None, **extra: Any) -> Any:
        return self.send("patch", path, body, **extra)

    def delete(self, path: str, **extra: Any) -> Any:
        return self.call("delete", path, **extra)

    def send(self, method: str, path: str, body: Any, **extra: Any) -> Any:
        """Send a body as JSON."""
        return self.call(method, path, json.dumps(body), **{"content_type": "application/json", **extra})

    def call(self, method: str, path: str, data: Any = None, **extra: Any) -> Any:
        """Send a request as the web process serves it; a header that is None is left out."""
        headers = {"X-CSRFToken": CSRF, **self.headers, **extra.pop("headers", {})}
        given = {name: value for name, value in headers.items() if value is not None}
        with as_web():
            return getattr(self.client(), method)(path, data, headers=given, **extra)


def signed_in(user: User | None = None, **fields: Any) -> Browser:
    """Return the browser of a person who has just signed in."""
    user = user or make_user()
    return Browser(make_session(user, **fields), user)
