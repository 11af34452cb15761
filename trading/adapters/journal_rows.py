"""Stored rows as the engine's values, and the books' entries as the commit function's documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from matching.engine.states import Status
from matching.engine.types import DOLLAR, MONEY, SHARE, Model, Order, OrderType, Side, TimeInForce
from matching.market.times import to_datetime, to_ns
from matching.ports import Command
from trading.bookkeeping import OrderBook, PositionBook

if TYPE_CHECKING:
    from decimal import Decimal
    from uuid import UUID

    from matching.ports import Batch
    from trading.bookkeeping import Books

COLLAR_BELOW_50, COLLAR_FROM_50 = 40, 25  # thousandths; matching/decisions/0013-collar.md
GTC_AGE_NS = 90 * 86_400 * 10**9  # spec of the wire, 3.2

ORDER_COLUMNS = """o.id, o.account_id, o.symbol, o.side, o.type, o.time_in_force, o.quantity, o.notional,
    o.limit_price, o.extended_hours, (select s.model from trading_simulationprofile s where s.id = o.profile_id) as fill_model, o.filled_quantity, o.filled_money, o.queue_ahead,
    o.reserve_price, o.stamp_seq, o.command_no, o.queue_seq, o.queue_no, o.status, o.submitted_at, o.quantity_held"""


def scaled(number: Decimal, unit: int) -> int:
    """Return a stored decimal as the engine's integer of `unit`; exact, as the columns hold no more."""
    return int(number * unit)


def decimal_text(number: int, places: int) -> str:
    """Return the engine's integer as decimal text with `places` decimals."""
    sign, digits = ("-", -number) if number < 0 else ("", number)
    whole, part = divmod(digits, 10**places)
    return f"{sign}{whole}.{part:0{places}d}"


def order_of(row: Any, *, priority: tuple[int, int], quantity: int | None = None) -> Order:
    """Return a stored order as the engine works it; `quantity` (1e-9 share) stands in for the stored one."""
    stored = None if row.quantity is None else scaled(row.quantity, SHARE)
    is_gtc = row.time_in_force == TimeInForce.GTC
    return Order(
        order_id=row.id,
        account=row.account_id,
        symbol=row.symbol,
        side=Side(row.side),
        order_type=OrderType(row.type),
        time_in_force=TimeInForce(row.time_in_force),
        priority=priority,
        quantity=stored if quantity is None else quantity,
        notional=None if row.notional is None else scaled(row.notional, MONEY),
        limit_price=None if row.limit_price is None else scaled(row.limit_price, DOLLAR),
        collar=_collar(row),
        quantity_max=_quantity_max(row),
        extended_hours=row.extended_hours,
        expires_at=to_ns(row.submitted_at) + GTC_AGE_NS if is_gtc else None,
        model=Model(row.fill_model),
        filled_quantity=scaled(row.filled_quantity, SHARE),
        filled_money=scaled(row.filled_money, MONEY),
        queue_ahead=None if row.queue_ahead is None else scaled(row.queue_ahead, SHARE),
        queue_priority=None if row.queue_seq is None else (row.queue_seq, row.queue_no),
        is_active=row.status not in {"pending_new", "accepted"},
    )


def _collar(row: Any) -> int | None:
    """Return the worst price of a market buy: beyond it, its reserve would not nearly pay for it."""
    if row.type != OrderType.MARKET or row.side != Side.BUY or row.quantity is None:
        return None
    reserved = scaled(row.reserve_price, DOLLAR)
    percent = COLLAR_BELOW_50 if reserved < 50 * DOLLAR else COLLAR_FROM_50
    return reserved * (1_000 + percent) // 1_000  # rounded down to 1/10,000 dollar


def _quantity_max(row: Any) -> int | None:
    """Return the shares that a sale by notional may give: those that it holds, and those it gave."""
    if row.notional is None or row.side != Side.SELL:
        return None
    return scaled(row.quantity_held + row.filled_quantity, SHARE)


def command_of(row: Any) -> Command:
    """Return an inbox row as the wish that its status says."""
    if row.status == "pending_cancel":
        never_taken = row.stamp_seq is None
        return Command(
            number=row.command_no,
            action="cancel",
            order_id=row.id,
            symbol=row.symbol,
            replaced_id=row.replaces if never_taken else None,
        )
    priority = (0, row.command_no)  # the loop stamps it with the sequence at which it is taken
    if row.replaces is None:
        return Command(
            number=row.command_no,
            action="place",
            order_id=row.id,
            symbol=row.symbol,
            order=order_of(row, priority=priority),
        )
    filled_since = row.replaced_filled_now - row.replaced_filled_quantity
    left = scaled(row.quantity - filled_since, SHARE)
    return Command(
        number=row.command_no,
        action="replace",
        order_id=row.replaces,
        symbol=row.symbol,
        order=order_of(row, priority=priority, quantity=left) if left > 0 else None,
        successor_id=row.id,
    )


def order_book_of(row: Any) -> OrderBook:
    """Return a stored order as far as its books go."""
    return OrderBook(
        id=row.id,
        user_id=row.user_id,
        account_id=row.account_id,
        asset_id=row.asset_id,
        symbol=row.symbol,
        is_buy=row.side == "buy",
        status=Status(row.status),
        quantity=None if row.quantity is None else scaled(row.quantity, SHARE),
        notional=None if row.notional is None else scaled(row.notional, MONEY),
        reserve_price=scaled(row.reserve_price, DOLLAR),
        cash_held=scaled(row.cash_held, MONEY),
        quantity_held=scaled(row.quantity_held, SHARE),
        filled_quantity=scaled(row.filled_quantity, SHARE),
        filled_money=scaled(row.filled_money, MONEY),
        replaces=row.replaces,
        replaced_filled_quantity=(
            None if row.replaced_filled_quantity is None else scaled(row.replaced_filled_quantity, SHARE)
        ),
        request_id=row.request_id,
        updated_at=to_ns(row.updated_at),
    )


def position_book_of(row: Any) -> PositionBook:
    """Return a stored position in engine units."""
    return PositionBook(quantity=scaled(row.quantity, SHARE), cost=scaled(row.cost, MONEY))


def to_json(value: Any) -> str:
    """Return JSON text; UUIDs and datetimes become strings."""
    return msgspec.json.encode(value).decode()


def documents_of(books: Books, batch: Batch) -> list[str]:
    """Return the six JSON documents of the commit function: money and quantities as decimal text."""
    entries = books.entries
    orders = []
    for order_id, change in entries.orders.items():
        order = books.orders[order_id]
        orders.append(
            {
                "id": order_id,
                "prior_filled": decimal_text(change.prior_filled, 9),
                "status": change.status.value,
                "keeps_wish": change.keeps_wish,
                "quantity": None if change.quantity is None else decimal_text(change.quantity, 9),
                "filled_quantity": decimal_text(order.filled_quantity, 9),
                "filled_money": decimal_text(order.filled_money, 13),
                "cash_held": decimal_text(order.cash_held, 13),
                "quantity_held": decimal_text(order.quantity_held, 9),
                "at": to_datetime(change.at),
                "stamp_seq": batch.stamps.get(order_id),
                "queue_seq": change.queue_priority and change.queue_priority[0],
                "queue_no": change.queue_priority and change.queue_priority[1],
                "replaced_by": change.replaced_by,
                "reason": change.reason,
            }
        )
    fills = [
        {
            **fill,
            "quantity": decimal_text(fill["quantity"], 9),
            "price": decimal_text(fill["price"], 4),
            "at": to_datetime(fill["at"]),
        }
        for fill in entries.fills
    ]
    postings = [{**line, "amount": decimal_text(line["amount"], 13)} for line in entries.postings]
    positions = [_position_document(books, key, held, batch) for key, held in entries.held_changes.items()]
    accounts = [
        {
            "account_id": account_id,
            "cash_change": decimal_text(cash, 13),
            "held_change": decimal_text(entries.cash_held_changes[account_id], 13),
        }
        for account_id, cash in entries.cash_changes.items()
    ]
    events = [_event_document(number, event) for number, event in enumerate(entries.events)]
    return [
        to_json(orders),
        to_json(fills),
        to_json(postings),
        to_json(positions),
        to_json(accounts),
        to_json(events),
    ]


def _position_document(
    books: Books, key: tuple[UUID, UUID], held_change: int, batch: Batch
) -> dict[str, Any]:
    account_id, asset_id = key
    user_id, symbol = books.entries.owners[key]
    position = books.positions[key]
    return {
        "user_id": user_id,
        "account_id": account_id,
        "asset_id": asset_id,
        "symbol": symbol,
        "quantity": decimal_text(position.quantity, 9),
        "cost": decimal_text(position.cost, 13),
        "held_change": decimal_text(held_change, 9),
        "at": to_datetime(books.entries.touched_at.get(key, batch.progress.at)),
    }


def _event_document(number: int, event: dict[str, Any]) -> dict[str, Any]:
    document = {
        **event,
        "n": number,
        "at": to_datetime(event["at"]),
        "filled_quantity": decimal_text(event["filled_quantity"], 9),
        "filled_money": decimal_text(event["filled_money"], 13),
    }
    if "fill_id" in event:
        document |= {
            "quantity": decimal_text(event["quantity"], 9),
            "price": decimal_text(event["price"], 4),
            "position_quantity": decimal_text(event["position_quantity"], 9),
        }
    return document
