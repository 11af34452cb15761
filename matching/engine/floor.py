"""What the books of all symbols share: the moment, the session, the open orders, the decisions.

Invariants: every decision passes `report`; an order leaves `orders` in `end` and nowhere else, and
after that nothing is decided about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine.types import Decision, Event, OrderId, Rule, Session

if TYPE_CHECKING:
    from matching.engine.working import WorkingOrder


class Floor:
    """`seq` and `at` are those of the item being worked, or of the last one seen."""

    def __init__(self, *, stale_after: int) -> None:
        self.stale_after = stale_after
        self.seq = 0
        self.at = 0
        self.session = Session.CLOSED
        self.orders: dict[OrderId, WorkingOrder] = {}
        self.changed_queues: dict[OrderId, WorkingOrder] = {}
        self._decisions: list[Decision] = []

    def report(self, working: WorkingOrder, event: Event, rule: Rule) -> None:
        """Decide something other than a fill about an order, now."""
        is_start = event in (Event.NEW, Event.ACCEPTED)
        self.record(
            Decision(
                order_id=working.order.order_id,
                symbol=working.order.symbol,
                event=event,
                rule=rule,
                seq=self.seq,
                at=self.at,
                leaves_quantity=working.leaves_quantity,
                queue_priority=working.order.queue_priority if is_start else None,
            )
        )

    def record(self, decision: Decision) -> None:
        self._decisions.append(decision)

    def collect(self) -> list[Decision]:
        """Return the decisions since the last call, in the order in which they were made."""
        decisions, self._decisions = self._decisions, []
        return decisions

    def end(self, working: WorkingOrder) -> None:
        """Forget an order that is done."""
        del self.orders[working.order.order_id]
        self.changed_queues.pop(working.order.order_id, None)

    def set_queue(self, working: WorkingOrder, queue: int | None) -> None:
        """Change an order's queue ahead, and remember that it changed."""
        if queue != working.queue_ahead:
            working.queue_ahead = queue
            self.changed_queues[working.order.order_id] = working
