"""Put an account's cash right: one journal of its own, against capital, with a note that its owner reads.

For the staff and for operators. It counts as paid in or out, as a deposit does, and not as realized profit.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models.user import new_id
from accounts.services.audit import record
from trading import reference
from trading.doorbells import ring_account
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import Journal, LedgerAccount, Posting, TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

NOTE_MAX = 200  # characters
AMOUNT_MAX = Decimal(1_000_000_000)  # dollars, up or down
CENT = Decimal("0.01")


@transaction.atomic(durable=True)
def adjust_cash(
    *,
    account_id: UUID,
    amount: Decimal,
    note: str,
    reason: str,
    request_id: str = "",
    journal_id: UUID | None = None,
) -> Journal:
    """Add dollars to an account's cash, or take them when `amount` is negative; `note` stands in its activities.

    With `journal_id` a repetition finds the journal of the first time and changes nothing.
    Raises NotFound, ValueInvalid, RuleBroken where open orders hold what would be taken, or the account is no
    longer open.
    """
    _require(amount, note, reason)
    everybodys = TradingAccount.objects.across_owners().filter(pk=account_id)
    account = everybodys.select_for_update(of=("self",), no_key=True).first()
    if account is None:
        raise NotFound(f"account not found for {account_id}")
    if journal_id is not None:
        adjustments = Journal.objects.owned_by(account.user, account.pk).filter(kind=Journal.Kind.ADJUSTMENT)
        earlier = adjustments.filter(pk=journal_id).first()
        if earlier is not None:
            return earlier
    if account.status != TradingAccount.Status.ACTIVE:
        raise RuleBroken("the account is not open: its cash is not adjusted")
    free = account.cash - account.cash_held
    if amount < 0 and free + amount < 0:
        raise RuleBroken(f"only {free.normalize():f} dollars are not held by open orders, or spent")
    journal = Journal(
        id=journal_id or new_id(),
        user_id=account.user_id,
        account_id=account.pk,
        kind=Journal.Kind.ADJUSTMENT,
        at=reference.market_now(account.market_id) or timezone.now(),
        generation=account.generation,
        note=note.strip(),
        request_id=request_id,
    )
    journal.save(force_insert=True)
    lines = {LedgerAccount.CASH: amount, LedgerAccount.CAPITAL: -amount}
    Posting.objects.bulk_create(
        Posting(journal=journal, ledger=ledger, user_id=account.user_id, account_id=account.pk, amount=line)
        for ledger, line in lines.items()
    )
    everybodys.update(cash=F("cash") + amount)
    record(
        action="account.cash_adjusted",
        user_id=account.user_id,
        account_id=account.pk,
        before={"cash": account.cash},
        after={"cash": account.cash + amount, "amount": amount, "journal": journal.pk},
        reason=reason,
        details={"note": journal.note},
    )
    transaction.on_commit(lambda: ring_account([account.pk]))
    return journal


def _require(amount: Decimal, note: str, reason: str) -> None:
    if not amount or abs(amount) > AMOUNT_MAX or amount != amount.quantize(CENT):
        raise ValueInvalid(f"an amount is not nothing, whole cents, and {AMOUNT_MAX:,} dollars at most")
    if not note.strip() or len(note.strip()) > NOTE_MAX or not note.isprintable():
        raise ValueInvalid(f"a note has 1 to {NOTE_MAX} printable characters")
    if not reason.strip():
        raise ValueInvalid("a reason is required")
