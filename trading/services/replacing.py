"""Replace an order. Returns when the wish is committed, or raises and did nothing; the matcher decides.

The write itself is one SQL function (trading/sql); here is what must be known before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
from django.db import connection

from accounts.models.user import new_id
from matching.market.times import to_ns
from trading import reference
from trading.doorbells import ring_account, ring_market
from trading.errors import RuleBroken
from trading.models import Order
from trading.selectors import marks_of
from trading.services import reserve
from trading.services.auctions import cut_off_of
from trading.services.denials import COST, NEEDS_MARKS, VALUED_BY_MARKS, denied, order_not_found
from trading.services.rules import require_tick, require_time_in_force, require_trail_percent
from trading.services.valuation import prices_of

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from trading.principal import Principal


def replace_order(
    *,
    principal: Principal,
    order_id: UUID,
    quantity: Decimal | None,
    limit_price: Decimal | None,
    time_in_force: str | None,
    client_order_id: str | None,
    request_id: str,
    stop_price: Decimal | None = None,
    trail: Decimal | None = None,
) -> UUID:
    """Ask for an order's replacement and return the id of its successor. None leaves a term as it is.

    `quantity` is the new total; the successor asks for what it leaves over the fills so far. `trail`
    is in dollars or percent, as the order's own.
    Raises NotFound, RuleBroken, ValueInvalid, ClientOrderIdTaken, OrderDenied.
    """
    mine = Order.objects.owned_by(principal, principal.account_id).select_related("asset")
    order = mine.filter(pk=order_id).first()
    if order is None:
        raise order_not_found(order_id)
    if order.asset.suspended_at is not None:
        raise RuleBroken(f"asset {order.symbol} is suspended: its orders can be canceled, and not replaced")
    _require_prices(order, limit_price, stop_price, trail)
    successor_id = new_id()
    wish = {
        "id": successor_id,
        "user_id": principal.user_id,
        "account_id": principal.account_id,
        "order_id": order_id,
        "client_order_id": client_order_id or str(uuid4()),
        "quantity": quantity,
        "limit_price": limit_price,
        "stop_price": stop_price,
        "trail": trail,
        "time_in_force": time_in_force,
        "cut_off_at": _cut_off_at(principal, order, time_in_force),
        "reserve_price": _reserve_price(order, stop_price, trail),
        "request_id": request_id,
    }
    denial, detail = _ask(wish)
    marks: dict[str, Decimal] = {}
    if denial == NEEDS_MARKS:
        marks = marks_of(principal)
        denial, detail = _ask({**wish, "marks": marks})
    if denial == "order_not_found":
        raise order_not_found(order_id)
    if denial is not None:
        refusal = denied(denial, detail, order.symbol)
        is_own = order.side == "buy" and (order.limit_price or order.stop_price) is not None
        refusal.of_market = (frozenset() if is_own else COST) | (VALUED_BY_MARKS if marks else frozenset())
        raise refusal
    ring_market(principal.market_id)
    ring_account([principal.account_id])
    return successor_id


def _require_prices(
    order: Order, limit_price: Decimal | None, stop_price: Decimal | None, trail: Decimal | None
) -> None:
    """Raise RuleBroken or ValueInvalid for a price that no order of this type may have now."""
    for name, price in (("limit_price", limit_price), ("stop_price", stop_price)):
        if price is not None:
            require_tick(price, name)
    is_moved = stop_price is not None and order.stop_price is not None and stop_price != order.stop_price
    if is_moved and not order.order_class:
        assert stop_price is not None
        reserve.require_stop(order.side, stop_price, prices_of(order.market_id, order.symbol))
    if trail is not None and order.trail_percent is not None:
        require_trail_percent(trail)
    elif trail is not None and order.trail_price is not None:
        require_tick(trail, "trail")
        reserve.require_trail(order.side, trail, prices_of(order.market_id, order.symbol))


def _cut_off_at(principal: Principal, order: Order, time_in_force: str | None) -> datetime | None:
    """Return the cut-off of a new time in force. Raises RuleBroken, OrderDenied where the order cannot have it."""
    if time_in_force is None or time_in_force == order.time_in_force or order.quantity is None:
        return None
    require_time_in_force(
        order.asset,
        order.type,
        time_in_force,
        quantity=order.quantity,
        extended_hours=order.extended_hours,
    )
    now = to_ns(reference.market_now(principal.market_id))
    return cut_off_of(time_in_force, reference.calendar_of(principal.market_id), now)


def _reserve_price(order: Order, stop_price: Decimal | None, trail: Decimal | None) -> Decimal | None:
    """Return what a share holds of a purchase whose new stop says so; None where the limit does, or nothing new."""
    if order.side != "buy":
        return None
    if stop_price is not None and order.type == "stop":
        return reserve.price_of_stop(stop_price)
    if trail is not None and order.type == "trailing_stop":
        prices = prices_of(order.market_id, order.symbol)
        is_percent = order.trail_percent is not None
        return reserve.price_of_trail(
            prices.ask, None if is_percent else trail, trail if is_percent else None
        )
    return None


def _ask(wish: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
    with connection.cursor() as cursor:
        document = msgspec.json.encode(wish).decode()
        cursor.execute("select denial, detail::text from trading_replace_order(%s::jsonb)", [document])
        denial, detail = cursor.fetchone()
    return denial, msgspec.json.decode(detail or "{}")
