"""The hall in which all books of a market stand: who is in it, who comes, who goes.

Invariants: an order is adopted before it does anything and ended exactly once; ending an order tells
its group.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import groups, sessions
from matching.engine.book import Book
from matching.engine.working import WorkingOrder

if TYPE_CHECKING:
    from collections.abc import Container

    from matching.engine.floor import Floor
    from matching.engine.groups import Group
    from matching.engine.types import Account, Event, Order, Rule

_EVERYBODY = "everybody"  # with contention, the one account that all orders belong to
_PRIORITY = attrgetter("priority")


class Hall:
    """The books by symbol, and what they share, the floor."""

    def __init__(self, floor: Floor, *, contention: bool, without_prints: Container[str]) -> None:
        self.floor = floor
        self.books: dict[str, Book] = {}
        self._contention = contention
        self._without_prints = without_prints

    def book(self, symbol: str) -> Book:
        """Return a symbol's book, opening it if it is the first time."""
        if symbol not in self.books:
            has_prints = symbol not in self._without_prints
            self.books[symbol] = Book(symbol, self.floor, has_prints=has_prints)
        return self.books[symbol]

    def sharer(self, account: Account) -> Account:
        """Return the account that an order of this account shares offers with."""
        return _EVERYBODY if self._contention else account

    def in_priority(self) -> list[WorkingOrder]:
        """Return all open orders in order of priority."""
        return sorted(self.floor.orders.values(), key=_PRIORITY)

    def require_new(self, order: Order) -> None:
        """Raise ValueError when an order of this id is open."""
        if order.order_id in self.floor.orders:
            raise ValueError(f"order {order.order_id} is already open")

    def adopt(self, order: Order, group: Group | None = None) -> WorkingOrder:
        """Take an order in, as a member of its group. Raises ValueError when its id is open."""
        self.require_new(order)
        working = WorkingOrder(order, self.sharer(order.account))
        self.floor.orders[order.order_id] = working
        if group is not None:
            group.join(working)
        return working

    def is_in_market(self, working: WorkingOrder) -> bool:
        """Return whether an order has begun and its session is on."""
        return working.is_active and sessions.may_trade(working.order, self.floor.session)

    def end(self, working: WorkingOrder, event: Event, rule: Rule, *, is_expiry: bool = False) -> None:
        """End an order, saying so, and let its group follow."""
        book, group = self.book(working.order.symbol), working.group
        book.end(working, event, rule)
        if group is not None:
            groups.after_end(book, working, group, is_expiry=is_expiry)
