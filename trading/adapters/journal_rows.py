"""Stored rows as the values of the engine and the books.

Rows come over a connection on which `engine_numbers` is registered: each number with decimals is read as
the engine's integer already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.engine.sessions import AUCTIONS
from matching.engine.states import Status
from matching.engine.types import DOLLAR, Order, OrderType, Role, Side, TimeInForce
from matching.market.ageing import aged_at
from matching.market.times import to_ns
from matching.ports import Command
from trading.adapters.journal_profiles import SEED
from trading.bookkeeping import OrderBook, PositionBook

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.adapters.journal_profiles import Profiles

COLLAR_BELOW_50, COLLAR_FROM_50 = 40, 25  # thousandths; matching/decisions/0013-collar.md

_WISHES = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE})

# The watermark that the market has reached since a trailing stop works: see matching.models.Watermark.
MARK = """case when o.type = 'trailing_stop' and o.working_seq is not null and not o.is_triggered then (
    select w.price from matching_watermark w where w.market_id = o.market_id and w.symbol = o.symbol
       and w.side = o.side and w.seq > o.working_seq order by w.seq limit 1) end as mark"""

ORDER_COLUMNS = f"""o.id, o.account_id, o.symbol, o.side, o.type, o.time_in_force, o.order_class, o.quantity,
    o.notional, o.limit_price, o.stop_price, o.trail_price, o.trail_percent, o.hwm, {MARK}, o.extended_hours,
    o.cut_off_at, o.profile_id, {SEED}, o.filled_quantity, o.filled_money, o.queue_ahead, o.reserve_price,
    o.stamp_seq, o.command_no, o.queue_seq, o.queue_no, o.status, o.submitted_at, o.quantity_held, o.group_id,
    o.role, o.is_triggered, o.working_seq, o.accepted_ns"""


def order_of(
    row: Any, profiles: Profiles, *, priority: tuple[int, int], quantity: int | None = None
) -> Order:
    """Return a stored order as the engine works it; `quantity` (1e-9 share) stands in for the stored one."""
    if quantity is None and row.quantity is not None:
        quantity = row.quantity
    side, order_type, time_in_force = Side(row.side), OrderType(row.type), TimeInForce(row.time_in_force)
    model, profile = profiles.of(row.profile_id, row.seed)
    return Order(
        order_id=row.id,
        account=row.account_id,
        symbol=row.symbol,
        side=side,
        order_type=order_type,
        time_in_force=time_in_force,
        priority=priority,
        quantity=quantity,
        notional=row.notional,
        limit_price=row.limit_price,
        collar=_collar(row) if order_type is OrderType.MARKET and side is Side.BUY else None,
        quantity_max=None if row.notional is None else _quantity_max(row),
        stop_price=row.stop_price,
        trail_price=row.trail_price,
        trail_percent=row.trail_percent,
        extended_hours=row.extended_hours,
        expires_at=aged_at(to_ns(row.submitted_at)) if time_in_force is TimeInForce.GTC else None,
        cut_off_at=None if row.cut_off_at is None else to_ns(row.cut_off_at),
        group=row.group_id,
        role=Role(row.role) if row.role else None,
        model=model,
        profile=profile,
        filled_quantity=row.filled_quantity,
        filled_money=row.filled_money,
        queue_ahead=row.queue_ahead,
        queue_priority=None if row.queue_seq is None else (row.queue_seq, row.queue_no),
        is_active=row.working_seq is not None,
        is_triggered=row.is_triggered,
        watermark=_watermark(row, side) if order_type is OrderType.TRAILING_STOP else None,
        accepted_at=row.accepted_ns,
    )


def _watermark(row: Any, side: Side) -> int | None:
    """Return how far the market came for a trailing stop: by its own row, or since it works."""
    known = [mark for mark in (row.hwm, row.mark) if mark is not None]
    best = max if side is Side.SELL else min
    return best(known, default=None)


def _collar(row: Any) -> int | None:
    """Return the worst price of a market buy: beyond it, its reserve would not nearly pay for it.

    What reserves no cash, because it closes a short position or is for an auction, has none.
    """
    if row.quantity is None or not row.reserve_price or row.time_in_force in AUCTIONS:
        return None
    reserved = row.reserve_price
    percent = COLLAR_BELOW_50 if reserved < 50 * DOLLAR else COLLAR_FROM_50
    return reserved * (1_000 + percent) // 1_000  # rounded down to 1/10,000 dollar


def _quantity_max(row: Any) -> int | None:
    """Return the shares that a sale by notional may give: those that it holds, and those it gave."""
    return None if row.side != Side.SELL else row.quantity_held + row.filled_quantity


def command_of(row: Any, profiles: Profiles, legs: Sequence[Any] = ()) -> Command:
    """Return an inbox row as the wish that its status says; `legs` are rows of a class not yet taken."""
    orders = [order_of(leg, profiles, priority=(0, leg.command_no)) for leg in legs]
    if row.status == "pending_cancel":
        never_taken = row.stamp_seq is None
        return Command(
            number=row.command_no,
            action="cancel",
            order_id=row.id,
            symbol=row.symbol,
            legs=orders,
            replaced_id=row.replaces if never_taken else None,
        )
    priority = (0, row.command_no)  # the loop stamps it with the sequence at which it is taken
    if row.replaces is None:
        return Command(
            number=row.command_no,
            action="place",
            order_id=row.id,
            symbol=row.symbol,
            order=order_of(row, profiles, priority=priority),
            legs=orders,
        )
    filled_since = row.replaced_filled_now - row.replaced_filled_quantity
    left = row.quantity - filled_since
    return Command(
        number=row.command_no,
        action="replace",
        order_id=row.replaces,
        symbol=row.symbol,
        order=order_of(row, profiles, priority=priority, quantity=left) if left > 0 else None,
        successor_id=row.id,
    )


def order_book_of(row: Any) -> OrderBook:
    """Return a stored order as far as its books go."""
    status, role = Status(row.status), Role(row.role) if row.role else None
    is_exit = role is not None and role is not Role.ENTRY
    return OrderBook(
        id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        asset_id=row.asset_id,
        symbol=row.symbol,
        is_buy=row.side == "buy",
        opens=row.position_intent.endswith("_to_open") if row.position_intent else row.side == "buy",
        status=status,
        quantity=row.quantity,
        notional=row.notional,
        reserve_price=row.reserve_price,
        cash_held=row.cash_held,
        quantity_held=row.quantity_held,
        filled_quantity=row.filled_quantity,
        filled_money=row.filled_money,
        replaces=row.replaces,
        replaced_filled_quantity=row.replaced_filled_quantity,
        request_id=row.request_id,
        cancel_request_id=row.cancel_request_id,
        updated_at=to_ns(row.updated_at),
        order_class=row.order_class,
        role=role,
        parent=row.parent,
        # A wish hides the status; an exit that has not begun was held before it.
        is_held=status is Status.HELD or (is_exit and status in _WISHES and row.working_seq is None),
        is_active=row.working_seq is not None,
        is_triggered=row.is_triggered,
        accepted_ns=row.accepted_ns,
    )


def position_book_of(row: Any) -> PositionBook | None:
    """Return the position that a book's row stands beside, None where there is none yet."""
    if row.position_quantity is None:
        return None
    return PositionBook(quantity=row.position_quantity, cost=row.position_cost)
