"""Freeze an account and thaw it; suspend an asset and resume it. For the staff and for operators, of anybody's.

A frozen account takes no order that opens a position, and its orders that would are not replaced; what closes one,
and every cancel, goes on, and so do the orders that were open before. A suspended asset takes no new order at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.services.audit import record
from trading.errors import NotFound, RuleBroken, ValueInvalid
from trading.models import Asset, TradingAccount

if TYPE_CHECKING:
    from uuid import UUID

ENDED = (TradingAccount.Status.CLOSING, TradingAccount.Status.CLOSED)


@transaction.atomic(durable=True)
def freeze(*, account_id: UUID, reason: str, is_trial: bool = False) -> bool:
    """Let an account open no more positions; say whether it was not frozen before. A trial keeps nothing.

    Raises NotFound, RuleBroken for an account that is closed, ValueInvalid without a reason.
    """
    account = _locked(account_id, reason)
    if account.status in ENDED:
        raise RuleBroken("the account is closed: it takes no orders")
    if account.frozen_at is not None:
        return False
    account.frozen_at = timezone.now()
    _store(account, "account.frozen", is_frozen=True, reason=reason)
    transaction.set_rollback(is_trial)
    return True


@transaction.atomic(durable=True)
def thaw(*, account_id: UUID, reason: str, is_trial: bool = False) -> bool:
    """Let a frozen account open positions again; say whether it was frozen. A trial keeps nothing.

    Raises NotFound, ValueInvalid.
    """
    account = _locked(account_id, reason)
    if account.frozen_at is None:
        return False
    account.frozen_at = None
    _store(account, "account.thawed", is_frozen=False, reason=reason)
    transaction.set_rollback(is_trial)
    return True


@transaction.atomic(durable=True)
def suspend_asset(*, symbol: str, reason: str) -> bool:
    """Refuse new orders and replacements in an asset, of everybody; say whether they were taken before.

    Web processes know of it within `reference.KEPT_S`. Raises NotFound, ValueInvalid without a reason.
    """
    return _set_suspended(symbol, reason, is_suspended=True)


@transaction.atomic(durable=True)
def resume_asset(*, symbol: str, reason: str) -> bool:
    """Take orders in a suspended asset again; say whether it was suspended. Raises NotFound, ValueInvalid."""
    return _set_suspended(symbol, reason, is_suspended=False)


def _locked(account_id: UUID, reason: str) -> TradingAccount:
    _require(reason)
    everybodys = TradingAccount.objects.across_owners().select_for_update(of=("self",), no_key=True)
    account = everybodys.filter(pk=account_id).first()
    if account is None:
        raise NotFound(f"account not found for {account_id}")
    return account


def _store(account: TradingAccount, action: str, *, is_frozen: bool, reason: str) -> None:
    account.save(update_fields=["frozen_at"])
    record(
        action=action,
        user_id=account.user_id,
        account_id=account.pk,
        before={"is_frozen": not is_frozen},
        after={"is_frozen": is_frozen},
        reason=reason,
    )


def _set_suspended(symbol: str, reason: str, *, is_suspended: bool) -> bool:
    _require(reason)
    named = Asset.objects.filter(symbol=symbol)
    asset = named.first()
    if asset is None:
        raise NotFound(f"asset not found for {symbol[:64]}")
    # By a conditional update: of two at once one finds nothing to do.
    changed = named.filter(suspended_at__isnull=is_suspended).update(
        suspended_at=timezone.now() if is_suspended else None
    )
    if changed:
        record(
            action="asset.suspended" if is_suspended else "asset.resumed",
            user_id=None,
            before={"symbol": asset.symbol, "is_suspended": not is_suspended},
            after={"symbol": asset.symbol, "is_suspended": is_suspended},
            reason=reason,
        )
    return bool(changed)


def _require(reason: str) -> None:
    if not reason.strip():
        raise ValueInvalid("a reason is required")
