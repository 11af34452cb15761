"""Double entry: every journal's postings sum to zero, by a constraint checked at commit."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.models import User
from accounts.querysets import OwnedManager
from trading.models.account import TradingAccount
from trading.models.fields import MoneyField


class LedgerAccount(models.TextChoices):
    """The ledger accounts of one trading account; debits positive, credits negative."""

    CASH = "cash"
    SECURITIES = "securities"  # at cost; the sum of the positions' costs
    CAPITAL = "capital"  # paid in (negative) and out
    REALIZED = "realized"  # realized profit (negative) and loss
    FEES = "fees"  # commissions and interest paid


class Journal(models.Model):
    """Why money moved, once. A fill's journal bears the fill's id."""

    class Kind(models.TextChoices):
        DEPOSIT = "deposit"
        FILL = "fill"
        RESET = "reset"  # the end of a generation: cash and positions, at cost, against capital
        ADJUSTMENT = "adjustment"  # cash that the staff has put right, against capital
        INTEREST = "interest"  # a night's, on cash that was owed, against fees
        OPENING = "opening"  # what the fills of a generation came to that are no longer kept one by one

    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="journals", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=16, choices=Kind)
    at = models.DateTimeField()  # market time
    # Of money that came or went; a fill belongs to the generation of its order.
    generation = models.PositiveIntegerField(db_default=1)
    note = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = OwnedManager()

    class Meta:
        indexes: ClassVar = [  # those of fills are found by their fills
            models.Index(
                fields=["account", "at"], condition=~models.Q(kind="fill"), name="journal_beside_fills"
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "generation"],
                condition=models.Q(kind="opening"),
                name="journal_one_opening_a_generation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Posting(models.Model):
    """One line of a journal. Never updated."""

    pk = models.CompositePrimaryKey("journal_id", "ledger")
    journal = models.ForeignKey(
        Journal, on_delete=models.PROTECT, related_name="postings", db_index=False, db_constraint=False
    )
    ledger = models.CharField(max_length=16, choices=LedgerAccount)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    account = models.ForeignKey(
        TradingAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    amount = MoneyField()

    objects = OwnedManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="posting_moves_something"),
        ]
        indexes: ClassVar = [  # of the few fills that cost a commission, which are activities of their own
            models.Index(
                fields=["account", "journal"], condition=models.Q(ledger="fees"), name="posting_of_fees"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ledger} {self.amount}"
