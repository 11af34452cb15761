"""T1 to T3: where a stop stands, what it becomes, and which prints count. Pure functions.

`sign` is 1 for buys and -1 for sells; prices are in 1/10,000 dollar.

Source: matching/decisions/0008-stops.md.
"""

from __future__ import annotations

from matching.engine.ticks import tick_of
from matching.engine.types import DOLLAR, PERCENT_WHOLE, WHOLE, Order, OrderType, Side

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP})

_COLLAR_CHEAP_BELOW = 50 * DOLLAR
_COLLAR_CHEAP, _COLLAR = 400, 250  # parts in 10,000


def limit_of(order: Order) -> int | None:
    """Return the limit with which the order trades; of a stop, once it has triggered (T1).

    None makes it a market order: a sell stop, and every trailing stop.
    """
    if order.order_type is OrderType.STOP and order.side is Side.BUY:
        assert order.stop_price is not None
        return collar(order.stop_price)
    return order.limit_price


def collar(stop: int) -> int:
    """Return the limit of a buy stop: 4 % above it, or 2.5 % from $50 on, rounded down to the tick."""
    rate = _COLLAR_CHEAP if stop < _COLLAR_CHEAP_BELOW else _COLLAR
    price = stop * (WHOLE + rate) // WHOLE
    return price - price % tick_of(price)


def stop_of(order: Order, watermark: int | None) -> int | None:
    """Return where the order triggers now; None while a trailing stop has seen no print (T3)."""
    if order.order_type is not OrderType.TRAILING_STOP:
        return order.stop_price
    if watermark is None:
        return None
    return trailing_stop(
        1 if order.side is Side.BUY else -1, watermark, order.trail_price, order.trail_percent
    )


def trailing_stop(sign: int, watermark: int, trail_price: int | None, trail_percent: int | None) -> int:
    """Return the watermark plus (buys) or minus (sells) the trail, rounded to the tick toward the market.

    At least one tick lies between the two: else rounding could trigger an order that nothing moved
    against. A sell's stop may be 0 or less, which no print reaches.
    """
    if trail_price is not None:
        exact = PERCENT_WHOLE * (watermark + sign * trail_price)
    else:
        assert trail_percent is not None
        exact = watermark * (PERCENT_WHOLE + sign * trail_percent)
    # Seen with the market's sign a buy's stop lies above the watermark and a sell's, negated, too.
    toward_market = sign * (sign * exact // PERCENT_WHOLE)
    return _beyond(sign, _rounded(sign, toward_market), watermark)


def _rounded(sign: int, price: int) -> int:
    """Round a price to its tick, down for buys and up for sells."""
    return sign * (sign * price // tick_of(price) * tick_of(price))


def _beyond(sign: int, stop: int, watermark: int) -> int:
    """Return the stop, or the nearest tick on its side of the watermark if that is farther away."""
    neighbour = watermark + sign
    nearest = -sign * (-sign * neighbour // tick_of(neighbour) * tick_of(neighbour))
    return sign * max(sign * stop, sign * nearest)


def is_bad_print(price: int, bid: int, ask: int, band: int) -> bool:
    """Return whether a print is further than `band` (parts in 10,000) from the quote's midpoint (T2).

    Without both sides there is no midpoint to be far from.
    """
    if not bid or not ask:
        return False
    twice_mid = bid + ask
    return abs(2 * price - twice_mid) * WHOLE > band * twice_mid
