"""Which of a position's shares were opened today, and for how much."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from trading.wire import EXACT, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

_ZERO = Decimal(0)


def opened_today(before: Decimal, trades: Iterable[tuple[str, Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """Return how many of the shares that are left today's trades opened, and the dollars for them, without sign.

    `before` is what was held as the day began, of a short negative; a trade is its side, shares and price, in the
    order of time. A trade closes what it finds first, the oldest shares first, and opens with the rest. Of
    today's shares a part is taken at their average, as the average entry price is reckoned; rounded to 1e-9.
    """
    held, shares, money = before, _ZERO, _ZERO
    for side, quantity, price in trades:
        sign = 1 if side == "buy" else -1
        opening = quantity
        if held * sign < 0:
            closing = min(quantity, abs(held))
            left = min(shares, abs(held) - closing)
            money = ratio(EXACT.multiply(money, left), shares) if shares else _ZERO
            shares = left
            opening = EXACT.subtract(quantity, closing)
        held = EXACT.add(held, sign * quantity)
        shares = EXACT.add(shares, opening)
        money = EXACT.add(money, EXACT.multiply(opening, price))
    return shares, money
