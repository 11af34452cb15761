"""The event log: what happened to an account's orders, in a gap-free sequence. Never updated."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.fields import MoneyField, PriceField, QuantityField


class OrderEvent(models.Model):
    """One event. It keeps what changes on an order; what cannot change is read from the order.

    `kind` is the wire's event word (`new`, `partial_fill`, ...), or `triggered` and `held`, which the
    wire does not tell. `quantity`, `price` and
    `position_quantity` are set on executions alone. `at` is market time, `recorded_at` the wall's.
    """

    pk = models.CompositePrimaryKey("account_id", "seq")
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="events", db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField()
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    order_id = models.UUIDField()
    kind = models.CharField(max_length=32)
    status = models.CharField(max_length=24)  # of the order, after the event
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    feed_seq = models.BigIntegerField(null=True)  # the matcher's stamp; null for what web recorded
    filled_quantity = QuantityField()
    filled_money = MoneyField()
    fill_id = models.UUIDField(null=True)
    quantity = QuantityField(null=True)
    price = PriceField(null=True)
    position_quantity = QuantityField(null=True)
    order_quantity = QuantityField(
        null=True
    )  # what the order asks for then, where that may change: in a class
    rule = models.CharField(max_length=16, db_default="", blank=True)  # why the matcher decided it
    evidence = models.JSONField(null=True)  # of a trigger, as engine integers; a fill keeps its own
    request_id = models.CharField(max_length=64, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [
            # To find an order's events in a long log. Writing pays next to nothing for it, unlike a tree.
            BrinIndex(
                fields=["order_id"],
                opclasses=["uuid_bloom_ops"],
                name="event_by_order",
                pages_per_range=32,
                autosummarize=True,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.seq} {self.kind}"
