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
from trading.models.configuration import CONSTRAINTS, Configuration
from trading.models.fields import MoneyField
from trading.models.profile import SimulationProfile


class TradingAccount(Configuration):
    """Paper money in one market. `cash` is the sum of its cash postings, `cash_held` of its orders' holds.

    `event_seq` is the sequence of the newest event: locking this row is what makes the log gap-free.
    An account that is not active takes no orders. While it is reset or closed its open orders are
    ended; a reset then begins its next generation. One that is `exits_only` takes no order that opens:
    it is more than its owner's tier allows. One that the staff has frozen (`frozen_at`) takes none either.

    Events up to `history_seq` are history: of them only those are left whose order is still needed, and
    `OpeningLot` and the opening journals say what the rest came to. `history_at` is the market time of the
    newest fill that is gone, in the market's run `history_run`.
    """

    class Status(models.TextChoices):  # the wire's words
        ACTIVE = "ACTIVE"
        RESETTING = "ACCOUNT_UPDATED"
        CLOSING = "DISABLE_PENDING"
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
    history_seq = models.PositiveBigIntegerField(default=0, db_default=0)
    history_run = models.PositiveIntegerField(null=True)
    history_at = models.DateTimeField(null=True)
    exits_only = models.BooleanField(default=False, db_default=False)
    frozen_at = models.DateTimeField(null=True)  # by the staff: no order that opens, until it is thawed
    created_at = models.DateTimeField(default=timezone.now)
    reset_at = models.DateTimeField(null=True)  # when a later generation began, market time

    objects = OwnedManager()

    class Meta:
        permissions: ClassVar = [  # granted to staff, one account at a time: models/grant.py
            ("view_account", "Can see an account that was granted"),
            ("act_on_account", "Can act for the owner of an account that was granted"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["id", "user"], name="trading_account_owner"),
            models.CheckConstraint(
                condition=models.Q(cash_held__gte=0), name="trading_account_holds_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(multiplier__in=(1, 2, 4)), name="trading_account_multiplier_is_known"
            ),
            *CONSTRAINTS,
        ]
        indexes: ClassVar = [  # what the sweep looks for; it never has many
            models.Index(
                fields=["status"],
                condition=models.Q(status__in=("ACCOUNT_UPDATED", "DISABLE_PENDING")),
                name="trading_account_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return self.number
