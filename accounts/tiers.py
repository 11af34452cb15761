"""How much each tier may have: the one table. Its parts on market data are `trading.marketdata.entitlement`'s.

Where each line is kept: requests in `accounts.throttling`, accounts in `trading_open_account`, webhooks in
`trading.services.webhooks`, streams where one is admitted, replay markets where an account is opened, history
by the daily purge, live trading in `broker_handoff.services.guarding`.
A person who has more than their tier allows, after a downgrade, is fitted by `trading.services.fitting`.
"""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models.user import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """How much the people of one tier may have. None is no limit."""

    requests: int  # of the API, a minute, over all keys and sessions of a person
    accounts: int  # open paper accounts
    webhooks: int  # endpoints of one account
    streams: int  # connections for the order events of one account that are open at once
    replay_markets: bool  # accounts in a replay of one's own, beside the installation's market
    history_days: int | None  # of orders, fills and events, by the wall clock
    live: bool  # a way to a live broker of one's own, where it was earned


ALLOWANCES = {
    Tier.FREE: Allowance(
        requests=60, accounts=1, webhooks=1, streams=10, replay_markets=False, history_days=90, live=False
    ),
    Tier.PRO: Allowance(
        requests=600, accounts=5, webhooks=5, streams=25, replay_markets=True, history_days=3 * 365, live=True
    ),
    Tier.PRO_PLUS: Allowance(
        requests=3_000,
        accounts=25,
        webhooks=20,
        streams=50,
        replay_markets=True,
        history_days=None,
        live=True,
    ),
}
RANKS = {tier: rank for rank, tier in enumerate((Tier.FREE, Tier.PRO, Tier.PRO_PLUS))}


def allowance(tier: str) -> Allowance:
    """Return what a tier's people may. Raises ValueError for an unknown word."""
    return ALLOWANCES[Tier(tier)]


def is_less(tier: str, than: str) -> bool:
    """Say whether a tier is below another. Raises ValueError for an unknown word."""
    return RANKS[Tier(tier)] < RANKS[Tier(than)]
