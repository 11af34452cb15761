"""The kill switch: what is closed, by whom and why, and who opened it again."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from broker_handoff.models.connection import BrokerConnection

REASON_MAX = 200  # characters


class SwitchClosing(models.Model):
    """One closing of one switch; while one of them lives, nothing new goes where it stands.

    A person's own and the staff's are two: each opens theirs, and both must be open. What the staff has
    closed takes two of them to open, one asking and, within a day, another one approving.
    """

    class Scope(models.TextChoices):
        GLOBAL = "global"
        USER = "user"
        CONNECTION = "connection"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=10, choices=Scope)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, related_name="switch_closings", db_index=False
    )
    connection = models.ForeignKey(
        BrokerConnection, on_delete=models.PROTECT, null=True, related_name="closings", db_index=False
    )
    is_own = models.BooleanField()  # by the person whom it stops
    reason = models.CharField(max_length=REASON_MAX)
    # People's ids, without a key: a record outlives who made it.
    closed_by = models.UUIDField()
    closed_at = models.DateTimeField(default=timezone.now)
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField(null=True)
    asked_reason = models.CharField(max_length=REASON_MAX, blank=True)
    opened_by = models.UUIDField(null=True)
    opened_at = models.DateTimeField(null=True)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(scope="global", user=None, connection=None, is_own=False)
                | models.Q(scope="user", user__isnull=False, connection=None)
                | models.Q(scope="connection", user__isnull=False, connection__isnull=False),
                name="switch_closing_stops_what_its_scope_says",
            ),
            models.CheckConstraint(
                condition=models.Q(is_own=False) | models.Q(closed_by=models.F("user")),
                name="switch_closing_of_one_s_own_is_by_oneself",
            ),
            models.CheckConstraint(
                condition=models.Q(opened_at=None, opened_by=None)
                | models.Q(opened_at__isnull=False, opened_by__isnull=False),
                name="switch_closing_is_over_or_not",
            ),
            models.CheckConstraint(
                condition=models.Q(opened_at=None)
                | models.Q(is_own=True, opened_by=models.F("user"))
                | (
                    models.Q(is_own=False, asked_by__isnull=False) & ~models.Q(opened_by=models.F("asked_by"))
                ),
                name="switch_opening_takes_two_of_the_staff",
            ),
            models.UniqueConstraint(
                fields=["scope", "user", "connection", "is_own"],
                condition=models.Q(opened_at=None),
                nulls_distinct=False,
                name="switch_closing_lives_once",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "-closed_at"], name="switch_closing_of_person")]

    def __str__(self) -> str:
        return f"{self.scope} closed: {self.reason}"
