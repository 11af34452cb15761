"""What a passkey ceremony leaves between its two requests, and which mailed links are used up.

Neither belongs to anybody: a ceremony may begin before it is known who answers.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.user import new_id


class Ceremony(models.Model):
    """An open challenge. Taken with DELETE … RETURNING, so that one answer at most is judged by it.

    `binding` is the hash of what only the browser that began it can show: its session's key or, before
    there is one, the key of a short-lived cookie.
    """

    class Purpose(models.TextChoices):
        ENROL = "enrol"
        LOG_IN = "log_in"
        STEP_UP = "step_up"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    binding = models.BinaryField(max_length=32)
    purpose = models.CharField(max_length=16, choices=Purpose)
    state = models.JSONField()
    digest = models.BinaryField(max_length=32, null=True)  # of the one thing that a step-up is for
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["binding", "purpose"], name="ceremony_one_of_a_purpose"),
        ]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="ceremony_by_age")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.pk}"


class SpentLink(models.Model):
    """A signed link that was used; kept until its signature would be too old anyway."""

    token_hash = models.BinaryField(primary_key=True, max_length=32)
    spent_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["spent_at"], name="spent_link_by_age")]

    def __str__(self) -> str:
        return bytes(self.token_hash).hex()
