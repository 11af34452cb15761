"""A person says by which of their accounts they want to be judged: beforehand, as it counts from the next month on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from accounts.errors import NotFound, RuleBroken
from accounts.models import User
from accounts.services.audit import record
from broker_handoff.models import GateNomination
from broker_handoff.records import nominated_by
from trading.models import TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

    from accounts.querysets import Owner


@transaction.atomic(durable=True)
def nominate(*, owner: Owner, account_id: UUID, request_id: str = "") -> bool:
    """Judge somebody by this account from now on; say whether that is new. Repeating it changes nothing.

    Only whole months after it count; those of another account count no longer.
    Raises NotFound, RuleBroken for an account that is closed or in a market that does not count.
    """
    assert owner.pk is not None
    # Two at once wait for each other, so that the later one is the newer one.
    User.objects.filter(pk=owner.pk).select_for_update(no_key=True, of=("self",)).get()
    account = TradingAccount.objects.owned_by(owner).select_related("market").filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"account not found for {account_id}")
    before = nominated_by(owner)
    if before is not None and before.account_id == account_id:
        return False
    if account.status in (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED):
        raise RuleBroken("the account is closed")
    if account.market.feed not in settings.GATE_FEEDS:
        raise RuleBroken(f"only accounts in markets of {', '.join(settings.GATE_FEEDS)} count here")
    GateNomination.objects.create(user_id=owner.pk, account=account, request_id=request_id)
    record(
        action="gate.account_named",
        user_id=account.user_id,
        before=None if before is None else {"account": before.account_id},
        after={"account": account_id},
    )
    return True
