"""A change of a person's tier, from the asking to the day on which it holds."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.models.user import Tier, User, new_id


class TierChange(models.Model):
    """One change. All instants are the wall clock's.

    An upgrade holds at once; a downgrade from `applies_at` on, unless it is canceled before. Rows stay, as
    the record of what a person had when.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tier_changes", db_index=False)
    from_tier = models.CharField(max_length=16, choices=Tier)
    to_tier = models.CharField(max_length=16, choices=Tier)
    reason = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    applies_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(applied_at=None, canceled_at=None),
                name="tier_change_one_pending",
            ),
            models.CheckConstraint(
                condition=~Q(from_tier=F("to_tier")), name="tier_change_changes_something"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="tier_change_has_a_reason"),
            models.CheckConstraint(
                condition=Q(applied_at=None) | Q(canceled_at=None), name="tier_change_applied_or_canceled"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["user", "asked_at"], name="tier_change_by_person")]

    def __str__(self) -> str:
        return f"{self.from_tier} to {self.to_tier}"
