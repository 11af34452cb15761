"""How much each tier may have. What it may see of the market is `trading.marketdata.entitlement`."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models.user import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much the people of one tier may have."""

    accounts: int  # open paper accounts
    webhooks: int  # endpoints of one account


ALLOWANCES = {
    Tier.FREE: Allowance(accounts=1, webhooks=1),
    Tier.PRO: Allowance(accounts=5, webhooks=5),
    Tier.PRO_PLUS: Allowance(accounts=25, webhooks=20),
}


def allowance(tier: str) -> Allowance:
    """Return what a tier's people may. Raises ValueError for an unknown word."""
    return ALLOWANCES[Tier(tier)]
