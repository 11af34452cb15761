"""What a new order sets aside: dollars for a purchase, shares for a sale. Spec of the wire: 3.13.

The figures are estimates for buying power alone; what an order costs in the end is what it fills at.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING

from matching.engine.types import DOLLAR, Session
from matching.market.times import SECOND
from trading.errors import RuleBroken
from trading.wire import EXACT

if TYPE_CHECKING:
    from matching.market.latest import Latest

STALE_AFTER = 60 * SECOND  # rule L4: an older quote fills nobody
NOTIONAL_SALE_MARGIN = Decimal("0.95")  # of the bid: room for it to fall before the sale fills

_SHARE_STEP = Decimal("1e-9")
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """`price` is what each share of a purchase holds, in dollars; the rest is held at entry."""

    price: Decimal = _NOTHING
    cash: Decimal = _NOTHING
    quantity: Decimal = _NOTHING


def for_purchase(quantity: Decimal, price: Decimal) -> Reserve:
    """Return what a purchase of `quantity` shares at up to `price` holds."""
    return Reserve(price=price, cash=EXACT.multiply(quantity, price))


def for_notional_purchase(notional: Decimal) -> Reserve:
    """Return what a purchase for `notional` dollars holds."""
    return Reserve(cash=notional)


def for_sale(quantity: Decimal) -> Reserve:
    """Return what a sale of `quantity` shares holds."""
    return Reserve(quantity=quantity)


def for_notional_sale(notional: Decimal, price: Decimal, available: Decimal) -> Reserve:
    """Return what a sale for `notional` dollars holds when a share fetches about `price`.

    With room for a falling price, as far as there are shares for it, and never less than the
    sale needs at `price`: then it is refused for want of shares.
    """
    wanted = EXACT.divide(notional, EXACT.multiply(price, NOTIONAL_SALE_MARGIN))
    needed = EXACT.divide(notional, price)
    with_room = wanted.quantize(_SHARE_STEP, rounding=ROUND_UP, context=EXACT)
    least = needed.quantize(_SHARE_STEP, rounding=ROUND_DOWN, context=EXACT)
    return Reserve(quantity=max(min(with_room, available), least))


def purchase_price(latest: Latest, session: Session, now: int, symbol: str) -> Decimal:
    """Return what a share costs now, in dollars: the offer while the market trades, else the last print.

    `now` is market time in nanoseconds. Raises RuleBroken when nothing is known.
    """
    return _price(latest, session, now, symbol, is_purchase=True)


def sale_price(latest: Latest, session: Session, now: int, symbol: str) -> Decimal:
    """Return what a share fetches now, in dollars: the bid while the market trades, else the last print.

    `now` is market time in nanoseconds. Raises RuleBroken when nothing is known.
    """
    return _price(latest, session, now, symbol, is_purchase=False)


def _price(latest: Latest, session: Session, now: int, symbol: str, *, is_purchase: bool) -> Decimal:
    quote, trade = latest.quote, latest.trade
    touch = 0
    if quote is not None and session is Session.REGULAR and now - quote.at <= STALE_AFTER:
        is_crossed = 0 < quote.ask < quote.bid
        touch = 0 if is_crossed else quote.ask if is_purchase else quote.bid
    price = touch or (trade.price if trade is not None else 0) or latest.previous_close
    if not price:
        raise RuleBroken(
            f"no price of {symbol} is known yet, so a market order cannot be valued; use a limit order"
        )
    return EXACT.divide(Decimal(price), Decimal(DOLLAR))
