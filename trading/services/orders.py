"""Place, cancel and replace orders. Each returns when what it did is committed, or raises and did nothing.

The write itself is one SQL function, in which reserve, order and event cannot be told apart
(trading/sql); here is what must be known before, and what its refusals mean.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
from django.db import connection

from accounts.models.user import new_id
from matching.market.latest import Latest, latest_many
from matching.market.times import to_ns
from trading import reference
from trading.doorbells import ring_account, ring_market
from trading.errors import ClientOrderIdTaken, OrderDenied, RuleBroken, TradingError
from trading.models import Order, Position
from trading.services import reserve, submission
from trading.services.denials import NAME_TAKEN, NOT_RUNNING, denied, order_not_found
from trading.services.ticket import require_rules, require_tick, require_time_in_force, require_tradable
from trading.wire import ORDER_COLUMNS, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trading.models import Asset
    from trading.principal import Principal
    from trading.services.ticket import Ticket

COST_MIN = Decimal(1)  # dollars, of an order for a fraction
CANCELS_AT_ONCE = 500  # of one transaction, which keeps the account from its orders and its matcher
_UNSET = dict.fromkeys(ORDER_COLUMNS)  # of a new order, before its own terms


def place_order(*, principal: Principal, ticket: Ticket, request_id: str) -> Mapping[str, Any]:
    """Accept an order and reserve what it may cost; return its row, as `wire.order_body` reads it.

    Raises ValueInvalid, ClientOrderIdTaken, RuleBroken, OrderDenied, NotAuthorized for a key that
    has died meanwhile, Unavailable, OutcomeUnknown.
    """
    try:
        asset = _tradable(principal, ticket)
        held = _reserve(principal, ticket, asset)
    except TradingError:
        _require_new_client_order_id(principal, ticket)
        raise
    terms = {
        "id": new_id(),
        "asset_id": asset.pk,
        "symbol": asset.symbol,
        "client_order_id": ticket.client_order_id or str(uuid4()),
        "side": ticket.side,
        "type": ticket.type,
        "time_in_force": ticket.time_in_force,
        "order_class": ticket.order_class,
        "extended_hours": ticket.extended_hours,
        "quantity": ticket.quantity,
        "notional": ticket.notional,
        "limit_price": ticket.limit_price,
        "position_intent": ticket.position_intent,
    }
    outcome = submission.submit(
        {
            **terms,
            "user_id": principal.user_id,
            "account_id": principal.account_id,
            "key_id": principal.key_id,
            "market_id": principal.market_id,
            "reserve_price": held.price,
            "cash_held": held.cash,
            "quantity_held": held.quantity,
            "request_id": request_id,
        }
    )
    if outcome.denial is not None:
        raise denied(outcome.denial, outcome.detail or {}, asset.symbol)
    instants = dict.fromkeys(("created_at", "updated_at", "submitted_at"), outcome.at)
    fills = {"filled_quantity": Decimal(0), "filled_money": Decimal(0)}
    return {
        **_UNSET,
        **terms,
        **instants,
        **fills,
        "status": outcome.status,
        "asset_class": asset.asset_class,
    }


def cancel_order(*, principal: Principal, order_id: UUID, request_id: str) -> None:
    """Ask for an order's cancel; the matcher decides, and a fill may come first.

    Raises NotFound, RuleBroken when the order is over or already waits for a change, or when
    nobody runs its market.
    """
    [(_, denial, status)] = _ask_for_cancel(principal, order_id, request_id)
    if denial == "order_not_found":
        raise order_not_found(order_id)
    if denial == "market_not_running":
        raise RuleBroken(NOT_RUNNING)
    if status == "pending_cancel" and denial is not None:
        raise RuleBroken("order pending cancel")
    if denial is not None:
        raise RuleBroken(f'order is already in "{status}" state')
    _ring(principal)


def cancel_all_orders(*, principal: Principal, request_id: str) -> list[UUID]:
    """Ask for the cancel of every open order and return their ids, oldest first.

    In slices, each a transaction: what was asked for before a failure stays asked for. Raises
    RuleBroken when nobody runs the market.
    """
    asked: list[UUID] = []
    while slice_ := _ask_for_cancel(principal, None, request_id):
        denials = {denial for _, denial, _ in slice_}
        if "market_not_running" in denials:
            raise RuleBroken(NOT_RUNNING)
        if denials != {None}:
            break  # the account is gone
        asked += [order_id for order_id, _, _ in slice_]
        _ring(principal)
    return asked


def replace_order(
    *,
    principal: Principal,
    order_id: UUID,
    quantity: Decimal | None,
    limit_price: Decimal | None,
    time_in_force: str | None,
    client_order_id: str | None,
    request_id: str,
) -> UUID:
    """Ask for an order's replacement and return the id of its successor. None leaves a term as it is.

    `quantity` is the new total; the successor asks for what it leaves over the fills so far.
    Raises NotFound, RuleBroken, ClientOrderIdTaken, OrderDenied.
    """
    order = Order.objects.owned_by(principal, principal.account_id).filter(pk=order_id).first()
    if order is None:
        raise order_not_found(order_id)
    if limit_price is not None:
        require_tick(limit_price, "limit_price")
    if time_in_force is not None and time_in_force != order.time_in_force:
        is_fractional = order.quantity is not None and order.quantity != order.quantity.to_integral_value()
        require_time_in_force(time_in_force, is_fractional=is_fractional, extended_hours=order.extended_hours)
    successor_id = new_id()
    wish = {
        "id": successor_id,
        "user_id": principal.user_id,
        "account_id": principal.account_id,
        "order_id": order_id,
        "client_order_id": client_order_id or str(uuid4()),
        "quantity": quantity,
        "limit_price": limit_price,
        "time_in_force": time_in_force,
        "request_id": request_id,
    }
    with connection.cursor() as cursor:
        document = msgspec.json.encode(wish).decode()
        cursor.execute("select denial, detail::text from trading_replace_order(%s::jsonb)", [document])
        denial, detail = cursor.fetchone()
    if denial == "order_not_found":
        raise order_not_found(order_id)
    if denial is not None:
        raise denied(denial, msgspec.json.decode(detail or "{}"), order.symbol)
    _ring(principal)
    return successor_id


def _tradable(principal: Principal, ticket: Ticket) -> Asset:
    market = reference.market_terms(principal.market_id)
    if not market.is_active:  # asked again where it is written; here so that no other refusal hides it
        raise OrderDenied(NOT_RUNNING)
    asset = require_tradable(reference.asset_named(ticket.symbol), ticket.symbol, market)
    require_rules(ticket, asset)
    return asset


def _reserve(principal: Principal, ticket: Ticket, asset: Asset) -> reserve.Reserve:
    if ticket.side == "sell":
        return _reserve_of_sale(principal, ticket, asset)
    if ticket.notional is not None:
        return reserve.for_notional_purchase(ticket.notional)
    assert ticket.quantity is not None
    price = ticket.limit_price
    if price is None:
        price = reserve.purchase_price(*_market_of(principal, asset))
    held = reserve.for_purchase(ticket.quantity, price)
    if ticket.is_fractional and held.cash < COST_MIN:
        raise OrderDenied("cost basis must be >= minimal amount of order 1", cost_basis=plain(held.cash))
    return held


def _reserve_of_sale(principal: Principal, ticket: Ticket, asset: Asset) -> reserve.Reserve:
    if ticket.quantity is not None:
        return reserve.for_sale(ticket.quantity)
    assert ticket.notional is not None
    price = reserve.sale_price(*_market_of(principal, asset))
    position = Position.objects.owned_by(principal, principal.account_id).filter(asset=asset).first()
    available = position.quantity - position.quantity_held if position is not None else Decimal(0)
    return reserve.for_notional_sale(ticket.notional, price, available)


def _market_of(principal: Principal, asset: Asset) -> tuple[Latest, Any, int, str]:
    """Return what values a market order: the latest of its symbol, the session and the market's time."""
    now = to_ns(reference.market_now(principal.market_id))
    session = reference.calendar_of(principal.market_id).session_at(now)
    latest = latest_many(principal.market_id, [asset.symbol]).get(asset.symbol, Latest())
    return latest, session, now, asset.symbol


def _require_new_client_order_id(principal: Principal, ticket: Ticket) -> None:
    """Raise ClientOrderIdTaken: a repeated name is told before anything that needs the market."""
    if ticket.client_order_id is None:
        return
    mine = Order.objects.owned_by(principal, principal.account_id)
    if mine.filter(client_order_id=ticket.client_order_id).exists():
        raise ClientOrderIdTaken(NAME_TAKEN)


def _ask_for_cancel(
    principal: Principal, order_id: UUID | None, request_id: str
) -> list[tuple[UUID, str | None, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, denial, status from trading_cancel_orders(%s, %s, %s, %s, %s)",
            [principal.user_id, principal.account_id, order_id, request_id, CANCELS_AT_ONCE],
        )
        return cursor.fetchall()


def _ring(principal: Principal) -> None:
    ring_market(principal.market_id)
    ring_account([principal.account_id])
