"""What a person asked for about their own data: a copy of it, or its end."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models.user import User, new_id
from accounts.querysets import OwnedManager


class Export(models.Model):
    """An archive of all that is kept of a person. The row is the job: a worker makes what is waiting.

    The file stands outside the database, under a random name, and goes when it was fetched or is too old.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        READY = "ready"
        DOWNLOADED = "downloaded"
        EXPIRED = "expired"
        FAILED = "failed"  # tried too often; the log says why

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports", db_index=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    asked_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveIntegerField(default=0)  # those that failed
    next_attempt_at = models.DateTimeField(default=timezone.now)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    downloaded_at = models.DateTimeField(null=True)
    size_bytes = models.PositiveBigIntegerField(null=True)
    file = models.CharField(
        max_length=64, blank=True
    )  # its name in the folder of exports, while there is one
    token_hash = models.BinaryField(max_length=32, null=True)  # of the link, while it is good

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(status="waiting"), name="export_one_waiting"
            ),
            models.CheckConstraint(
                condition=Q(status="ready") ^ Q(token_hash=None), name="export_ready_has_its_link"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-asked_at"], name="export_by_person"),
            models.Index(fields=["next_attempt_at"], condition=Q(status="waiting"), name="export_waiting"),
        ]

    def __str__(self) -> str:
        return f"export {self.pk}"


class Erasure(models.Model):
    """A person's wish to be forgotten. It waits until `due_at`, and can be withdrawn until it has begun.

    The row goes with the person; that they were erased stays in the audit log, under their id alone.
    """

    class By(models.TextChoices):
        PERSON = "person"
        OPERATOR = "operator"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="erasures", db_index=False)
    by = models.CharField(max_length=16, choices=By, default=By.PERSON)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    canceled_at = models.DateTimeField(null=True)
    begun_at = models.DateTimeField(null=True)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(canceled_at=None), name="erasure_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(canceled_at=None) | Q(begun_at=None), name="erasure_begun_is_not_canceled"
            ),
            models.CheckConstraint(condition=Q(due_at__gte=F("asked_at")), name="erasure_is_due_after_asked"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(canceled_at=None), name="erasure_due"),
        ]

    def __str__(self) -> str:
        return f"erasure of {self.user_id}"
