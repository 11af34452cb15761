"""What a fill does to a position and to the ledger: average cost, both ways.

A trade either opens (adds to the position, or to nothing) or closes (takes from the opposite one);
none crosses zero. A short position has negative shares and a negative cost: what was received.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.bookkeeping.rows import BooksDisagree

if TYPE_CHECKING:
    from trading.bookkeeping.rows import OrderBook, PositionBook


def book_trade(
    order: OrderBook, position: PositionBook, quantity: int, money: int, commission: int
) -> dict[str, int]:
    """Change the position and return the journal's amounts by ledger, zeros included.

    The money of a trade goes against cash; what a closing trade brings beyond its share of the cost is
    realized (a profit is negative). Raises BooksDisagree when the position does not allow the trade.
    """
    sign = order.sign
    if order.opens:
        if position.quantity * sign < 0:
            message = f"a {order.side} cannot open while {position.quantity} (1e-9 shares) are held"
            raise BooksDisagree(message)
        securities = sign * money
    else:
        open_quantity = -sign * position.quantity
        if quantity > open_quantity:
            message = f"a {order.side} of {quantity} out of {open_quantity} (1e-9 shares) would cross zero"
            raise BooksDisagree(message)
        securities = sign * share_of(abs(position.cost), quantity, open_quantity)
    cash = -sign * money
    position.quantity += sign * quantity
    position.cost += securities
    return {
        "cash": cash - commission,
        "securities": securities,
        "realized": -(cash + securities),
        "fees": commission,
    }


def share_of(cost: int, quantity: int, out_of: int) -> int:
    """Return cost x quantity / out_of, rounded half up; exact where the whole is taken. Cost >= 0."""
    return (2 * cost * quantity + out_of) // (2 * out_of)
