"""The beginning of each generation of an account after its first."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.fields import MoneyField


class AccountReset(models.Model):
    """One reset: asked for, and done as soon as nothing of the generation before is open any more.

    Until then `at` and what follows it are null. The generation has the events after `event_seq`,
    up to the `event_seq` of the next one.
    """

    pk = models.CompositePrimaryKey("account_id", "generation")
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="resets", db_index=False, db_constraint=False
    )
    generation = models.PositiveIntegerField()  # the one that begins
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    cash = MoneyField()  # that it begins with
    asked_at = models.DateTimeField()  # the wall's time, as `recorded_at`
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(null=True)  # market time
    recorded_at = models.DateTimeField(null=True)
    event_seq = models.BigIntegerField(null=True)
    closing_id = models.UUIDField(null=True)  # the journal that wrote off what there was, if anything

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account"], condition=Q(at=None), name="reset_one_at_a_time"),
            models.CheckConstraint(condition=Q(generation__gte=2), name="reset_begins_a_later_generation"),
            models.CheckConstraint(condition=Q(cash__gt=0), name="reset_begins_with_money"),
            models.CheckConstraint(
                condition=Q(at=None, recorded_at=None, event_seq=None, closing_id=None)
                | Q(at__isnull=False, recorded_at__isnull=False, event_seq__isnull=False),
                name="reset_is_asked_for_or_done",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} generation {self.generation}"
