"""The gate between paper and live: which account is judged, what its months were, each verdict, and exceptions."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from trading.models import TradingAccount

REASON_MAX = 200  # characters
OVERRIDE_LASTS = timedelta(days=90)


class GateNomination(models.Model):
    """From `nominated_at` on, this is the account by which its owner is judged. The newest one counts.

    Who never said is judged by their oldest account.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    nominated_at = models.DateTimeField(
        db_default=TransactionNow()
    )  # the database's: nobody names beforehand later
    request_id = models.CharField(max_length=64, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-nominated_at"], name="gate_nomination_by_person")]

    def __str__(self) -> str:
        return f"{self.account_id} since {self.nominated_at}"


class GateMonth(models.Model):
    """What an account did in a month that is over, as `broker_handoff.gate.record` writes it. Never updated.

    It is kept because a verdict asks for months longer than some tiers keep fills and snapshots.
    """

    pk = models.CompositePrimaryKey("account_id", "month")
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    month = models.CharField(max_length=7)  # 2026-03, in New York
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    record = models.JSONField()
    kept_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    def __str__(self) -> str:
        return f"{self.account_id} in {self.month}"


class GateVerdict(models.Model):
    """One judgement of a person's record, with all that it was computed from. Never updated.

    It holds until the month after `through` is over. `inputs` name the account and the rules.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="gate_verdicts", db_index=False)
    rules_version = models.PositiveSmallIntegerField()
    through = models.CharField(max_length=7)  # the newest month that it knows
    inputs = models.JSONField()
    inputs_digest = models.BinaryField(max_length=32)
    report = models.JSONField()
    is_open = models.BooleanField()
    computed_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-computed_at"], name="gate_verdict_by_person")]

    def __str__(self) -> str:
        return f"{'open' if self.is_open else 'not open'} through {self.through}"


class GateOverride(models.Model):
    """An exception from the record: one member of the staff asks, another approves, and then it lives for a while."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="gate_overrides", db_index=False)
    reason = models.CharField(max_length=REASON_MAX)
    # People's ids, without a key: a record outlives who made it.
    asked_by = models.UUIDField()
    asked_at = models.DateTimeField(default=timezone.now)
    approved_by = models.UUIDField(null=True)
    approved_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)  # None and ended: by a command
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=REASON_MAX, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-asked_at"], name="gate_override_by_person")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(approved_by=None, approved_at=None, expires_at=None)
                | models.Q(approved_by__isnull=False, approved_at__isnull=False, expires_at__isnull=False),
                name="gate_override_is_approved_or_not",
            ),
            models.CheckConstraint(
                condition=~models.Q(approved_by=models.F("asked_by")), name="gate_override_takes_two"
            ),
            models.CheckConstraint(
                condition=~models.Q(asked_by=models.F("user")) & ~models.Q(approved_by=models.F("user")),
                name="gate_override_is_by_others",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__lte=models.F("approved_at") + OVERRIDE_LASTS),
                name="gate_override_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"override for {self.user_id}: {self.reason}"
