"""/v2/account/configurations. Spec of the wire: 1.4, 4.2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from accounts.api.bodies import json_response, read_body
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.services.configuration import configuration, configure

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.models import TradingAccount


class ConfigurationBody(msgspec.Struct):
    """PATCH /v2/account/configurations. Null is "as it is"; what Alpaca has removed is not read."""

    suspend_trade: bool | None = None
    no_shorting: bool | None = None
    fractional_trading: bool | None = None
    max_margin_multiplier: str | int | None = None
    trade_confirm_email: str | None = None
    ptp_no_exception_entry: bool | None = None
    disable_overnight_trading: bool | None = None
    max_options_trading_level: int | None = None


_decoder = msgspec.json.Decoder(ConfigurationBody)


class Configurations(ApiView):
    """What the account's owner has forbidden themselves, or asked for."""

    def get(self, _request: Request) -> HttpResponse:
        """Read it."""
        return json_response(configuration_body(configuration(principal=self.principal)))

    def patch(self, request: Request) -> HttpResponse:
        """Change what the body names."""
        changes = msgspec.structs.asdict(read_body(request, _decoder))
        changes["max_margin_multiplier"] = _multiplier(changes["max_margin_multiplier"])
        return json_response(configuration_body(configure(principal=self.principal, changes=changes)))


def configuration_body(account: TradingAccount) -> dict[str, Any]:
    """Return an account's configuration as the wire shows it.

    `dtbp_check` and `pdt_check` are null: the rules behind them are gone, and old clients ask for the keys.
    """
    return {
        "dtbp_check": None,
        "pdt_check": None,
        "suspend_trade": account.suspend_trade,
        "no_shorting": account.no_shorting,
        "fractional_trading": account.fractional_trading,
        "max_margin_multiplier": str(account.max_margin_multiplier),
        "trade_confirm_email": account.trade_confirm_email,
        "ptp_no_exception_entry": account.ptp_no_exception_entry,
        "disable_overnight_trading": account.disable_overnight_trading,
        "max_options_trading_level": account.max_options_trading_level,
    }


def _multiplier(text: str | int | None) -> int | None:
    """Return the number that clients write as text. Raises ValueInvalid."""
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueInvalid("max_margin_multiplier is not a number") from None
