"""What an order at a broker may say, its digest, and what it is worth. Pure.

Terms are the broker's wire words, kept as the wire has them: plain strings for numbers, nothing that was
not said. Of what Alpaca takes this is the plain part: no order classes, no trailing stops, no auctions.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

SIDES = frozenset({"buy", "sell"})
TIMES_IN_FORCE = frozenset({"day", "gtc", "ioc", "fok"})
# type -> which prices it has
PRICES = {
    "market": frozenset[str](),
    "limit": frozenset({"limit_price"}),
    "stop": frozenset({"stop_price"}),
    "stop_limit": frozenset({"limit_price", "stop_price"}),
}
_NOUGHT = Decimal(0)


def digest_of(*, kind: str, connection_id: UUID, terms: Mapping[str, Any], target_id: UUID | None) -> bytes:
    """Return what a passkey says yes to: SHA-256 over the canonical JSON of all that will be done, and where.

    Canonical: sorted keys, no blanks, ids and numbers as text.
    """
    said = {
        "connection": str(connection_id),
        "kind": kind,
        "target": None if target_id is None else str(target_id),
        "terms": dict(terms),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).digest()


def differing_terms(terms: Mapping[str, Any]) -> str | None:
    """Return what is wrong between the fields of an order, in words; None where they go together."""
    prices = {name for name in ("limit_price", "stop_price") if name in terms}
    wanted = PRICES[terms["type"]]
    if prices != wanted:
        needs = " and ".join(sorted(wanted)) or "no price"
        return f"a {terms['type']} order needs {needs}"
    if ("qty" in terms) == ("notional" in terms):
        return "an order needs either qty or notional"
    if "notional" in terms and (terms["type"] != "market" or terms["time_in_force"] != "day"):
        return "notional is for market orders of the day"
    if terms.get("extended_hours") and (terms["type"] != "limit" or terms["time_in_force"] != "day"):
        return "extended_hours is for limit orders of the day"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What an order needs to know of the market; dollars. None: nothing fresh is known."""

    price: Decimal | None  # the middle of the quote, or the last print
    is_open: bool  # the regular session
    is_extended: bool  # before or after it


def takes(market: Market, terms: Mapping[str, Any]) -> bool:
    """Say whether the market takes the order now: in the regular session, or around it if it asks for that."""
    return market.is_open or (market.is_extended and bool(terms.get("extended_hours")))


def furthest_price(terms: Mapping[str, Any], market_price: Decimal | None) -> Decimal | None:
    """Return the order's own price that is furthest from the market's; None for a market order."""
    own = [Decimal(terms[name]) for name in ("limit_price", "stop_price") if name in terms]
    if not own:
        return None
    around = market_price or own[0]
    return max(own, key=lambda price: abs(price - around))


def worth(terms: Mapping[str, Any], market_price: Decimal | None) -> Decimal:
    """Return about how many dollars an order moves, rather too many than too few.

    A buy with a limit costs its limit at most. Whatever else goes for the market's price or its own,
    whichever is higher.
    """
    if "notional" in terms:
        return Decimal(terms["notional"])
    quantity = Decimal(terms["qty"])
    if terms["side"] == "buy" and "limit_price" in terms:
        return quantity * Decimal(terms["limit_price"])
    own = [Decimal(terms[name]) for name in ("limit_price", "stop_price") if name in terms]
    return quantity * max([*own, market_price or _NOUGHT])
