"""What an open order reserves: cash when it opens a position, shares when it closes one.

Of two exits one holds for both: the take-profit. A class's exits hold what their entry has filled,
from each of its fills on, so that nobody can sell the shares away before the exits work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trading.bookkeeping.rows import OrderBook


def cash_wanted(order: OrderBook) -> int:
    """Return the money that the order's terms ask for now."""
    if order.is_over or not order.opens or order.is_dormant:
        return 0
    if order.notional is not None:
        return max(order.notional - order.filled_money, 0)
    return order.reserve_price * _leaves(order)


def shares_wanted(order: OrderBook) -> int:
    """Return the shares that the order's terms ask for now, in 1e-9 share.

    While it waits for its entry that is what it got from the entry's fills. A sale by notional
    keeps what the edge reserved by the price of that moment; its fills release what they sell.
    """
    if order.is_over or order.opens or order.is_second:
        return 0
    if order.is_dormant or order.notional is not None:
        return order.quantity_held
    return _leaves(order)


def _leaves(order: OrderBook) -> int:
    assert order.quantity is not None
    return order.quantity - order.filled_quantity
