"""A paper account: cash, what is held against open orders, and the head of its event log."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from matching.models import Market
from trading.models.fields import MoneyField
from trading.models.profile import SimulationProfile


class TradingAccount(models.Model):
    """Paper money in one market. `cash` is the sum of its cash postings, `cash_held` of its orders' holds.

    `event_seq` is the sequence of the newest event: locking this row is what makes the log gap-free.
    """

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        CLOSED = "ACCOUNT_CLOSED"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, db_column="account_id")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="trading_accounts")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="accounts", db_index=False)
    number = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=64, blank=True)
    generation = models.PositiveIntegerField(default=1)  # raised by a reset
    status = models.CharField(max_length=32, choices=Status, default=Status.ACTIVE)
    currency = models.CharField(max_length=3, default="USD")
    multiplier = models.PositiveSmallIntegerField(default=1)  # 1: a cash account; 2, 4: on margin
    profile = models.ForeignKey(  # frozen onto each order
        SimulationProfile, on_delete=models.PROTECT, related_name="+", db_index=False, default=1
    )
    seed = models.BigIntegerField(default=0)  # of the profile's random draws
    cash = MoneyField(default=Decimal(0))
    cash_held = MoneyField(default=Decimal(0))
    event_seq = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["id", "user"], name="trading_account_owner"),
            models.CheckConstraint(
                condition=models.Q(cash_held__gte=0), name="trading_account_holds_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(multiplier__in=(1, 2, 4)), name="trading_account_multiplier_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def buying_power(self) -> Decimal:
        """Dollars that a new order may cost: cash not held, never negative."""
        return max(self.cash - self.cash_held, Decimal(0))
