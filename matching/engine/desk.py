"""The orders that meet one kind of offer: on each side takers, then resting orders.

A book has two desks: one that quotes serve, and one for the model `bars`, that prints serve.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from matching.engine.levels import Levels
from matching.engine.line import Line

if TYPE_CHECKING:
    from matching.engine.floor import Floor
    from matching.engine.working import WorkingOrder

BUYERS, SELLERS = SIDES = (1, -1)
_PRIORITY = attrgetter("priority")


class Desk:
    """Both sides' takers, in order of priority, and resting orders, by price."""

    __slots__ = ("resting", "takers")

    def __init__(self, floor: Floor) -> None:
        self.takers = {sign: Line(_PRIORITY) for sign in SIDES}
        self.resting = {sign: Levels(sign, floor) for sign in SIDES}

    @property
    def has_takers(self) -> bool:
        return any(self.takers.values())

    def add(self, working: WorkingOrder) -> None:
        """Seat an order where its progress says."""
        (self.takers if working.is_taker else self.resting)[working.sign].add(working)
