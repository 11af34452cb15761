"""A bot's credential: the hash of a secret, for one user and one trading account."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.user import User
from accounts.querysets import OwnedManager

KEY_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Scope(models.TextChoices):
    READ = "read"
    TRADE = "trade"
    DATA = "data"
    OPERATOR = "operator"


DEFAULT_SCOPES = [Scope.READ.value, Scope.TRADE.value, Scope.DATA.value]


def default_scopes() -> list[str]:
    """Return what a new key may do unless told otherwise."""
    return list(DEFAULT_SCOPES)


def new_key_id() -> str:
    """Return a fresh public key id: `PK` and 18 letters, as paper keys look."""
    return "PK" + "".join(secrets.choice(KEY_ID_ALPHABET) for _ in range(18))


def new_secret() -> str:
    """Return a fresh secret of 240 random bits."""
    return secrets.token_urlsafe(30)


def digest(secret: str) -> bytes:
    """Return what is stored of a secret. Plain SHA-256: the secret has no guessable part."""
    return hashlib.sha256(secret.encode()).digest()


class ApiKey(models.Model):
    """One credential. The secret is shown once, at its making, and never stored."""

    key_id = models.CharField(primary_key=True, max_length=32, default=new_key_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys", db_index=False)
    # A composite foreign key (account_id, user_id) to the trading account is added in `trading`.
    account_id = models.UUIDField()
    name = models.CharField(max_length=64, blank=True)
    secret_hash = models.BinaryField(max_length=32)
    scopes = ArrayField(models.CharField(max_length=16, choices=Scope), default=default_scopes)
    addresses = ArrayField(
        models.CharField(max_length=43), default=list, blank=True
    )  # networks; none: anywhere
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)  # to about a minute
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "account_id"], name="api_key_by_owner")]

    def __str__(self) -> str:
        return self.key_id

    @property
    def is_over(self) -> bool:
        """Whether it opens nothing any more."""
        return self.revoked_at is not None or (
            self.expires_at is not None and self.expires_at <= timezone.now()
        )

    def matches(self, secret: str) -> bool:
        """Say whether `secret` is this key's, in constant time."""
        return hmac.compare_digest(bytes(self.secret_hash), digest(secret))
