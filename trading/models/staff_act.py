"""What a member of staff wants done: one row a wish, made as the support role, performed by a worker."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from accounts.models.user import new_id
from trading.models.account import TradingAccount

REASON_MAX = 500  # characters
TICKET_MAX = 64
OUTCOME_MAX = 500


class StaffAct(models.Model):
    """One wish of one member of staff: about an account that was granted to them to act on, or about nobody's.

    The row is the message: the policies of the support role judge who may write it, a worker does what it
    says by the same services as everybody else, and writes what came of it beside it. It may be performed
    twice where a worker dies in between: what it calls changes nothing the second time.
    """

    class Status(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"  # by a rule, in words
        FAILED = "failed"  # again and again; the log has why

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=32)
    account = models.ForeignKey(  # None: about no account
        TradingAccount,
        on_delete=models.CASCADE,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    staff_id = models.UUIDField()  # without a key: a record outlives who made it
    arguments = models.JSONField(default=dict)
    reason = models.CharField(max_length=REASON_MAX)
    ticket = models.CharField(max_length=TICKET_MAX, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    outcome = models.CharField(max_length=OUTCOME_MAX, blank=True)  # in words
    done_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(reason__regex=r"\S"), name="staff_act_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(status="waiting", done_at=None)
                | (~models.Q(status="waiting") & models.Q(done_at__isnull=False)),
                name="staff_act_waits_or_is_over",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-asked_at"], name="staff_act_of_account"),
            models.Index(  # what workers look for; it never has many
                fields=["next_attempt_at"], condition=models.Q(status="waiting"), name="staff_act_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.staff_id}: {self.status}"
