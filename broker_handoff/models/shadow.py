"""Accounts whose paper orders are sent to the operator's own paper account at a broker too, and what came of each there."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.querysets import OwnedManager
from broker_handoff.states import IntentStatus
from trading.models import TradingAccount
from trading.models.fields import MoneyField, QuantityField

WORDS_MAX = 500  # characters


class ShadowLink(models.Model):
    """That an account is mirrored, and how far. The operator switches it on and off; it stays as a record.

    `followed_seq` is the account's event up to which all is taken over; what was placed up to `since_seq` is
    not sent. A worker that is at it holds a lease.
    """

    account = models.OneToOneField(
        TradingAccount, on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    shadow_account = models.CharField(max_length=64)  # its number there
    is_on = models.BooleanField(default=True)
    turned_on_at = models.DateTimeField(default=timezone.now)
    turned_off_at = models.DateTimeField(null=True)
    since_seq = models.BigIntegerField(default=0)
    followed_seq = models.BigIntegerField(default=0)
    next_look_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)  # when all there was to do was last done
    polled_at = models.DateTimeField(null=True)  # when the broker was last asked for fills
    faults = models.PositiveIntegerField(default=0)  # since then
    fault = models.CharField(max_length=WORDS_MAX, blank=True)  # the last one, in words
    fault_at = models.DateTimeField(null=True)

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(is_on=True) ^ models.Q(turned_off_at__isnull=False),
                name="shadow_link_is_off_since_when",
            ),
            models.CheckConstraint(
                condition=models.Q(lease=None, leased_until=None)
                | models.Q(lease__isnull=False, leased_until__isnull=False),
                name="shadow_link_lease_has_an_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_look_at"], condition=models.Q(is_on=True), name="shadow_link_to_look_at"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} is mirrored" if self.is_on else f"{self.account_id} was mirrored"


class ShadowOrder(models.Model):
    """One paper order, how it stands here, and how it stands at the shadow. Its id is its `client_order_id` there.

    What happened here is kept beside it, because an account's history goes earlier than a comparison may.
    `status` has the words of a live order's: of one that was not sent for what it is, `blocked`, or because
    it came too late, `lapsed`; of one of which the shadow knows nothing any more, `unresolved`.
    """

    id = models.UUIDField(primary_key=True, editable=False)  # the paper order's
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    seq = models.BigIntegerField()  # of the event that placed it
    replaces = models.UUIDField(null=True)
    terms = models.JSONField()  # as the wire has them
    placed_at = models.DateTimeField()  # here, by the wall's clock
    status = models.CharField(max_length=16, choices=IntentStatus, default=IntentStatus.ACCEPTED)
    reason = models.CharField(max_length=32, blank=True)  # why it ended so, in one word of ours
    words = models.CharField(max_length=WORDS_MAX, blank=True)  # and in the shadow's
    sent_at = models.DateTimeField(null=True)  # when bytes may first have reached the shadow
    cancel_wanted_at = models.DateTimeField(null=True)  # when it was canceled here
    cancel_asked_at = models.DateTimeField(null=True)  # and when the shadow answered to that

    paper_submitted_at = models.DateTimeField()  # market time
    paper_status = models.CharField(max_length=24)
    paper_filled_quantity = QuantityField(default=Decimal(0))
    paper_filled_money = MoneyField(default=Decimal(0))
    paper_filled_at = models.DateTimeField(null=True)  # of the last fill, market time
    paper_rules = models.JSONField(default=dict)  # rule -> [quantity, money] of its fills, as text

    shadow_order_id = models.CharField(max_length=64, blank=True)
    shadow_status = models.CharField(max_length=32, blank=True)  # the broker's own word
    shadow_filled_quantity = QuantityField(default=Decimal(0))
    shadow_filled_average_price = MoneyField(null=True)
    shadow_submitted_at = models.DateTimeField(null=True)  # by the broker's clock
    shadow_filled_at = models.DateTimeField(null=True)  # the same, when it last filled as far as we know

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "seq"], name="shadow_order_by_account"),
            models.Index(  # what a worker looks for; it never has many
                fields=["account"],
                condition=models.Q(status__in=("accepted", "sending", "working")),
                name="shadow_order_to_do",
            ),
        ]

    def __str__(self) -> str:
        return f"shadow of {self.pk}: {self.status}"
