"""What a caller of the market data may see go wrong; `raxx.errors` says with which status."""

from __future__ import annotations

from trading.errors import TradingError


class ParameterInvalid(TradingError):
    """A parameter of a question about the market has a value that can never be right."""

    code = "parameter_invalid"


class SubscriptionInsufficient(TradingError):
    """The caller asked, in so many words, for what their tier may not see."""

    code = "subscription_insufficient"
