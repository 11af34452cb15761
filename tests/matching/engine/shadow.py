"""What a journal remembers of open orders, kept from decisions and drained queues alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matching.engine.types import Account, Chunk, Decision, Event, Order, OrderId, Side
from tests.matching.engine.tapes import Place, Played, Replace

if TYPE_CHECKING:
    from matching.engine.engine import Engine

ENDS = (Event.FILL, Event.CANCELED, Event.EXPIRED, Event.REJECTED, Event.REPLACED)


class Shadow:
    """Enough to rebuild an engine at any moment."""

    def __init__(self) -> None:
        self.orders: dict[OrderId, Order] = {}
        self.chunks: list[Chunk] = []
        self.fills: list[tuple[Order, Decision]] = []

    def note(self, step: Played, decisions: list[Decision], queues: dict[OrderId, int | None]) -> None:
        if isinstance(step, Chunk):
            self.chunks.append(step)
        if isinstance(step, Place):
            self.orders[step.order.order_id] = step.order
        if isinstance(step, Replace):
            self.orders[step.successor.order_id] = step.successor
        for decision in decisions:
            self._note_decision(decision)
        for order_id, queue in queues.items():
            self.orders[order_id] = replace(self.orders[order_id], queue_ahead=queue)

    def _note_decision(self, decision: Decision) -> None:
        order = self.orders[decision.order_id]
        if decision.event in (Event.NEW, Event.ACCEPTED):
            order = replace(
                order,
                is_active=decision.event is Event.NEW,
                queue_priority=decision.queue_priority or order.queue_priority,
            )
        order = replace(
            order,
            filled_quantity=order.filled_quantity + decision.quantity,
            filled_money=order.filled_money + decision.quantity * decision.price,
        )
        if decision.quantity:
            self.fills.append((order, decision))
        if decision.event in ENDS:
            del self.orders[decision.order_id]
        else:
            self.orders[decision.order_id] = order

    def rebuild(self, engine: Engine) -> Engine:
        """Bring a new engine to where the market and the orders are."""
        for chunk in self.chunks:
            engine.rewind(chunk)
        engine.restore(self.orders.values())
        engine.restore_taken(self._taken(engine.current_offers()))
        return engine

    def _taken(self, offers: dict[tuple[str, Side], int]) -> list[tuple[Account, str, Side, int]]:
        sums: dict[tuple[Account, str, Side], int] = {}
        for order, fill in self.fills:
            offer = offers.get((order.symbol, order.side))
            if not fill.is_print and fill.offer_seq == offer:
                key = (order.account, order.symbol, order.side)
                sums[key] = sums.get(key, 0) + fill.quantity
        return [(*key, quantity) for key, quantity in sums.items()]
