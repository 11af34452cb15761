"""GET /raxx/v1/tier: what the caller's tier allows, and what a downgrade that waits would take away.

Not Alpaca's. Nobody changes their own tier here: staff or a command does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.api.bodies import json_response
from accounts.services.tiers import pending_change
from accounts.tiers import allowance
from matching.market.times import SECOND
from trading.api.base import ApiView
from trading.marketdata import entitlement
from trading.services.fitting import losses
from trading.wire import instant, instant_or_none

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from accounts.models import TierChange
    from trading.principal import Principal


class Tier(ApiView):
    """The caller's tier."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it, with the downgrade that waits, if one does."""
        pending = pending_change(self.principal.user_id)
        return json_response(
            {
                "tier": self.principal.tier,
                "allows": _allowance_body(self.principal.tier),
                "pending": None if pending is None else _pending_body(self.principal, pending),
            }
        )


def _allowance_body(tier: str) -> dict[str, Any]:
    """Return the lines of the table; null is no limit."""
    may, market = allowance(tier), entitlement.of_tier(tier)
    return {
        "requests_per_minute": may.requests,
        "accounts": may.accounts,
        "webhooks": may.webhooks,
        "streams": may.streams,
        "replay_markets": may.replay_markets,
        "history_days": may.history_days,
        "live_trading": may.live,
        "data_delay_seconds": market.delay // SECOND,
        "data_archive": market.has_archive,
        "data_stream_symbols": market.stream_symbols,
    }


def _pending_body(principal: Principal, change: TierChange) -> dict[str, Any]:
    lost = losses(owner=principal, tier=change.to_tier, at=change.applies_at)
    return {
        "tier": change.to_tier,
        "asked_at": instant(change.asked_at),
        "applies_at": instant(change.applies_at),
        "allows": _allowance_body(change.to_tier),
        "loses": {
            "accounts": [{"id": one.pk, "account_number": one.number} for one in lost.accounts],
            "webhooks": [
                {"id": one.pk, "account_id": one.account_id, "url": one.url} for one in lost.webhooks
            ],
            "history_before": instant_or_none(lost.history_before),
        },
    }
