"""A signed-in browser: one row, found by the hash of the key in its cookie, and what it has proved lately."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models.user import User, new_id
from accounts.querysets import OwnedManager


class Session(models.Model):
    """A log-in of one person by one passkey. A session never belongs to nobody, and holds no data but this.

    It lives until `ended_at`, `expires_at`, or until it was idle for `idle_s` seconds; until its passkey
    is gone, its person inactive, or their `auth_epoch` another one. `accounts_living_session` in SQL is
    the one place that decides so.
    """

    class End(models.TextChoices):
        LOGGED_OUT = "logged_out"
        REVOKED = "revoked"  # by the person, from another session
        PASSKEY_REMOVED = "passkey_removed"
        RECOVERED = "recovered"
        ENROLLED = "enrolled"  # a recovery's session, after it did what it was for
        DEACTIVATED = "deactivated"
        BY_STAFF = "by_staff"
        EXPIRED = "expired"  # written down by the daily sweep

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions", db_index=False)
    key_hash = models.BinaryField(max_length=32, unique=True)
    passkey = models.ForeignKey(
        WebAuthnCredential, on_delete=models.SET_NULL, null=True, related_name="+", db_index=False
    )
    epoch = models.PositiveIntegerField()  # the person's auth_epoch at the log-in
    is_enrol_only = models.BooleanField(default=False)
    device = models.CharField(max_length=80, blank=True)  # as its User-Agent tells, in a few words
    address_prefix = models.CharField(max_length=43, blank=True)  # the network it came from, not the address
    created_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)  # to about a minute
    idle_s = models.PositiveIntegerField()
    expires_at = models.DateTimeField()
    fresh_until = models.DateTimeField(null=True)  # when the last assertion of its passkey grows old
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=16, choices=End, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-created_at"], name="session_by_person"),
            models.Index(fields=["ended_at"], name="session_by_end"),  # what the daily sweep deletes
        ]

    def __str__(self) -> str:
        return f"{self.device or 'session'} of {self.user_id}"


class Assertion(models.Model):
    """A passkey's yes to one thing, named by the digest of that thing; it is spent once, or grows old."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="assertions")
    digest = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "digest"], name="assertion_once_a_thing"),
        ]

    def __str__(self) -> str:
        return f"assertion {self.pk}"
