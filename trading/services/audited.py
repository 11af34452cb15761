"""What the audit log is told of accounts: entries that more than one service writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.services.audit import Entry

if TYPE_CHECKING:
    from uuid import UUID

    from trading.models import SimulationProfile, TradingAccount


def user_created(user_id: UUID, *, email: str, tier: str) -> Entry:
    """Tell of a person who was made without signing up."""
    return Entry(action="user.created", user_id=user_id, after={"tier": tier}, details={"email": email})


def account_opened(account: TradingAccount) -> Entry:
    """Tell of an account that was just opened, and of the paper money in it."""
    return Entry(
        action="account.opened",
        user_id=account.user_id,
        account_id=account.pk,
        after={
            "number": account.number,
            "market_id": account.market_id,
            "generation": account.generation,
            "cash": account.cash,
            "multiplier": account.multiplier,
            "profile": profile_facts(account.profile),
        },
        details={"name": account.name} if account.name else None,
    )


def profile_chosen(account: TradingAccount, chosen: SimulationProfile) -> Entry:
    """Tell that an account's new orders are filled by another profile, or another version of it."""
    return Entry(
        action="profile.chosen",
        user_id=account.user_id,
        account_id=account.pk,
        before={"profile": profile_facts(account.profile)},
        after={"profile": profile_facts(chosen)},
    )


def profile_facts(profile: SimulationProfile) -> dict[str, Any]:
    """Return what names a version of a profile; what that version says never changes."""
    return {"name": profile.name, "version": profile.version}
