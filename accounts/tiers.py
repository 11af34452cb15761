"""What each tier may: one table, read by whoever enforces a line of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from accounts.models.user import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """The limits of one tier, per person. None is no limit."""

    requests_a_minute: int
    accounts: int  # open paper accounts
    webhooks: int  # endpoints of one account
    history: timedelta | None  # of orders and events


ALLOWANCES = {
    Tier.FREE: Allowance(requests_a_minute=60, accounts=1, webhooks=1, history=timedelta(days=90)),
    Tier.PRO: Allowance(requests_a_minute=600, accounts=5, webhooks=5, history=timedelta(days=3 * 365)),
    Tier.PRO_PLUS: Allowance(requests_a_minute=3_000, accounts=25, webhooks=20, history=None),
}


def allowance(tier: str) -> Allowance:
    """Return what a tier's people may. Raises ValueError for an unknown word."""
    return ALLOWANCES[Tier(tier)]
