"""C1 to C4: what a fill or an end of one order of a class does to the others, at the same sequence.

Invariants: exits do nothing before their entry has ended; the two exits of a pair always have the
same left to do, so that together they never trade more than their entry did.

Source: matching/decisions/0011-classes.md.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine import sessions
from matching.engine.types import Event, Role, Rule

if TYPE_CHECKING:
    from matching.engine.book import Book
    from matching.engine.working import WorkingOrder

_PRIORITY = attrgetter("priority")


class Group:
    """The open orders of one order class: its entry, until that ends, and its exits by priority."""

    __slots__ = ("entry", "exits")

    def __init__(self) -> None:
        self.entry: WorkingOrder | None = None
        self.exits: list[WorkingOrder] = []

    def join(self, working: WorkingOrder) -> None:
        working.group = self
        if working.order.role is Role.ENTRY:
            self.entry = working
        else:
            self.exits.append(working)
            self.exits.sort(key=_PRIORITY)

    def part(self, working: WorkingOrder) -> None:
        """Forget an order that has ended."""
        if self.entry is working:
            self.entry = None
        else:
            self.exits.remove(working)


def after_fill(book: Book, working: WorkingOrder, group: Group, quantity: int) -> None:
    """Release the exits of a filled entry; take from one exit what the other traded."""
    if working.order.role is Role.ENTRY:
        if not working.is_open:
            _release(book, working, group)
        return
    for sibling in tuple(group.exits):
        if sibling is not working:
            is_beaten = working.order.role is Role.STOP_LOSS and book.reaches(sibling)
            _reduce(book, sibling, quantity, Rule.STOP_WINS if is_beaten else Rule.PAIR)


def after_end(book: Book, working: WorkingOrder, group: Group, *, is_expiry: bool = False) -> None:
    """Release or cancel the others when an order ended without having filled.

    The session's end expires each exit by itself, for they share it. Age does not, since a successor is younger.
    """
    if working.order.role is Role.ENTRY:
        _release(book, working, group)
        return
    if is_expiry:
        return
    rule = Rule.PAIR
    if group.entry is not None:
        rule = Rule.BRACKET if group.exits else Rule.ONE_EXIT
        book.end(group.entry, Event.CANCELED, rule)
    for exit_ in tuple(group.exits):
        book.end(exit_, Event.CANCELED, rule)


def _release(book: Book, entry: WorkingOrder, group: Group) -> None:
    """Let the exits work for what the entry filled; the take-profit comes before the stop-loss."""
    rule = Rule.BRACKET if len(group.exits) > 1 else Rule.ONE_EXIT
    missing = entry.leaves_quantity or 0
    for exit_ in tuple(group.exits):
        if missing:
            _reduce(book, exit_, missing, rule)
    for exit_ in sorted(group.exits, key=lambda exit_: exit_.order.role is Role.STOP_LOSS):
        if exit_.is_open:
            start_exit(book, exit_, rule)


def start_exit(book: Book, working: WorkingOrder, rule: Rule) -> None:
    """Let an exit work; a held stop-loss begins unsaid, with the take-profit beside it."""
    sibling = working.sibling
    if not working.is_held or sibling is None:
        book.begin(working, rule)
    elif sibling.is_active and sessions.may_begin(working.order, book.floor.session):
        book.open(working, rule)
    else:
        working.is_active = sibling.is_active


def _reduce(book: Book, working: WorkingOrder, quantity: int, rule: Rule) -> None:
    assert working.quantity is not None
    working.quantity -= quantity
    if working.leaves_quantity:
        book.report(working, Event.RESTATED, rule)
    else:
        book.end(working, Event.CANCELED, rule)
