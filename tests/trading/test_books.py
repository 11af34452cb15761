"""The books of every order type: what they hold and move is right after every commit, and nothing is left at the end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hypothesis import given, strategies as st

from matching.engine.types import (
    Chunk,
    Kind,
    Order,
    OrderType,
    Role,
    Session,
    SessionChange,
    Side,
    TimeInForce,
)
from matching.market.batch import items_of
from tests.matching.engine.strategies import scripts
from tests.matching.engine.tapes import Cancel, Place, Replace, chunks_and_commands
from tests.trading.memory import WISHES, House, Memory

if TYPE_CHECKING:
    from tests.matching.engine.tapes import Step
    from trading.bookkeeping import OrderBook


SIZE = 5
HOLDINGS = (("ann", "A"), ("bob", "A"), ("ann", "B"))
starts = st.lists(st.sampled_from((0, 20, -20, 7, -7)), min_size=3, max_size=3)


@given(scripts(), starts, st.booleans(), st.integers(1, 7))
def test_holds_cash_and_positions_reconcile_after_every_commit(
    script: list[Step], start: list[int], is_prompt: bool, width: int
) -> None:
    house = House()
    memory = house.memory
    for (account, symbol), quantity in zip(HOLDINGS, start, strict=True):
        if quantity:
            memory.give(account, symbol, quantity, price=9)
    for step in chunks_and_commands(script, lambda number: number % width == 0):
        match step:
            case Place(order, legs):
                memory.place(order, legs)
            case Cancel(order_id):
                memory.cancel(order_id)
            case Replace(order_id, successor):
                memory.replace(order_id, successor)
            case _:
                house.play(step)
        if is_prompt:
            house.play()
        require_balance(memory)
    house.play()
    require_agreement(house)
    for order_id in list(memory.rows):
        memory.cancel(order_id)
    house.play()
    require_agreement(house)
    house.dial.run = 2
    house.play()
    require_balance(memory)
    require_empty(memory)


def test_a_live_market_that_has_been_silent_for_a_minute_fills_nobody_at_its_last_quote() -> None:
    house = House()
    at = 10**9
    quote = items_of([(2, at, Kind.QUOTE, 9, SIZE, 10, SIZE, 0, 0, 1)])
    change = SessionChange(seq=1, at=at, session=Session.REGULAR, ends_at=None)
    house.play(Chunk(seq=2, at=at, session=change, items={"A": quote}))
    terms: dict[str, Any] = {"symbol": "A", "side": Side.BUY, "limit_price": 10, "quantity": SIZE}
    terms |= {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.DAY, "priority": (2, 1)}

    for order_id, account, age in (("early", "ann", 60), ("late", "bob", 61)):
        house.dial.until = at + age * 10**9
        house.play()  # and nothing was told
        assert house.memory.place(Order(order_id=order_id, account=account, **terms))
        house.play()

    filled = {order_id: row.book.filled_quantity for order_id, row in house.memory.rows.items()}
    assert filled == {"early": SIZE, "late": 0}


def require_balance(memory: Memory) -> None:
    books = [row.book for row in memory.rows.values()]
    for book in books:
        assert book.cash_held >= 0
        assert book.quantity_held >= 0
        assert book.quantity is None or book.filled_quantity <= book.quantity
        if book.is_over:
            assert (book.cash_held, book.quantity_held) == (0, 0)
        elif book.is_active and book.status not in WISHES:
            require_own_hold(memory, book)
    for account, held in memory.cash_held.items():
        assert held == sum(book.cash_held for book in books if book.account_id == account)
    for key, held in memory.held.items():
        assert held == sum(book.quantity_held for book in books if (book.account_id, book.asset_id) == key)
        if key in memory.positions:
            assert held <= abs(memory.positions[key].quantity)
    require_class_holds(memory)
    require_ledger(memory)


def require_class_holds(memory: Memory) -> None:
    """Require that of every class the take-profit, or the only exit, holds what was entered and has not left."""
    for row in memory.rows.values():
        book, group = row.book, row.order.group
        is_exit = book.role in {Role.TAKE_PROFIT, Role.STOP_LOSS} and row.stamp is not None
        if book.is_over or not is_exit or book.order_class == "oco":
            continue
        members = [other.book for other in memory.rows.values() if other.order.group == group]
        is_second = book.role is Role.STOP_LOSS and book.order_class == "bracket"
        left = sum(member.filled_quantity * (1 if member.role is Role.ENTRY else -1) for member in members)
        assert book.quantity_held == (0 if is_second else left)


def require_own_hold(memory: Memory, book: OrderBook) -> None:
    """Require that a working order reserves what it has left; of two exits the take-profit alone."""
    if book.notional is not None:
        return
    assert book.quantity is not None
    leaves = book.quantity - book.filled_quantity
    is_second = book.role is Role.STOP_LOSS and book.order_class in {"bracket", "oco"}
    assert book.cash_held == (book.reserve_price * leaves if book.opens else 0)
    assert book.quantity_held == (0 if book.opens or is_second else leaves)


def require_ledger(memory: Memory) -> None:
    # One look at each line: they are many.
    by_account: Counter[Any] = Counter()
    by_position: Counter[Any] = Counter()
    by_order: Counter[Any] = Counter()
    for line in memory.postings:
        by_account[line["account_id"], line["ledger"]] += line["amount"]
        by_account[line["account_id"], None] += line["amount"]
    for fill in memory.fills:
        signed = fill["quantity"] if fill["side"] == "buy" else -fill["quantity"]
        by_position[fill["account_id"], fill["asset_id"]] += signed
        by_order[fill["order_id"], "quantity"] += fill["quantity"]
        by_order[fill["order_id"], "money"] += fill["quantity"] * fill["price"]
    for account, cash in memory.cash.items():
        assert cash == by_account[account, "cash"]
        assert by_account[account, None] == 0
        costs = sum(position.cost for key, position in memory.positions.items() if key[0] == account)
        assert costs == by_account[account, "securities"]
    for key, position in memory.positions.items():
        assert position.quantity == by_position[key]
        assert (position.cost > 0) == (position.quantity > 0)
        assert (position.cost < 0) == (position.quantity < 0)
    for row in memory.rows.values():
        assert row.book.filled_quantity == by_order[row.book.id, "quantity"]
        assert row.book.filled_money == by_order[row.book.id, "money"]


def require_agreement(house: House) -> None:
    """Require that the open rows are the orders that the engine works, as it works them."""
    working = house.matcher._engine._floor.orders
    rows = {key: row for key, row in house.memory.rows.items() if not row.book.is_over}
    assert rows.keys() == working.keys()
    for key, row in rows.items():
        book = house.memory._read(row)
        assert (book.quantity, book.filled_quantity) == (working[key].quantity, working[key].filled_quantity)
        assert book.is_held == working[key].is_held
        assert book.is_active == (working[key].is_active and not book.is_held)
        assert book.is_triggered == (
            working[key].order.stop_price is not None and not working[key].is_stop
        ) or (working[key].order.trail_price or working[key].order.trail_percent)


def require_empty(memory: Memory) -> None:
    assert all(row.book.is_over for row in memory.rows.values())
    assert set(memory.cash_held.values()) <= {0}
    assert set(memory.held.values()) <= {0}
