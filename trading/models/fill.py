"""An execution and the evidence for it. Never updated."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.asset import Asset
from trading.models.fields import PriceField, QuantityField
from trading.models.order import Order


class Fill(models.Model):
    """One execution of one order. `evidence` is the offer, as engine integers, that `rule` used."""

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="fills", db_index=False, db_constraint=False
    )
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="fills", db_index=False, db_constraint=False
    )
    asset = models.ForeignKey(
        Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    symbol = models.CharField(max_length=32)
    side = models.CharField(max_length=4)
    quantity = QuantityField()
    price = PriceField()
    at = models.DateTimeField()  # market time
    run = models.PositiveIntegerField()
    seq = models.BigIntegerField()  # of the item that caused it
    offer_seq = models.BigIntegerField()  # of the quote or print whose size was taken
    rule = models.CharField(max_length=16)
    model_version = models.PositiveSmallIntegerField()
    evidence = models.JSONField()

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "at"], name="fill_by_account_and_time"),
            BrinIndex(fields=["at"], name="fill_by_time", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.symbol} @ {self.price}"
