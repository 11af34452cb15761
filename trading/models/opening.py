"""What a position was where its account's kept history begins."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.asset import Asset
from trading.models.fields import MoneyField, QuantityField


class OpeningLot(models.Model):
    """A position as every event up to its account's `history_seq` left it: its later fills follow from here.

    Only of the generation in which the kept history begins: one that ended before left nothing. What was
    sold off again has no shares and no cost, and keeps what was `realized` (a profit is negative, as in the
    ledger). It is no copy of `Position`, which goes on; nothing but a purge writes it.
    """

    pk = models.CompositePrimaryKey("account_id", "asset_id")
    account = models.ForeignKey(
        TradingAccount,
        on_delete=models.PROTECT,
        related_name="opening_lots",
        db_index=False,
        db_constraint=False,
    )
    asset = models.ForeignKey(
        Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    symbol = models.CharField(max_length=32)
    generation = models.PositiveIntegerField()
    quantity = QuantityField()
    cost = MoneyField()
    realized = MoneyField()
    fees = MoneyField()

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(quantity=0, cost=0)
                | models.Q(quantity__gt=0, cost__gte=0)
                | models.Q(quantity__lt=0, cost__lte=0),
                name="opening_lot_costs_on_its_own_side",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol}"
