"""Bracket, oto and oco: what their prices must be to each other, and the legs that they become.

Spec of the wire: 3.5. The first order of an oco is its take-profit, of the others their entry.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from accounts.models.user import new_id
from matching.engine.types import Role
from trading.errors import RuleBroken
from trading.wire import plain

if TYPE_CHECKING:
    from trading.services.ticket import Ticket

APART = Decimal("0.01")  # dollars, of each exit from the base price

_OPPOSITE = {"buy": "sell", "sell": "buy"}


def role_of(ticket: Ticket) -> str:
    """Return the place of a ticket's first order in its class; empty when it is alone."""
    if not ticket.order_class:
        return ""
    return (Role.TAKE_PROFIT if ticket.order_class == "oco" else Role.ENTRY).value


def require_exits(ticket: Ticket, last_price: Decimal | None) -> None:
    """Raise RuleBroken when an exit is not on its side of the base price.

    The base price, in dollars, is an oco's take-profit, an entry's limit, or else the last price; where
    there is none, the exits are judged against each other.
    """
    is_pair = ticket.order_class == "oco"
    # Of a long position the better exit is above. The exits of an oco are on the order's own side.
    sign = 1 if (ticket.side == "buy") is not is_pair else -1
    target = None if ticket.take_profit is None else ticket.take_profit.limit_price
    stop = None if ticket.stop_loss is None else ticket.stop_loss.stop_price
    base = target if is_pair else ticket.limit_price or last_price
    if base is not None:
        if target is not None and not is_pair and sign * (target - base) < APART:
            raise _too_near("take_profit.limit_price", sign, base)
        if stop is not None and sign * (base - stop) < APART:
            raise _too_near("stop_loss.stop_price", -sign, base)
    if target is not None and stop is not None and sign * (target - stop) < APART:
        raise RuleBroken("take_profit.limit_price must be beyond stop_loss.stop_price")


def legs_of(ticket: Ticket) -> list[dict[str, Any]] | None:
    """Return the legs of a class as rows to be stored, take-profit first; None for an order that is alone.

    A leg has an id and a name of its own, whatever the body says.
    """
    if not ticket.order_class:
        return None
    is_pair = ticket.order_class == "oco"
    side = ticket.side if is_pair else _OPPOSITE[ticket.side]
    legs = []
    if ticket.take_profit is not None and not is_pair:
        legs.append(_leg(side, Role.TAKE_PROFIT, "limit", ticket.take_profit.limit_price, None))
    if ticket.stop_loss is not None:
        limit = ticket.stop_loss.limit_price
        kind = "stop" if limit is None else "stop_limit"
        legs.append(_leg(side, Role.STOP_LOSS, kind, limit, ticket.stop_loss.stop_price))
    return legs


def _too_near(name: str, sign: int, base: Decimal) -> RuleBroken:
    words = f">= base_price + {APART}" if sign > 0 else f"<= base_price - {APART}"
    return RuleBroken(f"{name} must be {words}", base_price=plain(base))


def _leg(
    side: str, role: Role, order_type: str, limit_price: Decimal | None, stop_price: Decimal | None
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "client_order_id": str(uuid4()),
        "side": side,
        "type": order_type,
        "limit_price": limit_price,
        "stop_price": stop_price,
        "role": role.value,
    }
