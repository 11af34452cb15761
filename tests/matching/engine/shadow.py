"""What a journal remembers of open orders, kept from decisions and drained queues alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from matching.engine.types import (
    STARTS,
    Account,
    Chunk,
    Decision,
    Event,
    Order,
    OrderId,
    OrderType,
    Side,
    WatermarkMove,
)
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

    def note(
        self,
        step: Played,
        decisions: list[Decision],
        queues: dict[OrderId, int | None],
        watermarks: list[WatermarkMove],
    ) -> None:
        if isinstance(step, Chunk):
            self.chunks.append(step)
        if isinstance(step, Place):
            self.orders |= {order.order_id: order for order in (step.order, *step.legs)}
        if isinstance(step, Replace):
            self.orders[step.successor.order_id] = step.successor
        for decision in decisions:
            self._note_decision(decision)
        for order_id, queue in queues.items():
            self.orders[order_id] = replace(self.orders[order_id], queue_ahead=queue)
        for move in watermarks:
            self._note_watermark(move)

    def _note_decision(self, decision: Decision) -> None:
        order = self.orders[decision.order_id]
        if decision.event in STARTS:
            order = replace(
                order,
                is_active=decision.event is Event.NEW,
                queue_priority=decision.queue_priority or order.queue_priority,
                accepted_at=decision.at if order.accepted_at is None else order.accepted_at,
            )
        filled = order.filled_quantity + decision.quantity
        leaves = decision.leaves_quantity
        order = replace(
            order,
            quantity=order.quantity if leaves is None else filled + leaves,
            filled_quantity=filled,
            filled_money=order.filled_money + decision.quantity * decision.price,
            watermark=order.watermark if decision.watermark is None else decision.watermark,
            is_triggered=order.is_triggered or decision.is_triggered,
        )
        if decision.quantity:
            self.fills.append((order, decision))
        if decision.event in ENDS:
            del self.orders[decision.order_id]
        else:
            self.orders[decision.order_id] = order

    def _note_watermark(self, move: WatermarkMove) -> None:
        best = max if move.side is Side.SELL else min
        for order_id, order in self.orders.items():
            follows = (
                order.order_type is OrderType.TRAILING_STOP and order.is_active and not order.is_triggered
            )
            if (
                follows
                and (order.symbol, order.side) == (move.symbol, move.side)
                and order.priority[0] < move.seq
            ):
                mark = move.price if order.watermark is None else best(order.watermark, move.price)
                self.orders[order_id] = replace(order, watermark=mark)

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
