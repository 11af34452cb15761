"""That an account exists, and whose it is: what who oversees the staff may know without a grant."""

from __future__ import annotations

from django.db import models

from trading.models.account import TradingAccount


class AccountEntry(models.Model):
    """A row of a view that answers none but superusers (trading/sql/0010_grants.sql); nobody writes it."""

    id = models.UUIDField(primary_key=True, db_column="account_id")
    owner_id = models.UUIDField()
    number = models.CharField(max_length=16)
    status = models.CharField(max_length=32, choices=TradingAccount.Status)
    created_at = models.DateTimeField()
    market = models.CharField(max_length=64)
    email = models.EmailField()
    tier = models.CharField(max_length=16)

    class Meta:
        managed = False
        db_table = "trading_accountentry"
        verbose_name_plural = "account entries"

    def __str__(self) -> str:
        return self.number
