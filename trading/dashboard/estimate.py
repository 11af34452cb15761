"""The part `estimate` of the symbol page: what the ticket's order would do, and the request that places it.

`?order=` is the JSON body that POST /v2/orders would get, and is read by the code that reads it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from django.db import OperationalError

from accounts.throttling import attempt_page
from matching.market.calendar import ALWAYS_OPEN
from trading import reference
from trading.api.bodies import order_decoder, ticket_of
from trading.dashboard.snippets import curl_of, json_of, python_of, wire_of
from trading.dashboard.ticket import in_words
from trading.errors import BodyUnreadable, RuleBroken, ValueInvalid
from trading.services.estimate import estimate_order

if TYPE_CHECKING:
    from django.http import HttpRequest

    from trading.errors import TradingError
    from trading.principal import Principal

ORDER_MAX = 4096  # characters of a query's order
_SUMS = ("value", "commission", "cash_held", "quantity_held", "power_before", "power_after")
_NO_SUMS = dict.fromkeys(_SUMS)


def estimated(request: HttpRequest, principal: Principal) -> dict[str, Any]:
    """Return what the part shows; nothing without `?order=`. Raises BodyUnreadable, RateLimited."""
    given = request.GET.get("order")
    if not given:
        return {"estimate": None, "refusal": None, "sums": _NO_SUMS}
    attempt_page(principal.user_id, "estimate")
    try:
        body = order_decoder.decode(given[:ORDER_MAX])
    except (msgspec.DecodeError, RecursionError):
        raise BodyUnreadable("the order is no JSON of an order") from None
    try:
        ticket = ticket_of(body)
    except (ValueInvalid, RuleBroken) as error:
        return {"estimate": None, "refusal": refusal_of(error), "sums": _NO_SUMS}
    wire, base_url = wire_of(ticket), request.build_absolute_uri("/").rstrip("/")
    shown = {
        "summary": in_words(
            ticket, never_closes=reference.market_terms(principal.market_id).calendar == ALWAYS_OPEN
        ),
        "wire": json_of(wire),
        "python": python_of(wire, base_url),
        "curl": curl_of(wire, base_url),
        "is_purchase": ticket.side == "buy",
    }
    try:
        estimate = estimate_order(principal=principal, ticket=ticket)
    except (
        OperationalError
    ):  # somebody holds the account: the order is not judged, and can be placed all the same
        return {**shown, "estimate": None, "refusal": None, "sums": _NO_SUMS, "is_busy": True}
    refusal = None if estimate.refusal is None else refusal_of(estimate.refusal)
    sums = {name: getattr(estimate, name) for name in _SUMS}
    return {**shown, "estimate": estimate, "refusal": refusal, "sums": sums}


def refusal_of(error: TradingError) -> dict[str, str]:
    """Return a refusal as its script reads it: the API's words, and the figures that come with them."""
    figures = {
        name: str(value) for name, value in error.context.items() if name in {"buying_power", "cost_basis"}
    }
    return {"message": error.message, **figures}
