"""What an account holds of one asset."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.asset import Asset
from trading.models.fields import MoneyField, QuantityField


class Position(models.Model):
    """Signed shares and what they cost: both negative for a short.

    `quantity_held` counts the shares, of either kind, that open closing orders reserve. Average cost: closing takes out its share of `cost`, rounded half up to 1e-13 dollar. A flat
    position keeps its row, with nothing in it.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount,
        on_delete=models.PROTECT,
        related_name="positions",
        db_index=False,
        db_constraint=False,
    )
    asset = models.ForeignKey(
        Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    symbol = models.CharField(max_length=32)
    quantity = QuantityField(default=Decimal(0))
    cost = MoneyField(default=Decimal(0))
    quantity_held = QuantityField(default=Decimal(0))
    updated_at = models.DateTimeField()

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "asset"], name="position_one_per_asset"),
            models.CheckConstraint(
                condition=models.Q(quantity_held__gte=0), name="position_holds_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.symbol}"
