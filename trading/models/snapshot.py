"""What an account was worth at the close of a trading day. Never updated."""

from __future__ import annotations

from django.db import models

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.fields import MoneyField


class EquitySnapshot(models.Model):
    """An account's worth at the regular close of `date`, in dollars; short values are negative.

    It follows from the ledger and the market's prices at `at`, and is written down because a live
    market does not keep its prices. `run` is the tape's: in another run the same day is another day.
    """

    pk = models.CompositePrimaryKey("account_id", "run", "date")
    account = models.ForeignKey(
        TradingAccount,
        on_delete=models.PROTECT,
        related_name="snapshots",
        db_index=False,
        db_constraint=False,
    )
    run = models.PositiveIntegerField()
    date = models.DateField()
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    at = models.DateTimeField()  # the close, market time
    cash = MoneyField()
    long_market_value = MoneyField()
    short_market_value = MoneyField()
    equity = MoneyField()
    recorded_at = models.DateTimeField()  # the wall's time

    objects = OwnedManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    equity=models.F("cash") + models.F("long_market_value") + models.F("short_market_value")
                ),
                name="snapshot_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.date}: {self.equity}"
