"""One-time codes for the day on which a person has no passkey at hand. Only their digests are kept."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django_otp.models import ThrottlingMixin

from accounts.models.user import User
from accounts.querysets import OwnedManager


class _Verifiable:
    """What the back-off asks in the end: of a device of django-otp's, which this is not."""

    def verify_is_allowed(self) -> tuple[bool, None]:
        return True, None


class RecoveryCodes(ThrottlingMixin, _Verifiable, models.Model):  # type: ignore[misc] # it ships no types
    """A person's unused codes. A code opens a session that may enrol a passkey, and nothing else.

    Not a device of django-otp's: a code that could verify a session would be a password.
    """

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, related_name="recovery_codes"
    )
    digests = ArrayField(models.BinaryField(max_length=32), default=list)
    made_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    class Meta:
        verbose_name_plural: ClassVar = "recovery codes"

    def __str__(self) -> str:
        return f"{len(self.digests)} recovery codes of {self.user_id}"

    def get_throttle_factor(self) -> float:
        """Return how many seconds the first failure costs; each further one doubles it."""
        return 1
