"""/v2/account and /v2/positions. Spec of the wire: 1.4, 3.13, 4.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trading.api.base import ApiView, json_response
from trading.errors import NotFound
from trading.models import TradingAccount
from trading.selectors import account_figures, position_in, positions
from trading.wire import instant, plain, plain_or_none

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.selectors import AccountFigures, PositionFigures

# A cash account borrows nothing: no margin is asked for and no debt grows.
_NEUTRAL = {
    "initial_margin": "0",
    "maintenance_margin": "0",
    "last_maintenance_margin": "0",
    "sma": "0",
    "short_market_value": "0",
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
    "trade_suspended_by_user": False,
    "shorting_enabled": False,
    "pattern_day_trader": False,
    "daytrade_count": 0,
    "admin_configurations": {},
    "user_configurations": None,
}
_POWERS = (
    "buying_power",
    "regt_buying_power",
    "daytrading_buying_power",
    "non_marginable_buying_power",
    "options_buying_power",
    "effective_buying_power",
)


class Account(ApiView):
    """The account that the key opens."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it, valued at the market's latest prints."""
        return json_response(account_body(account_figures(self.principal)))


class Positions(ApiView):
    """What the account holds."""

    def get(self, _request: Request) -> HttpResponse:
        """List it, by symbol."""
        return json_response([position_body(position) for position in positions(self.principal)])


class OnePosition(ApiView):
    """What the account holds of one asset, by symbol or id."""

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        position = position_in(self.principal, name)
        if position is None:
            raise NotFound("position does not exist")
        return json_response(position_body(position))


def account_body(figures: AccountFigures) -> dict[str, Any]:
    """Return an account as the wire shows it."""
    account = figures.account
    power, equity = plain(account.buying_power), plain(figures.equity)
    is_closed = account.status != TradingAccount.Status.ACTIVE
    return {
        "id": account.pk,
        "account_number": account.number,
        "status": account.status,
        "currency": account.currency,
        "cash": plain(account.cash),
        "equity": equity,
        "portfolio_value": equity,
        "last_equity": plain(figures.last_equity),
        "long_market_value": plain(figures.long_market_value),
        "position_market_value": plain(figures.long_market_value),
        **dict.fromkeys(_POWERS, power),
        "multiplier": str(account.multiplier),
        "balance_asof": None if figures.balance_date is None else str(figures.balance_date),
        "created_at": instant(account.created_at),
        "account_blocked": is_closed,
        "trading_blocked": is_closed,
        **_NEUTRAL,
    }


def position_body(figures: PositionFigures) -> dict[str, Any]:
    """Return a position as the wire shows it."""
    asset = figures.asset
    return {
        "asset_id": asset.pk,
        "symbol": asset.symbol,
        "exchange": asset.exchange,
        "asset_class": asset.asset_class,
        "asset_marginable": asset.marginable,
        "qty": plain(figures.quantity),
        "qty_available": plain(figures.available),
        "side": "long" if figures.quantity > 0 else "short",
        "avg_entry_price": plain(figures.average_price),
        "cost_basis": plain(figures.cost),
        "market_value": plain(figures.market_value),
        "current_price": plain(figures.price),
        "lastday_price": plain_or_none(figures.previous_close),
        "change_today": plain_or_none(figures.change_today),
        "unrealized_pl": plain(figures.unrealized),
        "unrealized_plpc": plain(figures.unrealized_fraction),
        "unrealized_intraday_pl": plain(figures.unrealized_today),
        "unrealized_intraday_plpc": plain(figures.unrealized_today_fraction),
    }
