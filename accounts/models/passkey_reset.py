"""The last way back in: two operators agree that somebody may make a new passkey."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.user import User, new_id
from accounts.querysets import OwnedManager


class PasskeyReset(models.Model):
    """One operator's asking and, within a day, another one's yes. Neither is the person."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkey_resets")
    ticket = models.CharField(max_length=64)
    asked_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    approved_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="passkey_reset_takes_two",
                condition=models.Q(approved_by=None)
                | models.Q(asked_by=None)
                | ~models.Q(approved_by=models.F("asked_by")),
            ),
            models.CheckConstraint(
                name="passkey_reset_is_not_for_oneself",
                condition=(models.Q(asked_by=None) | ~models.Q(asked_by=models.F("user")))
                & (models.Q(approved_by=None) | ~models.Q(approved_by=models.F("user"))),
            ),
        ]

    def __str__(self) -> str:
        return f"passkey reset {self.pk}"
