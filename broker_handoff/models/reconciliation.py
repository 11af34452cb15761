"""Where a broker's account differs from what we know of it: shown and alarmed, never repaired."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from broker_handoff.models.connection import BrokerConnection
from trading.models.fields import QuantityField


class BrokerDifference(models.Model):
    """One difference, for as long as it is there. What ends by itself stays as a record."""

    class Kind(models.TextChoices):
        ORDER_NOT_OURS = "order_not_ours"  # open at the broker, and no intent of this connection
        ORDER_MISSING = "order_missing"  # works by what we were told, and the broker has none
        ORDER_AFTER_END = "order_after_end"  # open at the broker, though we were told or said that it is over
        TERMS_DIFFER = "terms_differ"  # another symbol, side or quantity than was said yes to
        FILLS_SHRANK = "fills_shrank"  # the broker tells of less than it has told before
        POSITION_DIFFERS = "position_differs"  # not what was there at first and our fills since

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    connection = models.ForeignKey(BrokerConnection, on_delete=models.PROTECT, related_name="differences")
    kind = models.CharField(max_length=24, choices=Kind)
    subject = models.CharField(max_length=64)  # the broker's order id, or a symbol
    ours = models.JSONField(default=dict)
    theirs = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connection", "kind", "subject"],
                condition=models.Q(ended_at=None),
                name="broker_difference_told_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-first_seen_at"], name="broker_difference_by_person")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} of {self.connection_id}"


class PositionBaseline(models.Model):
    """What a broker's account held of a symbol beside our fills when we first looked, or at nought then.

    A person's account has a life of its own: only what moves without us, from here on, is a difference.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    connection = models.ForeignKey(BrokerConnection, on_delete=models.PROTECT, related_name="baselines")
    symbol = models.CharField(max_length=16)
    quantity = QuantityField()  # a short position's is negative
    at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connection", "symbol"], name="position_baseline_once"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} of {self.connection_id}"
