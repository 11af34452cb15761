"""The market as an order sees it: its own touch and the opposite one, whether they are good, its limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matching.engine.triggers import collar
from matching.engine.types import DOLLAR, SHARE, TAKING, OrderType, Session, Side
from matching.market.times import SECOND, rfc3339
from trading.explaining.words import price_of, quantity_of
from trading.wire import plain

if TYPE_CHECKING:
    from decimal import Decimal

    from matching.engine.types import Quote
    from trading.explaining.story import Moment
    from trading.models import Order

STALE_AFTER = 60 * SECOND  # rule L4, in the regular session; as matching.engine.Engine has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One displayed side; dollars and shares."""

    name: str
    price: Decimal
    size: Decimal


def own_side(order: Order, moment: Moment) -> Shown | None:
    """Return the side on which the order queues, None while nothing is shown there."""
    return _side(moment, "bid" if order.side == Side.BUY else "ask")


def opposite_side(order: Order, moment: Moment) -> Shown | None:
    """Return the side from which the order takes, None while nothing is shown there."""
    return _side(moment, "ask" if order.side == Side.BUY else "bid")


def _side(moment: Moment, name: str) -> Shown | None:
    quote = moment.latest.quote
    if quote is None:
        return None
    price, size = (quote.bid, quote.bid_size) if name == "bid" else (quote.ask, quote.ask_size)
    return Shown(name=name, price=price_of(price), size=quantity_of(size)) if price else None


def is_crossed(moment: Moment) -> bool:
    """Return whether the bid is above the ask (L4)."""
    quote = moment.latest.quote
    return quote is not None and quote.bid > quote.ask > 0


def age_of(quote: Quote, moment: Moment) -> int:
    """Return how old a quote was, in ns, when the market was as the caller sees it."""
    return moment.at - moment.delay - quote.at


def is_stale(moment: Moment) -> bool:
    """Return whether the quote is too old to fill anybody, which counts in the regular session (L4)."""
    quote = moment.latest.quote
    is_old = quote is not None and age_of(quote, moment) > STALE_AFTER
    return moment.session is Session.REGULAR and is_old


def limit_of(order: Order) -> Decimal | None:
    """Return the limit with which an order trades now; None for one that trades as a market order (T1)."""
    if order.type == OrderType.STOP and order.side == Side.BUY and order.stop_price is not None:
        return price_of(collar(int(order.stop_price * DOLLAR)))
    return order.limit_price


def has_rested(order: Order) -> bool:
    """Return whether an order with a limit has come to rest at it (R1), and takes no more at the touch."""
    is_taking = order.queue_ahead is not None and int(order.queue_ahead * SHARE) == TAKING
    return limit_of(order) is not None and not is_taking


def evidence_of(moment: Moment) -> dict[str, Any]:
    """Return the latest quote and print as decimal strings; null where there is none."""
    quote, trade = moment.latest.quote, moment.latest.trade
    bid, ask = _side(moment, "bid"), _side(moment, "ask")
    return {
        "market_time": rfc3339(moment.at),
        "quote_sequence": None if quote is None else quote.seq,
        "quote_at": None if quote is None else rfc3339(quote.at),
        "bid": None if bid is None else plain(bid.price),
        "bid_size": None if bid is None else plain(bid.size),
        "ask": None if ask is None else plain(ask.price),
        "ask_size": None if ask is None else plain(ask.size),
        "last_price": None if trade is None else plain(price_of(trade.price)),
        "last_size": None if trade is None else plain(quantity_of(trade.size)),
        "last_at": None if trade is None else rfc3339(trade.at),
        "last_sequence": None if trade is None else trade.seq,
    }
