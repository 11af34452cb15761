"""What must hold before an order goes to a live broker, as one table of refusals in order of precedence.

Pure: the facts are gathered elsewhere (`broker_handoff.services.guarding`), once when an order is accepted
and once more in the transaction that sends it. A cancel reduces what is at stake: of all this only that
there is a connection that works is asked of it, never a switch, the hours or a limit.

Money and prices are dollars; distances are basis points of the market's price.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

BPS = Decimal(10_000)


class Guard(StrEnum):
    """Which guard refused, in the order in which they are asked."""

    LIVE_OFF = "live_off"
    SWITCH_GLOBAL = "switch_global"
    SWITCH_USER = "switch_user"
    SWITCH_CONNECTION = "switch_connection"
    DEACTIVATED = "deactivated"
    NOT_CONNECTED = "not_connected"
    NEEDS_REAUTH = "needs_reauth"
    CONSENT_EXPIRED = "consent_expired"
    COOLING_DOWN = "cooling_down"
    TIER = "tier"
    GATE = "gate"
    MARKET_CLOSED = "market_closed"
    NO_PRICE = "no_price"
    PRICE_DISTANCE = "price_distance"
    ORDER_NOTIONAL = "order_notional"
    DAY_NOTIONAL = "day_notional"
    OPEN_ORDERS = "open_orders"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The stricter of the person's and the installation's."""

    notional_max: Decimal  # of one order
    day_notional_max: Decimal  # of all orders of a New York day, this one included
    open_orders_max: int  # this one included
    price_distance_max_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known at `now` of an order, its person, and the market. A cancel has `is_cancel` alone to itself."""

    now: datetime
    is_cancel: bool = False
    is_live_on: bool
    switch_global: str | None  # why it is closed; None while it is open
    switch_user: str | None
    switch_connection: str | None
    is_deactivated: bool
    is_connected: bool
    needs_reauth: bool
    consent_expires_at: datetime | None
    restricted_until: datetime | None
    is_tier_entitled: bool
    is_gate_open: bool
    is_market_open: bool  # to this order: extended hours for one that asks for them
    market_price: Decimal | None  # last trade or middle of the quote; None when nothing fresh is known
    limit_price: Decimal | None  # or the stop's; None for a market order
    notional: Decimal
    day_notional: Decimal  # of the day's other orders
    open_orders: int  # others
    duplicate_of: str | None  # the id of an order with the same terms, sent moments ago
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Which guard said no, and why, in words and figures that the person may read."""

    guard: Guard
    words: str


def first_refusal(facts: Facts, among: frozenset[Guard] = frozenset(Guard)) -> Refusal | None:
    """Return the first guard's that says no, `among` those that are asked; None when all let it pass."""
    for guard, ask in _ASKED.items():
        if guard not in among or (facts.is_cancel and guard not in OF_CANCEL):
            continue
        if (words := ask(facts)) is not None:
            return Refusal(guard=guard, words=words)
    return None


def distance_bps(price: Decimal, market_price: Decimal) -> Decimal:
    """Return how far a price is from the market's, either way."""
    return abs(price - market_price) / market_price * BPS


def _switch(where: str, why: str | None) -> str | None:
    return None if why is None else f"the kill switch {where} is closed: {why}"


def _expired(facts: Facts) -> str | None:
    until = facts.consent_expires_at
    return (
        f"the consent ended at {until:%Y-%m-%d %H:%M} UTC"
        if until is not None and until <= facts.now
        else None
    )


def _cooling(facts: Facts) -> str | None:
    until = facts.restricted_until
    if until is None or until <= facts.now:
        return None
    return f"access was recovered lately; live trading is possible again from {until:%Y-%m-%d %H:%M} UTC"


def _distance(facts: Facts) -> str | None:
    if facts.limit_price is None or facts.market_price is None:
        return None
    distance, most = distance_bps(facts.limit_price, facts.market_price), facts.limits.price_distance_max_bps
    if distance <= most:
        return None
    return (
        f"the price {facts.limit_price} is {distance:.0f} bps from the market's {facts.market_price}, "
        f"and may be {most}"
    )


def _order_notional(facts: Facts) -> str | None:
    most = facts.limits.notional_max
    return (
        f"the order is worth about {facts.notional:.2f}, and one may be {most:.2f}"
        if facts.notional > most
        else None
    )


def _day_notional(facts: Facts) -> str | None:
    total, most = facts.day_notional + facts.notional, facts.limits.day_notional_max
    if total <= most:
        return None
    return f"with this order the day's are worth about {total:.2f}, and may be {most:.2f}"


def _open_orders(facts: Facts) -> str | None:
    count, most = facts.open_orders + 1, facts.limits.open_orders_max
    return f"it would be open order {count}, and there may be {most}" if count > most else None


def _duplicate(facts: Facts) -> str | None:
    if facts.duplicate_of is None:
        return None
    return f"the same order was sent moments ago as {facts.duplicate_of}; say is_repeat if it is meant twice"


def _unless(holds: bool, words: str) -> str | None:
    return None if holds else words


_ASKED: dict[Guard, Callable[[Facts], str | None]] = {
    Guard.LIVE_OFF: lambda f: _unless(f.is_live_on, "live trading is not enabled here"),
    Guard.SWITCH_GLOBAL: lambda f: _switch("of the installation", f.switch_global),
    Guard.SWITCH_USER: lambda f: _switch("of this person", f.switch_user),
    Guard.SWITCH_CONNECTION: lambda f: _switch("of this connection", f.switch_connection),
    Guard.DEACTIVATED: lambda f: _unless(not f.is_deactivated, "the person is deactivated"),
    Guard.NOT_CONNECTED: lambda f: _unless(f.is_connected, "no broker is connected"),
    Guard.NEEDS_REAUTH: lambda f: _unless(not f.needs_reauth, "the broker wants to be connected anew"),
    Guard.CONSENT_EXPIRED: _expired,
    Guard.COOLING_DOWN: _cooling,
    Guard.TIER: lambda f: _unless(f.is_tier_entitled, "live trading needs the tier Pro or Pro+"),
    Guard.GATE: lambda f: _unless(f.is_gate_open, "the gate to live trading is not open"),
    Guard.MARKET_CLOSED: lambda f: _unless(f.is_market_open, "the market does not take this order now"),
    Guard.NO_PRICE: lambda f: _unless(
        f.market_price is not None, "nothing fresh is known of the market's price for this symbol"
    ),
    Guard.PRICE_DISTANCE: _distance,
    Guard.ORDER_NOTIONAL: _order_notional,
    Guard.DAY_NOTIONAL: _day_notional,
    Guard.OPEN_ORDERS: _open_orders,
    Guard.DUPLICATE: _duplicate,
}
assert tuple(_ASKED) == tuple(Guard), "each guard is asked, in the order of precedence"

OF_CANCEL = frozenset({Guard.LIVE_OFF, Guard.NOT_CONNECTED, Guard.NEEDS_REAUTH})
# Of who wants to connect a broker.
OF_CONNECT = frozenset(
    {
        Guard.LIVE_OFF,
        Guard.SWITCH_GLOBAL,
        Guard.SWITCH_USER,
        Guard.DEACTIVATED,
        Guard.COOLING_DOWN,
        Guard.TIER,
        Guard.GATE,
    }
)
