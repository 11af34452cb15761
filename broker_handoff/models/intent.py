"""What a person wants done at their broker: one row a wish, and what became of it, told truthfully."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from broker_handoff.models.connection import BrokerConnection
from broker_handoff.states import FINAL, IntentStatus
from trading.models.fields import MoneyField, QuantityField


class LiveIntent(models.Model):
    """An order, a cancel or a replacement, on its way to the broker under our id as `client_order_id`.

    `status` moves by `broker_handoff.states` alone. A worker that sends it holds a lease; before it sends
    anything a second time it asks the broker for the id. After `deadline_at` nothing is ever sent.
    """

    class Kind(models.TextChoices):
        SUBMIT = "submit"
        CANCEL = "cancel"
        REPLACE = "replace"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="live_intents", db_index=False)
    connection = models.ForeignKey(BrokerConnection, on_delete=models.PROTECT, related_name="intents")
    kind = models.CharField(max_length=8, choices=Kind)
    target = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="followers", db_index=False
    )  # of a cancel or a replacement: the order meant
    terms = models.JSONField()  # as the broker's wire has it; its digest is what the passkey said yes to
    digest = models.BinaryField(max_length=32)
    notional = MoneyField()  # dollars, estimated when it was accepted; nothing for a cancel
    status = models.CharField(max_length=16, choices=IntentStatus, default=IntentStatus.ACCEPTED)
    reason = models.CharField(max_length=32, blank=True)  # why it ended so, in one word of ours
    words = models.CharField(max_length=500, blank=True)  # and in the broker's

    session_id = models.UUIDField()  # in which the passkey was shown
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    deadline_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True)  # of the attempt at hand
    leased_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)  # when bytes may first have reached the broker
    sent_until = models.DateTimeField(
        null=True
    )  # and may last have: the end of the lease under which they did
    missing_since = models.DateTimeField(null=True)  # when the broker first said that it has none
    finished_at = models.DateTimeField(null=True)

    broker_order_id = models.CharField(max_length=64, blank=True)
    broker_status = models.CharField(max_length=32, blank=True)  # the broker's own word
    filled_quantity = QuantityField(default=0)
    filled_average_price = MoneyField(null=True)  # dollars a share; brokers have more decimals than a price
    seen_at = models.DateTimeField(null=True)  # when the broker last told of it

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["id", "user"], name="live_intent_of_person"),
            models.CheckConstraint(
                condition=models.Q(kind="submit") ^ models.Q(target__isnull=False),
                name="live_intent_has_its_target",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=sorted(FINAL)) ^ models.Q(finished_at=None),
                name="live_intent_is_finished_or_not",
            ),
            models.CheckConstraint(
                condition=models.Q(lease=None, leased_until=None)
                | models.Q(lease__isnull=False, leased_until__isnull=False),
                name="live_intent_lease_has_an_end",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-created_at"], name="live_intent_by_person"),
            models.Index(  # what workers look for; it never has many
                fields=["next_attempt_at"],
                condition=models.Q(status__in=("accepted", "sending")),
                name="live_intent_to_send",
            ),
            models.Index(
                fields=["connection"],
                condition=models.Q(status="working"),
                name="live_intent_working",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}: {self.status}"


class IntentEvent(models.Model):
    """One change of an intent. Appended, never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    intent = models.ForeignKey(LiveIntent, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=16, choices=IntentStatus)
    detail = models.JSONField(default=dict)  # facts: reason, the broker's words and figures
    request_id = models.CharField(max_length=64, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "at"], name="intent_event_by_person")]

    def __str__(self) -> str:
        return f"{self.status} of {self.intent_id}"
