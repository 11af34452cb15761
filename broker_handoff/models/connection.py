"""A person's own account at a live broker, and the sealed token that reaches it."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models import User
from accounts.models.user import new_id
from accounts.querysets import OwnedManager
from trading.models.fields import MoneyField


class BrokerConnection(models.Model):
    """One consent of one person. What is over stays as a record, without its token.

    A person has at most one that is not over. The limits are the person's own; the installation's are
    settings, and the stricter counts.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        NEEDS_REAUTH = "needs_reauth"  # the broker no longer takes the token, or the consent is over
        DISCONNECTED = "disconnected"

    LIVING = (Status.ACTIVE, Status.NEEDS_REAUTH)

    class RevokedAtBroker(models.TextChoices):
        NOT_ASKED = "not_asked"
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"  # the broker said no, or never answered: the person should look there

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="broker_connections", db_index=False
    )
    broker = models.CharField(max_length=16, default="alpaca")  # which adapter
    broker_account = models.CharField(max_length=64)  # its number there
    status = models.CharField(max_length=16, choices=Status, default=Status.ACTIVE)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    connected_at = models.DateTimeField(default=timezone.now)
    consent_expires_at = models.DateTimeField()
    disconnected_at = models.DateTimeField(null=True)
    disconnect_reason = models.CharField(max_length=200, blank=True)
    revoked_at_broker = models.CharField(
        max_length=16, choices=RevokedAtBroker, default=RevokedAtBroker.NOT_ASKED
    )
    revoke_attempts = models.PositiveIntegerField(default=0)
    next_revoke_at = models.DateTimeField(null=True)  # when the broker is asked next, while that waits
    next_tell_at = models.DateTimeField(
        null=True
    )  # when the person is mailed that it is over, while that waits
    next_compare_at = models.DateTimeField(default=timezone.now)  # when its account is looked at next
    token_refused_at = models.DateTimeField(null=True)  # when the vault last refused to open the token
    notional_max = MoneyField(default=Decimal(1_000))  # dollars, of one order
    day_notional_max = MoneyField(default=Decimal(5_000))  # dollars, of all orders of a New York day
    open_orders_max = models.PositiveIntegerField(default=10)
    price_distance_max_bps = models.PositiveIntegerField(default=500)  # of a limit from the market

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["id", "user"], name="broker_connection_of_person"),
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(status__in=("active", "needs_reauth")),
                name="broker_connection_one_living",
            ),
            models.CheckConstraint(
                condition=models.Q(status="disconnected") ^ models.Q(disconnected_at=None),
                name="broker_connection_is_over_or_not",
            ),
            models.CheckConstraint(
                condition=models.Q(notional_max__gt=0, day_notional_max__gt=0),
                name="broker_connection_limits_are_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at_broker="waiting") ^ models.Q(next_revoke_at=None),
                name="broker_connection_waits_for_an_instant",
            ),
        ]
        indexes: ClassVar = [
            models.Index(  # what the worker looks for
                fields=["next_revoke_at"],
                condition=models.Q(revoked_at_broker="waiting"),
                name="broker_connection_to_revoke",
            ),
            models.Index(  # of whom it tells
                fields=["next_tell_at"],
                condition=models.Q(next_tell_at__isnull=False),
                name="broker_connection_to_tell",
            ),
            models.Index(  # and for what it looks
                fields=["next_compare_at"],
                condition=models.Q(status="active"),
                name="broker_connection_to_compare",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.broker} {self.broker_account} of {self.user_id}"


class SealedToken(models.Model):
    """A broker's token under a data key of its own, which a key service has wrapped. See broker_handoff.vault.

    The role that serves people may put one here and shred it, and cannot read it.
    """

    connection = models.OneToOneField(
        BrokerConnection, on_delete=models.PROTECT, primary_key=True, related_name="sealed_token"
    )
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    ciphertext = models.BinaryField()
    wrapped_key = models.BinaryField()
    key_id = models.CharField(max_length=256)
    sealed_at = models.DateTimeField(default=timezone.now)

    objects = OwnedManager()

    def __str__(self) -> str:
        return f"sealed token of {self.connection_id}"


class ConnectAttempt(models.Model):
    """That a person went to the broker's page to connect: the answer must bring back the same `state`.

    One a person, of one session, good once and for ten minutes. Of the state there is the hash alone, and of
    the code verifier nothing: it is computed from the state and the installation's secret key.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    session_id = models.UUIDField()
    state_hash = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()

    objects = OwnedManager()

    def __str__(self) -> str:
        return f"attempt of {self.user_id}"
