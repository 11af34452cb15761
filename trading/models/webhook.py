"""Where an account's order events are sent, how far that has come, and what each attempt met."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount

URL_MAX = 500  # characters


class WebhookEndpoint(models.Model):
    """One address. Everything up to `cursor` in the account's event log has been delivered.

    All instants are the wall clock's. Its secret is derived from its id and `secret_version`, and
    stored nowhere. `leased_until` says that a worker is at it; a worker that dies lets the lease run out.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="webhooks", db_index=False, db_constraint=False
    )
    url = models.CharField(max_length=URL_MAX)
    description = models.CharField(max_length=200, blank=True)
    secret_version = models.PositiveIntegerField(default=1)
    cursor = models.BigIntegerField()
    pinged_at = models.DateTimeField(null=True)  # a test message is asked for and not delivered yet
    failures = models.PositiveIntegerField(default=0)  # in a row
    next_attempt_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    disabled_at = models.DateTimeField(null=True)
    disabled_reason = models.CharField(max_length=200, blank=True)
    deleted_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "created_at"], name="webhook_by_account"),
            models.Index(
                fields=["next_attempt_at"], condition=Q(disabled_at=None, deleted_at=None), name="webhook_due"
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One attempt. `seq` is that of the event, null for a test; `status_code` null when nobody answered."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    endpoint = models.ForeignKey(
        WebhookEndpoint,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    seq = models.BigIntegerField(null=True)
    attempt = models.PositiveIntegerField()
    at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)  # empty: delivered

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["endpoint", "-id"], name="delivery_by_endpoint"),
            models.Index(fields=["at"], name="delivery_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.seq} {self.status_code}"
