"""Get rid of positions: by an opposite market order each. Spec of the wire: 3.12."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any

from trading import reference
from trading.errors import NotFound, TradingError, ValueInvalid
from trading.models import Asset, Order, Position
from trading.services.bells import account_bell
from trading.services.orders import cancel_all_orders, place_order
from trading.services.ticket import Ticket
from trading.wire import EXACT, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trading.principal import Principal

CANCELED_WITHIN_S = 5.0  # of the matcher; what is still held then is told with each position
PERCENT_MAX = Decimal(100)
_SHARE_STEP = Decimal("1e-9")
_WHOLE_SHARE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What became of closing one position: the order's row, as `wire.order_body` reads it, or why there is none."""

    symbol: str
    order: Mapping[str, Any] | None = None
    error: TradingError | None = None


def close_position(
    *,
    principal: Principal,
    name: str,
    request_id: str,
    quantity: Decimal | None = None,
    percentage: Decimal | None = None,
) -> Mapping[str, Any]:
    """Sell, or buy back, a position: all of it, `quantity` shares, or a percentage; return the order's row.

    A percentage of whole shares is rounded down to whole ones. Raises NotFound, ValueInvalid, and what
    `place_order` raises: open orders that hold the shares are not canceled.
    """
    asset = reference.asset_named(name)
    mine = Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0)
    position = None if asset is None else mine.filter(asset=asset).select_related("asset").first()
    if position is None:
        raise NotFound("position does not exist")
    if percentage is not None:
        quantity = share_of(abs(position.quantity), percentage)
    return _close(principal, position, quantity or abs(position.quantity), request_id)


def close_all_positions(*, principal: Principal, cancel_orders: bool, request_id: str) -> list[Closing]:
    """Close every position, by symbol, and tell of each what became of it.

    With `cancel_orders` every open order is canceled first, as far as the matcher does so in time.
    Raises RuleBroken when nobody runs the market.
    """
    if cancel_orders:
        _cancel_everything(principal, request_id)
    held = Position.objects.owned_by(principal, principal.account_id).exclude(quantity=0)
    closings = []
    for position in held.select_related("asset").order_by("symbol"):
        try:
            order = _close(principal, position, abs(position.quantity), request_id)
        except TradingError as error:
            closings.append(Closing(symbol=position.symbol, error=error))
        else:
            closings.append(Closing(symbol=position.symbol, order=order))
    return closings


def share_of(quantity: Decimal, percentage: Decimal) -> Decimal:
    """Return this percentage of a quantity, rounded down: to whole shares, unless it has a fraction itself.

    Raises ValueInvalid for a percentage that is not in (0, 100], or that leaves nothing to close.
    """
    if not 0 < percentage <= PERCENT_MAX:
        raise ValueInvalid("percentage must be > 0 and <= 100")
    is_whole = quantity == quantity.to_integral_value()
    part = EXACT.divide(EXACT.multiply(quantity, percentage), PERCENT_MAX)
    part = part.quantize(_WHOLE_SHARE if is_whole else _SHARE_STEP, rounding=ROUND_DOWN, context=EXACT)
    if not part:
        raise ValueInvalid(f"percentage {percentage} of {plain(quantity)} shares is less than one can close")
    return part


def _close(principal: Principal, position: Position, quantity: Decimal, request_id: str) -> Mapping[str, Any]:
    is_long = position.quantity > 0
    is_crypto = position.asset.asset_class == Asset.AssetClass.CRYPTO
    ticket = Ticket(
        symbol=position.symbol,
        side="sell" if is_long else "buy",
        type="market",
        time_in_force="gtc" if is_crypto else "day",
        order_class="",
        quantity=quantity,
        notional=None,
        limit_price=None,
        extended_hours=False,
        position_intent="sell_to_close" if is_long else "buy_to_close",
        client_order_id=None,
    )
    return place_order(principal=principal, ticket=ticket, request_id=request_id)


def _cancel_everything(principal: Principal, request_id: str) -> None:
    """Ask for the cancel of every open order, and return when each is decided, or when it takes too long."""
    with account_bell(principal.account_id) as bell:
        cancel_all_orders(principal=principal, request_id=request_id)
        deadline = time.monotonic() + CANCELED_WITHIN_S
        waiting = Order.objects.owned_by(principal, principal.account_id).filter(status="pending_cancel")
        while waiting.exists() and time.monotonic() < deadline:
            bell.wait()
