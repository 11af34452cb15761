"""An order, and the status that is the protocol between web and matcher.

Web writes `pending_new`, `pending_cancel` and `pending_replace` and nothing else; the matcher
that owns the symbol is the only writer of everything that follows.
"""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedQuerySet
from matching.models import Market
from trading.models.account import TradingAccount
from trading.models.asset import Asset
from trading.models.fields import MoneyField, PriceField, QuantityField
from trading.models.profile import SimulationProfile

INBOX_STATUSES = ("pending_new", "pending_cancel")
OPEN_STATUSES = (
    "pending_new",
    "accepted",
    "new",
    "partially_filled",
    "pending_cancel",
    "pending_replace",
    "held",
    "done_for_day",
)
TERMINAL_STATUSES = ("filled", "canceled", "expired", "rejected", "replaced")


class OrderQuerySet(OwnedQuerySet["Order"]):
    """Orders of an owner."""

    def open(self) -> OrderQuerySet:
        """Return the orders that may still change."""
        return self.filter(status__in=OPEN_STATUSES)


class Order(models.Model):
    """One order. Prices in dollars, quantities in shares; exactly one of quantity and notional is set.

    `reserve_price` is what each share of a buy holds: its limit, or the offer at entry.
    What opens a position reserves `cash_held`, what closes one `quantity_held`: `position_intent` says
    which, and is never empty. Of an order class the take-profit, or the only exit, holds the shares
    for both exits, from each fill of the entry on.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="orders", db_index=False, db_constraint=False
    )
    market = models.ForeignKey(
        Market, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    asset = models.ForeignKey(
        Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    symbol = models.CharField(max_length=32)
    client_order_id = models.CharField(max_length=128)
    generation = models.PositiveIntegerField(db_default=1)  # the account's, when it was accepted
    status = models.CharField(max_length=24)
    side = models.CharField(max_length=4)
    type = models.CharField(max_length=16)
    time_in_force = models.CharField(max_length=3)
    order_class = models.CharField(max_length=8, default="", blank=True)
    extended_hours = models.BooleanField(default=False)
    quantity = QuantityField(null=True)
    notional = MoneyField(null=True)
    limit_price = PriceField(null=True)
    stop_price = PriceField(null=True)
    trail_price = PriceField(null=True)
    trail_percent = models.DecimalField(max_digits=9, decimal_places=4, null=True)
    hwm = PriceField(null=True)  # T3, as far as its own row knows; matching.Watermark knows the rest
    cut_off_at = models.DateTimeField(null=True)  # opg, cls: from here on it cannot be changed (S3)
    position_intent = models.CharField(max_length=16, default="", blank=True)
    profile = models.ForeignKey(
        SimulationProfile,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        default=1,
    )
    reserve_price = PriceField(default=Decimal(0))
    cash_held = MoneyField(default=Decimal(0))
    quantity_held = QuantityField(default=Decimal(0))
    filled_quantity = QuantityField(default=Decimal(0))
    filled_money = MoneyField(default=Decimal(0))
    command_no = models.BigIntegerField()  # the inbox's order: of the place, then of the cancel
    stamp_seq = models.BigIntegerField(null=True)  # feed sequence at which the matcher took it
    queue_ahead = QuantityField(null=True)  # R3
    queue_seq = models.BigIntegerField(null=True)  # R4: the place in the queue that was kept from the
    queue_no = models.BigIntegerField(null=True)  # replaced order, as its stamp and command number
    replaces = models.UUIDField(null=True)
    replaced_filled_quantity = QuantityField(null=True)  # of the order it replaces, at the request
    replaced_by = models.UUIDField(null=True)
    parent = models.UUIDField(null=True)  # of a leg: the order under which the wire nests it
    group_id = models.UUIDField(null=True)  # of an order class; stays when a member is replaced
    role = models.CharField(max_length=12, db_default="", blank=True)  # the engine's Role in the group
    is_triggered = models.BooleanField(db_default=False)  # T1
    working_seq = models.BigIntegerField(null=True)  # feed sequence at which it became new; null: it waits
    accepted_ns = models.BigIntegerField(null=True)  # market time from which latency counts
    request_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    filled_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    canceled_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    replaced_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_request_id = models.CharField(max_length=64, db_default="", blank=True)  # of the last wish

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "generation", "client_order_id"],
                name="order_client_id_unique_in_generation",
            ),
            models.CheckConstraint(
                condition=Q(quantity__isnull=True) | Q(filled_quantity__lte=F("quantity")),
                name="order_fills_no_more_than_quantity",
            ),
            models.CheckConstraint(
                condition=Q(quantity__isnull=False) ^ Q(notional__isnull=False),
                name="order_has_quantity_or_notional",
            ),
            models.CheckConstraint(
                condition=Q(cash_held__gte=0, quantity_held__gte=0), name="order_holds_not_negative"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "submitted_at"], name="order_by_account_and_time"),
            models.Index(
                fields=["account", "asset", "side"], condition=Q(status__in=OPEN_STATUSES), name="order_open"
            ),
            models.Index(
                fields=["market", "command_no"], condition=Q(status__in=INBOX_STATUSES), name="order_inbox"
            ),
            models.Index(fields=["parent"], condition=Q(parent__isnull=False), name="order_by_parent"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.symbol} {self.id}"
