"""What can be traded."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models.user import new_id


class Asset(models.Model):
    """A tradable instrument, named by its symbol on the wire and by its id in the ledger."""

    class AssetClass(models.TextChoices):
        US_EQUITY = "us_equity"
        US_OPTION = "us_option"
        CRYPTO = "crypto"

    class Status(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    symbol = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=200, blank=True)
    asset_class = models.CharField(max_length=16, choices=AssetClass, default=AssetClass.US_EQUITY)
    exchange = models.CharField(max_length=16, default="NYSE")
    cusip = models.CharField(max_length=9, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    tradable = models.BooleanField(default=True)
    marginable = models.BooleanField(default=True)
    shortable = models.BooleanField(default=True)
    easy_to_borrow = models.BooleanField(default=True)
    fractionable = models.BooleanField(default=True)
    suspended_at = models.DateTimeField(null=True)  # by the staff: no new order, until it is resumed
    attributes = ArrayField(models.CharField(max_length=32), default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["asset_class", "exchange", "symbol"]

    def __str__(self) -> str:
        return self.symbol
