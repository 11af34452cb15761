"""What a caller may see go wrong. `raxx.errors` alone says with which status and code.

The text is the caller's to read: it gives the fact and the value, nothing of our insides and
nothing of other owners. `context` holds the further fields of the body.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TradingError(Exception):
    """An anticipated failure; `code` is stable. When it is raised, nothing has changed."""

    code: ClassVar[str] = "trading_error"

    def __init__(self, message: str, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.context = context
        self.of_market: frozenset[str] = frozenset()  # fields of the context that tell the market's price now


class NotAuthorized(TradingError):
    """No credential, or one that does not open anything (any more)."""

    code = "not_authorized"


class ScopeMissing(TradingError):
    """The key is good, and may not do this."""

    code = "scope_missing"


class BodyUnreadable(TradingError):
    """The request's body is not what this path reads at all."""

    code = "body_unreadable"


class BodyTooLarge(TradingError):
    """The request's body is longer than any that this path reads."""

    code = "body_too_large"


class ContentTypeWrong(TradingError):
    """The request says that its body is something other than JSON."""

    code = "content_type_wrong"


class ValueInvalid(TradingError):
    """A field or parameter is missing or has a value that can never be right."""

    code = "value_invalid"


class ClientOrderIdTaken(ValueInvalid):
    """The account has had an order with this client_order_id."""

    code = "client_order_id_taken"


class RuleBroken(TradingError):
    """The values are good, and a rule or the present state forbids them."""

    code = "rule_broken"


class OrderDenied(TradingError):
    """The account may not place this order now: money, shares, or its own other orders."""

    code = "order_denied"


class NotFound(TradingError):
    """There is no such thing, as far as the caller may know."""

    code = "not_found"


class Unavailable(TradingError):
    """Something that we need is away; nothing was changed, and a later attempt may work."""

    code = "unavailable"


class OutcomeUnknown(TradingError):
    """The request may or may not have taken effect; the caller should look before trying again."""

    code = "outcome_unknown"
