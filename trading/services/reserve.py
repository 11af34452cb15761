"""What a share costs or fetches now, and so what a new order sets aside. Spec of the wire: 3.13.

The figures are estimates for buying power alone; what an order costs in the end is what it fills at.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING

from matching.engine.triggers import collar
from matching.engine.types import DOLLAR, Session
from matching.market.times import SECOND
from trading.errors import RuleBroken
from trading.wire import EXACT, plain

if TYPE_CHECKING:
    from matching.market.latest import Latest

STALE_AFTER = 60 * SECOND  # rule L4: an older quote fills nobody
NOTIONAL_SALE_MARGIN = Decimal("0.95")  # of the bid: room for it to fall before the sale fills
SHORT_SALE_MARGIN = Decimal("1.03")  # of the offer: what a short sale holds at least

_SHARE_STEP = Decimal("1e-9")
_PRICE_STEP = Decimal("0.0001")
_PERCENT = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What is known of a symbol at market time `now` (ns), in the session that is on; dollars.

    Raises RuleBroken where something is asked for and nothing is known.
    """

    symbol: str
    latest: Latest
    session: Session
    now: int

    @property
    def last(self) -> Decimal | None:
        """The last print, or the previous close; None when neither is known."""
        trade = self.latest.trade
        return _dollars((trade.price if trade is not None else 0) or self.latest.previous_close)

    @property
    def ask(self) -> Decimal:
        """What a share costs: the offer while the market trades, else the last price."""
        return self._touch(is_purchase=True)

    @property
    def bid(self) -> Decimal:
        """What a share fetches: the bid while the market trades, else the last price."""
        return self._touch(is_purchase=False)

    def _touch(self, *, is_purchase: bool) -> Decimal:
        quote, touch = self.latest.quote, 0
        if quote is not None and self.session is Session.REGULAR and self.now - quote.at <= STALE_AFTER:
            is_crossed = 0 < quote.ask < quote.bid
            touch = 0 if is_crossed else quote.ask if is_purchase else quote.bid
        price = _dollars(touch) or self.last or self._middle
        if price is None:
            raise RuleBroken(
                f"no price of {self.symbol} is known yet, so the order cannot be valued; use a limit order"
            )
        return price

    @property
    def _middle(self) -> Decimal | None:
        """The middle of the quote in extended hours, for what nobody has traded yet.

        The last price comes first: quotes of these hours may be far from any market.
        """
        quote = self.latest.quote
        if quote is None or self.session not in {Session.PRE, Session.POST} or not 0 < quote.bid <= quote.ask:
            return None
        return _dollars(-(-(quote.bid + quote.ask) // 2))


def price_of_stop(stop_price: Decimal) -> Decimal:
    """Return the most that a share costs which a buy stop buys: the collar at which it becomes a limit order."""
    return EXACT.divide(Decimal(collar(int(stop_price * DOLLAR))), Decimal(DOLLAR))


def price_of_trail(price: Decimal, trail_price: Decimal | None, trail_percent: Decimal | None) -> Decimal:
    """Return where a trailing buy stop stands when the market is at `price`: later it only comes down."""
    if trail_percent is not None:
        trail_price = EXACT.multiply(price, EXACT.divide(trail_percent, _PERCENT))
    assert trail_price is not None
    return _up(EXACT.add(price, trail_price))


def price_of_short(limit_price: Decimal | None, prices: Prices) -> Decimal:
    """Return what a share of a short sale holds: the offer and some, or its limit when that is higher."""
    price = _up(EXACT.multiply(prices.ask, SHORT_SALE_MARGIN))
    return price if limit_price is None else max(price, limit_price)


def shares_for(notional: Decimal, price: Decimal, available: Decimal) -> Decimal:
    """Return the shares that a sale for `notional` dollars holds when a share fetches about `price`.

    With room for a falling price, as far as there are shares for it, and never less than the
    sale needs at `price`: then it is refused for want of shares.
    """
    wanted = EXACT.divide(notional, EXACT.multiply(price, NOTIONAL_SALE_MARGIN))
    needed = EXACT.divide(notional, price)
    with_room = wanted.quantize(_SHARE_STEP, rounding=ROUND_UP, context=EXACT)
    least = needed.quantize(_SHARE_STEP, rounding=ROUND_DOWN, context=EXACT)
    return max(min(with_room, available), least)


def require_stop(side: str, stop_price: Decimal, prices: Prices) -> None:
    """Raise RuleBroken when a stop is already reached; where no price is known, nothing is."""
    last = prices.last
    if last is None:
        return
    is_ahead = stop_price > last if side == "buy" else stop_price < last
    if not is_ahead:
        words = "greater" if side == "buy" else "less"
        raise RuleBroken(
            f"stop price must be {words} than current price",
            market_price=plain(last),
            stop_price=plain(stop_price),
        )


def require_trail(side: str, trail_price: Decimal, prices: Prices) -> None:
    """Raise RuleBroken when a sale trails by so many dollars that nothing reaches its stop."""
    last = prices.last
    if side == "sell" and last is not None and trail_price >= last:
        raise RuleBroken(
            "trail price must be less than current price",
            market_price=plain(last),
            trail_price=plain(trail_price),
        )


def _up(price: Decimal) -> Decimal:
    return price.quantize(_PRICE_STEP, rounding=ROUND_UP, context=EXACT)


def _dollars(price: int) -> Decimal | None:
    return EXACT.divide(Decimal(price), Decimal(DOLLAR)) if price else None
