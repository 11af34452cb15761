"""What a stop waits for: a print at or beyond it, and where a trailing one stands now (T1, T3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.engine.triggers import STOPS, trailing_stop
from matching.engine.types import DOLLAR, OrderType, Role, Rule, Side
from trading.explaining.events import become
from trading.explaining.market import evidence_of
from trading.explaining.story import Waiting
from trading.explaining.words import dollars, percent, price_of
from trading.wire import EXACT, plain, plain_or_none

if TYPE_CHECKING:
    from decimal import Decimal

    from trading.explaining.story import Moment
    from trading.models import Order

_PERCENT_STEP = DOLLAR  # the engine counts 1/10,000 percent


def is_stop(order: Order) -> bool:
    """Return whether the order is a stop that has not triggered."""
    return order.type in set(STOPS) and not order.is_triggered


def stop_of(order: Order, watermark: Decimal | None) -> Decimal | None:
    """Return where the order triggers now, in dollars; None while a trailing stop has seen no print."""
    if order.type != OrderType.TRAILING_STOP:
        return order.stop_price
    if watermark is None:
        return None
    units = trailing_stop(
        1 if order.side == Side.BUY else -1,
        int(watermark * DOLLAR),
        None if order.trail_price is None else int(order.trail_price * DOLLAR),
        None if order.trail_percent is None else int(order.trail_percent * _PERCENT_STEP),
    )
    return price_of(units)


def for_trigger(order: Order, moment: Moment) -> Waiting:
    """Return what a stop in its session waits for."""
    is_trailing = order.type == OrderType.TRAILING_STOP
    rule = Rule.TRAIL if is_trailing else Rule.TRIGGER
    stop = stop_of(order, moment.watermark)
    evidence: dict[str, Any] = {
        "stop_price": plain_or_none(stop),
        "becomes": become(order),
        **evidence_of(moment),
    }
    if is_trailing:
        evidence |= {
            "watermark": plain_or_none(moment.watermark),
            "trail_price": plain_or_none(order.trail_price),
            "trail_percent": plain_or_none(order.trail_percent),
        }
    return Waiting(
        reason="trail" if is_trailing else "stop",
        rule=rule.value,
        sentence=_sentence(order, moment, stop, rule),
        evidence=evidence | _distance(stop, moment),
    )


def _sentence(order: Order, moment: Moment, stop: Decimal | None, rule: Rule) -> str:
    if stop is None and moment.delay:
        side, extreme = ("rise", "low") if order.side == Side.BUY else ("fall", "high")
        return f"It waits for the price to {side} by {_trail(order)} from its {extreme} since the order works ({rule})."
    if stop is None:
        return (
            f"It waits for the first print of {order.symbol} that it can trail by {_trail(order)} ({rule})."
        )
    beyond, extreme = ("or above", "low") if order.side == Side.BUY else ("or below", "high")
    waits = f"It waits for a print at {beyond} {dollars(stop)}"
    trade = moment.latest.trade
    last = "" if trade is None else f"; the last one was at {dollars(price_of(trade.price))}"
    trails = ""
    if order.type == OrderType.TRAILING_STOP and moment.watermark is not None:
        trails = f", which trails the {extreme} of {dollars(moment.watermark)} by {_trail(order)}"
    beside = (
        ", held beside its take-profit" if order.status == "held" and order.role == Role.STOP_LOSS else ""
    )
    return f"{waits}{trails}{beside}{last} ({rule})."


def _trail(order: Order) -> str:
    if order.trail_price is not None:
        return dollars(order.trail_price)
    assert order.trail_percent is not None
    return percent(EXACT.divide(order.trail_percent, 100))


def _distance(stop: Decimal | None, moment: Moment) -> dict[str, Any]:
    """Return how far the last print is from the stop, in dollars."""
    trade = moment.latest.trade
    if stop is None or trade is None:
        return {"distance": None}
    return {"distance": plain(abs(EXACT.subtract(price_of(trade.price), stop)))}
