"""A list of assets that somebody keeps an eye on."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount

ASSETS_MAX = 500  # of one list
WATCHLISTS_MAX = 200  # of one account


class Watchlist(models.Model):
    """Assets in their owner's order. A deleted list keeps its row, and frees its name.

    The assets are ids in one column, because a list is always read and written whole.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount,
        on_delete=models.PROTECT,
        related_name="watchlists",
        db_index=False,
        db_constraint=False,
    )
    name = models.CharField(max_length=64)
    asset_ids = ArrayField(models.UUIDField(), default=list)
    created_at = models.DateTimeField()  # market time, as the two below
    updated_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "name"], condition=Q(deleted_at=None), name="watchlist_name_is_unique"
            ),
            models.CheckConstraint(
                condition=Q(asset_ids__len__lte=ASSETS_MAX), name="watchlist_is_not_too_long"
            ),
        ]

    def __str__(self) -> str:
        return self.name
