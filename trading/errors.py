"""What a caller of the book of record may see go wrong: what any app may find, and what only trading does."""

from __future__ import annotations

from accounts.errors import (
    BodyTooLarge,
    BodyUnreadable,
    ContentTypeWrong,
    Failure as TradingError,
    NotAuthorized,
    NotFound,
    RuleBroken,
    ScopeMissing,
    Unavailable,
    ValueInvalid,
)

__all__ = [
    "BodyTooLarge",
    "BodyUnreadable",
    "ClientOrderIdTaken",
    "ContentTypeWrong",
    "NotAuthorized",
    "NotFound",
    "OrderDenied",
    "OutcomeUnknown",
    "RuleBroken",
    "ScopeMissing",
    "TradingError",
    "Unavailable",
    "ValueInvalid",
]


class ClientOrderIdTaken(ValueInvalid):
    """The account has had an order with this client_order_id."""

    code = "client_order_id_taken"


class OrderDenied(TradingError):
    """The account may not place this order now: money, shares, or its own other orders."""

    code = "order_denied"


class OutcomeUnknown(TradingError):
    """The request may or may not have taken effect; the caller should look before trying again."""

    code = "outcome_unknown"
