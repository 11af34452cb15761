"""What an order in an open market waits for: a good quote, a further offer, its limit, its queue.

A taker meets quotes alone; one that has rested at its limit is filled by quotes and by prints
(matching/decisions/0003). An order of the model `bars` meets prints alone (0012).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from matching.engine.triggers import collar
from matching.engine.types import DOLLAR, Model, OrderType, Rule, Side
from matching.market.times import SECOND
from trading.explaining.market import (
    STALE_AFTER,
    age_of,
    evidence_of,
    has_rested,
    is_crossed,
    is_stale,
    limit_of,
    opposite_side,
    own_side,
)
from trading.explaining.story import Waiting
from trading.explaining.words import dollars, price_of, shares
from trading.wire import EXACT, plain, plain_or_none

if TYPE_CHECKING:
    from trading.explaining.market import Shown
    from trading.explaining.story import Moment, Subject
    from trading.models import Order


def for_offer(subject: Subject, moment: Moment) -> Waiting:
    """Return what an order that is in the market waits for."""
    order = subject.order
    if subject.profile.model == Model.BARS:
        return _for_print(order, moment)
    offer = opposite_side(order, moment)
    return (
        _for_good_quote(order, moment, offer)
        or _for_collar(order, moment, offer)
        or (
            _at_limit(order, moment, offer)
            if limit_of(order) is not None
            else _for_next_offer(order, moment, offer)
        )
    )


def _for_print(order: Order, moment: Moment) -> Waiting:
    limit = limit_of(order)
    beyond = (
        "" if limit is None else f" at or {'below' if order.side == Side.BUY else 'above'} {dollars(limit)}"
    )
    trade = moment.latest.trade
    last = "" if trade is None else f"; the last one was at {dollars(price_of(trade.price))}"
    return Waiting(
        reason="print",
        rule=Rule.BAR.value,
        sentence=f"It waits for the next print{beyond}, which is all that fills the model bars{last} ({Rule.BAR}).",
        evidence={"limit_price": plain_or_none(limit), **evidence_of(moment)},
    )


def _for_good_quote(order: Order, moment: Moment, offer: Shown | None) -> Waiting | None:
    """Return what is wrong with the quote, if it can fill nobody on this order's side (L4)."""
    quote = moment.latest.quote
    wanted = "ask" if order.side == Side.BUY else "bid"
    if quote is None:
        reason, fault = "no_quote", f"No quote of {order.symbol} is known"
    elif is_crossed(moment):
        bid, ask = dollars(price_of(quote.bid)), dollars(price_of(quote.ask))
        reason, fault = "crossed_quote", f"The quote is crossed, bid {bid} above ask {ask}, and fills nobody"
    elif is_stale(moment):
        age = age_of(quote, moment) // SECOND
        fault = f"The quote is {age} seconds old, and one of more than {STALE_AFTER // SECOND} fills nobody"
        reason = "stale_quote"
    elif offer is None:
        reason, fault = "no_offer", f"There is no {wanted} to take from"
    else:
        return None
    prints = ""
    limit, is_resting = limit_of(order), has_rested(order)
    if limit is not None and is_resting:
        beyond = "below" if order.side == Side.BUY else "above"
        prints = f", or for a print at or {beyond} its limit {dollars(limit)}"
    return Waiting(
        reason=reason,
        rule="L4" if reason in {"crossed_quote", "stale_quote"} else Rule.TAKE.value,
        sentence=f"{fault}: it waits for a new quote{prints}.",
        evidence={
            "limit_price": plain_or_none(limit),
            "queue_ahead": plain_or_none(order.queue_ahead if is_resting else None),
            **evidence_of(moment),
        },
    )


def _for_collar(order: Order, moment: Moment, offer: Shown | None) -> Waiting | None:
    """Return the collar that an offer lies beyond, of a market order to buy a quantity."""
    is_collared = order.type == OrderType.MARKET and order.side == Side.BUY and order.quantity is not None
    if not is_collared or not order.reserve_price or offer is None:
        return None
    worst = price_of(collar(int(order.reserve_price * DOLLAR)))
    if offer.price <= worst:
        return None
    return Waiting(
        reason="collar",
        rule=Rule.TAKE.value,
        sentence=(
            f"The ask {dollars(offer.price)} is above its collar {dollars(worst)}, the most that a market order "
            f"pays which reserved {dollars(order.reserve_price)} a share: it waits for the ask to come back."
        ),
        evidence={"collar": plain(worst), "reserve_price": plain(order.reserve_price), **evidence_of(moment)},
    )


def _for_next_offer(order: Order, moment: Moment, offer: Shown | None) -> Waiting:
    """Return that an order which reaches the touch has had what was shown there (L1, L2)."""
    assert offer is not None
    limit = limit_of(order)
    return Waiting(
        reason="offer",
        rule=Rule.TAKE.value,
        sentence=(
            f"It reaches the {offer.name} {dollars(offer.price)}, where the account has had what it can have of the "
            f"{shares(offer.size)} shown: it waits for a new price or size there (L1)."
        ),
        evidence={"limit_price": plain_or_none(limit), **_left(order), **evidence_of(moment)},
    )


def _at_limit(order: Order, moment: Moment, offer: Shown | None) -> Waiting:
    """Return how far the market is from a limit, and who stands ahead (R2, R3)."""
    limit = limit_of(order)
    assert limit is not None
    assert offer is not None
    sign = 1 if order.side == Side.BUY else -1
    distance = sign * EXACT.subtract(offer.price, limit)
    if distance <= 0:
        return _for_next_offer(order, moment, offer)
    beyond = "below" if sign > 0 else "above"
    away = (
        f"its limit {dollars(limit)} is {dollars(distance)} {beyond} the {offer.name} {dollars(offer.price)}"
    )
    queue = order.queue_ahead if has_rested(order) else None
    if queue is None:
        own = own_side(order, moment)
        behind = "" if own is None or not _is_behind(limit, own, sign) else _behind(limit, own)
        rule, reason, where = (
            Rule.THROUGH,
            "limit",
            f"It waits for the market to come to its limit: {away}{behind}",
        )
    elif queue:
        where = f"It is behind {shares(queue)} in the queue at {dollars(limit)}; {away}"
        rule, reason = Rule.QUEUE, "queue"
    else:
        where = f"It is first in the queue at {dollars(limit)}, and waits for a print there; {away}"
        rule, reason = Rule.QUEUE, "queue"
    return Waiting(
        reason=reason,
        rule=rule.value,
        sentence=f"{where} ({rule}).",
        evidence={
            "limit_price": plain(limit),
            "distance": plain(distance),
            "queue_ahead": plain_or_none(queue),
            **_left(order),
            **evidence_of(moment),
        },
    )


def _is_behind(limit: Decimal, own: Shown, sign: int) -> bool:
    return sign * EXACT.subtract(own.price, limit) > 0


def _behind(limit: Decimal, own: Shown) -> str:
    return f", and the {own.name} {dollars(own.price)} stands {dollars(abs(own.price - limit))} before it"


def _left(order: Order) -> dict[str, Any]:
    """Return what the order still wants: shares, or dollars of a notional one."""
    if order.quantity is not None:
        return {"quantity_left": plain(EXACT.subtract(order.quantity, order.filled_quantity))}
    assert order.notional is not None
    return {"notional_left": plain(max(EXACT.subtract(order.notional, order.filled_money), Decimal(0)))}
