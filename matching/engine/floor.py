"""What the books of all symbols share: the moment, the session, the open orders, the decisions.

Invariants: every decision passes `report`; an order leaves `orders` in `end` and nowhere else, and
after that nothing is decided about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.engine.types import ENDS, STARTS, Decision, Event, OrderId, Rule, Session, Side, WatermarkMove

if TYPE_CHECKING:
    from matching.engine.working import WorkingOrder


class Floor:
    """`seq` and `at` are those of the item being worked, or of the last one seen.

    `silent_until` is how long the market is known to have told nothing after it, ns.
    """

    def __init__(self, *, stale_after: int, bad_print_band: int) -> None:
        self.stale_after = stale_after
        self.bad_print_band = bad_print_band
        self.seq = 0
        self.at = 0
        self.silent_until = 0
        self.session = Session.CLOSED
        self.orders: dict[OrderId, WorkingOrder] = {}
        self.changed_queues: dict[OrderId, WorkingOrder] = {}
        self._decisions: list[Decision] = []
        self._watermarks: dict[tuple[str, Side], list[WatermarkMove]] = {}

    def report(self, working: WorkingOrder, event: Event, rule: Rule) -> None:
        """Decide something other than a fill about an order, now. One that ends has left its seat."""
        is_start = event in STARTS
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
                watermark=working.watermark if is_start or event in ENDS else None,
                is_triggered=is_start and working.order.is_triggered,
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
        working.is_open = False
        if working.group is not None:
            working.group.part(working)
        del self.orders[working.order.order_id]
        self.changed_queues.pop(working.order.order_id, None)

    def set_queue(self, working: WorkingOrder, queue: int | None) -> None:
        """Change an order's queue ahead, and remember that it changed."""
        if queue != working.queue_ahead:
            working.queue_ahead = queue
            self.changed_queues[working.order.order_id] = working

    def note_watermark(self, symbol: str, side: Side, seq: int, price: int) -> None:
        """Remember that watermarks came to a price; earlier moves that it beats need no telling."""
        moves = self._watermarks.setdefault((symbol, side), [])
        best = max if side is Side.SELL else min
        while moves and best(moves[-1].price, price) == price:
            moves.pop()
        moves.append(WatermarkMove(symbol=symbol, side=side, seq=seq, price=price))

    def drain_watermarks(self) -> list[WatermarkMove]:
        """Return the moves since the last call, those of one symbol and side in their order."""
        moves = [move for of_side in self._watermarks.values() for move in of_side]
        self._watermarks = {}
        return moves
