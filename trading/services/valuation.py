"""What a ticket holds, valued at what the market shows now; and what an account's positions are worth to it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from matching.market.latest import Latest, latest_many
from matching.market.times import to_ns
from trading import reference
from trading.errors import OrderDenied
from trading.models import Position
from trading.seen import latest_seen
from trading.selectors import marks_of
from trading.services import reserve
from trading.services.order_classes import require_exits
from trading.wire import EXACT, plain

if TYPE_CHECKING:
    from trading.models import Asset
    from trading.principal import Principal
    from trading.services.ticket import Ticket

COST_MIN = Decimal(1)  # dollars, of an order for a fraction


def prices_of(market_id: int, symbol: str, *, seen_by: Principal | None = None) -> reserve.Prices:
    """Return what is known of a symbol at this moment of its market; with a reader, what they may see of it."""
    now = to_ns(reference.market_now(market_id))
    known = latest_many(market_id, [symbol]) if seen_by is None else latest_seen(seen_by, [symbol])
    return reserve.Prices(
        symbol=symbol,
        latest=known.get(symbol, Latest()),
        session=reference.calendar_of(market_id).session_at(now),
        now=now,
    )


def reserved(
    principal: Principal, ticket: Ticket, asset: Asset, *, seen_by: Principal | None = None
) -> dict[str, Any]:
    """Return what a share of the order holds if it opens a position, and the shares of a sale by notional.

    The market is looked at only where the terms do not say it all; a sale that turns out to open a
    short is asked for once more, with `marked`. An estimate is `seen_by` its reader: it costs nothing, so
    that it must not tell more of the market than they may see. Raises RuleBroken where a price of the ticket is on
    the wrong side of the market, or no price is known; OrderDenied for a fraction that costs nearly nothing.
    """
    prices = None if ticket.type == "limit" else prices_of(principal.market_id, asset.symbol, seen_by=seen_by)
    if ticket.order_class:
        require_exits(ticket, None if prices is None else prices.last)
    if ticket.type in {"stop", "stop_limit"} and ticket.stop_price is not None and prices is not None:
        reserve.require_stop(ticket.side, ticket.stop_price, prices)
    if ticket.trail_price is not None and prices is not None:
        reserve.require_trail(ticket.side, ticket.trail_price, prices)
    if ticket.notional is not None:
        return _reserved_by_notional(principal, ticket, asset, prices)
    if ticket.side == "sell":
        short = ticket.position_intent == "sell_to_open"
        nothing = {"reserve_price": None, "quantity_held": None}
        return marked(principal, ticket, asset, seen_by=seen_by) if short else nothing
    price = _price_of_purchase(ticket, prices)
    if ticket.is_fractional:
        assert ticket.quantity is not None
        cost = EXACT.multiply(ticket.quantity, price)
        if cost < COST_MIN:
            raise OrderDenied("cost basis must be >= minimal amount of order 1", cost_basis=plain(cost))
    return {"reserve_price": price, "quantity_held": None}


def marked(
    principal: Principal, ticket: Ticket, asset: Asset, *, seen_by: Principal | None = None
) -> dict[str, Any]:
    """Return what an order is judged by that needs the account valued, or opens a short."""
    needed: dict[str, Any] = {"marks": marks_of(principal, seen_by=seen_by)}
    if ticket.side == "sell":
        prices = prices_of(principal.market_id, asset.symbol, seen_by=seen_by)
        needed["reserve_price"] = reserve.price_of_short(ticket.own_limit, prices)
    return needed


def _reserved_by_notional(
    principal: Principal, ticket: Ticket, asset: Asset, prices: reserve.Prices | None
) -> dict[str, Any]:
    assert ticket.notional is not None
    assert prices is not None  # it is a market order
    if ticket.side == "buy":
        return {"reserve_price": None, "quantity_held": None}
    position = Position.objects.owned_by(principal, principal.account_id).filter(asset=asset).first()
    available = position.quantity - position.quantity_held if position is not None else Decimal(0)
    return {
        "reserve_price": None,
        "quantity_held": reserve.shares_for(ticket.notional, prices.bid, available),
    }


def _price_of_purchase(ticket: Ticket, prices: reserve.Prices | None) -> Decimal:
    if ticket.limit_price is not None or prices is None:
        assert ticket.own_limit is not None
        return ticket.own_limit
    if ticket.stop_price is not None:
        return reserve.price_of_stop(ticket.stop_price)
    if ticket.type == "trailing_stop":
        return reserve.price_of_trail(prices.ask, ticket.trail_price, ticket.trail_percent)
    return prices.ask
