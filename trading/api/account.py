"""/v2/account. Spec of the wire: 1.4, 3.13."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.api.bodies import json_response
from trading.api.base import ApiView
from trading.models import TradingAccount
from trading.selectors import account_figures
from trading.wire import instant, plain

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.selectors import AccountFigures

# What no paper account has, or what Alpaca no longer counts.
_NEUTRAL = {
    "sma": "0",
    "accrued_fees": "0",
    "pending_transfer_in": "0",
    "pending_transfer_out": "0",
    "pending_reg_taf_fees": "0",
    "intraday_adjustments": "0",
    "options_approved_level": 0,
    "options_trading_level": 0,
    "crypto_status": "INACTIVE",
    "crypto_tier": 0,
    "transfers_blocked": False,
    "pattern_day_trader": False,
    "daytrade_count": 0,
    "admin_configurations": {},
    "user_configurations": None,
}
# field of the wire -> the figure that it shows, in dollars
_FIGURES = {
    "equity": "equity",
    "portfolio_value": "equity",
    "last_equity": "last_equity",
    "long_market_value": "long_market_value",
    "short_market_value": "short_market_value",
    "position_market_value": "position_market_value",
    "initial_margin": "initial_margin",
    "maintenance_margin": "maintenance_margin",
    "last_maintenance_margin": "last_maintenance_margin",
    "buying_power": "buying_power",
    "daytrading_buying_power": "buying_power",
    "effective_buying_power": "buying_power",
    "regt_buying_power": "overnight_power",
    "non_marginable_buying_power": "own_power",
    "options_buying_power": "own_power",
}


class Account(ApiView):
    """The account that the key opens."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it, valued at the market's latest prints."""
        return json_response(account_body(account_figures(self.principal)))


def account_body(figures: AccountFigures) -> dict[str, Any]:
    """Return an account as the wire shows it."""
    account = figures.account
    is_closed = account.status != TradingAccount.Status.ACTIVE
    return {
        "id": account.pk,
        "account_number": account.number,
        "status": account.status,
        "currency": account.currency,
        "cash": plain(account.cash),
        **{name: plain(getattr(figures, figure)) for name, figure in _FIGURES.items()},
        "multiplier": str(figures.multiplier),
        "shorting_enabled": figures.may_short and not is_closed,
        "trade_suspended_by_user": account.suspend_trade,
        "balance_asof": None if figures.balance_date is None else str(figures.balance_date),
        "created_at": instant(account.created_at),
        "account_blocked": is_closed,
        "trading_blocked": is_closed or account.frozen_at is not None,
        **_NEUTRAL,
    }
