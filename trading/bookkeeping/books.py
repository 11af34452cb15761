"""The books of the orders and positions that one batch touches, decision by decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from matching.engine.states import Status, status_after
from matching.engine.types import MODEL_VERSION, STARTS, Event, Role, Rule
from trading.bookkeeping.entries import Entries, OrderChange
from trading.bookkeeping.holds import cash_wanted, shares_wanted
from trading.bookkeeping.rows import BooksDisagree, PositionBook
from trading.bookkeeping.trades import book_trade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from matching.engine.types import Decision
    from trading.bookkeeping.rows import OrderBook

EXECUTIONS = frozenset({Event.PARTIAL_FILL, Event.FILL})
REFUSALS = frozenset({Event.CANCEL_REJECTED, Event.REPLACE_REJECTED})
_WISHES = frozenset({Status.PENDING_CANCEL, Status.PENDING_REPLACE})
_TRIGGER_EVIDENCE = (
    "price", "is_print", "offer_seq", "stop_price", "watermark", "bid", "bid_size", "ask", "ask_size",
)  # fmt: skip


class Books:
    """Books of the orders (those named by decisions, and the exits of entries) and their positions."""

    def __init__(
        self,
        orders: Iterable[OrderBook],
        positions: dict[tuple[UUID, UUID], PositionBook],
        new_id: Callable[[], UUID],
    ) -> None:
        self.orders = {order.id: order for order in orders}
        self.positions = positions
        self.known_positions = frozenset(positions)  # those that have a row already
        self.entries = Entries()
        self._new_id = new_id
        self._successors: dict[UUID, OrderBook] = {}
        self._legs: dict[UUID, list[OrderBook]] = {}
        self._cancels: dict[
            UUID, str
        ] = {}  # the request that canceled something of a class, by its first order
        self._refused: set[UUID] = set()  # orders whose owner's wish this batch has refused
        for order in self.orders.values():
            if order.replaces is not None:
                self._successors[order.replaces] = order
            if order.parent is not None:
                self._legs.setdefault(order.parent, []).append(order)

    def account_of(self, decision: Decision) -> UUID:
        """Return whose order a decision is about."""
        return self.orders[cast("UUID", decision.order_id)].account_id

    def stamp(self, order_id: UUID, at: int) -> None:
        """Enter an order that may have been taken without a decision: a leg waits, and nobody is told."""
        order = self._order(order_id)
        if order_id not in self.entries.orders and not order.is_over:
            self._touch_account(order)
            self._change_of(order, at)

    def enter(self, decision: Decision) -> None:
        """Book one decision. Raises BooksDisagree, ImpossibleMove."""
        order, event = self._order(cast("UUID", decision.order_id)), decision.event
        # A live market's items arrive a moment late; an order's story is told forwards all the same.
        at = max(decision.at, order.updated_at)
        is_first, asked_for = order.accepted_ns is None, order.quantity
        self._touch_account(order)
        change = None if order.is_over else self._change_of(order, at)
        fill = self._execute(order, decision, at) if event in EXECUTIONS else None
        cause = self._cause(order, decision)
        order.status = self._status_after(order, event)
        if change is not None:
            if event is Event.REPLACED:
                self._hand_over(order, change)
            self._progress(order, decision, change)
            self._hold(order)
            self._conclude(order, decision, change)
        story = self._event(order, order.status if change is None else change.status, decision, at)
        story["request_id"] = cause
        if fill is not None:
            position = self.positions[order.account_id, order.asset_id]
            story["fill_id"] = fill["id"]
            story["quantity"], story["price"] = decision.quantity, decision.price
            story["position_quantity"] = position.quantity
        is_successor = is_first and order.replaces is not None and event in STARTS
        if order.role is not None or is_successor or order.quantity != asked_for:
            story["order_quantity"] = (
                order.quantity
            )  # so that an event of old can be told with the quantity of old
        self.entries.events.append(story)

    def _order(self, order_id: UUID) -> OrderBook:
        order = self.orders.get(order_id)
        if order is None:
            message = f"a decision names the unknown order {order_id}"
            raise BooksDisagree(message)
        return order

    def _touch_account(self, order: OrderBook) -> None:
        self.entries.cash_changes.setdefault(order.account_id, 0)
        self.entries.cash_held_changes.setdefault(order.account_id, 0)

    def _change_of(self, order: OrderBook, at: int) -> OrderChange:
        order.updated_at = max(at, order.updated_at)
        change = self.entries.orders.get(order.id)
        if change is None:
            change = OrderChange(
                order.filled_quantity, order.natural_status, keeps_wish=True, at=order.updated_at
            )
            self.entries.orders[order.id] = change
        change.at = order.updated_at
        return change

    def _status_after(self, order: OrderBook, event: Event) -> Status:
        if event in REFUSALS and order.status in _WISHES:
            self._refused.add(order.id)
            order.status = Status.NEW  # any that is not over: what follows asks for the order's own
            return order.natural_status
        return status_after(order.status, event)

    def _progress(self, order: OrderBook, decision: Decision, change: OrderChange) -> None:
        """Keep what a restart needs to know."""
        event = decision.event
        if order.accepted_ns is None:
            order.accepted_ns = change.accepted_ns = decision.at
        if event is Event.NEW:
            order.is_active, order.is_held = True, False
            change.working_seq = decision.seq
        elif event in STARTS:
            order.is_held = event is Event.HELD
        if event in STARTS:
            change.queue_priority = change.queue_priority or decision.queue_priority
        if decision.is_triggered:
            order.is_triggered = change.is_triggered = True
        if decision.watermark is not None:
            change.hwm = decision.watermark
        self._ask(order, decision, change)

    @staticmethod
    def _ask(order: OrderBook, decision: Decision, change: OrderChange) -> None:
        """Let the order ask for what its last decision says; one that ends keeps what it last asked for."""
        leaves, event = decision.leaves_quantity, decision.event
        is_end = event is Event.REJECTED or (event is Event.CANCELED and not leaves)
        if leaves is None or is_end:
            return
        wanted = order.filled_quantity + leaves
        if wanted != order.quantity:
            order.quantity = change.quantity = wanted

    def _conclude(self, order: OrderBook, decision: Decision, change: OrderChange) -> None:
        change.status = order.natural_status
        change.keeps_wish = not order.is_over and order.id not in self._refused
        is_own_wish = decision.event in {Event.FILL, Event.REPLACED} or decision.rule is Rule.COMMAND
        if order.is_over and (not is_own_wish or decision.event is Event.REJECTED):
            change.reason = decision.rule.value

    def _hand_over(self, order: OrderBook, change: OrderChange) -> None:
        """Give the successor what the replaced order has left of the new total, and its place."""
        successor = self._successors.get(order.id)
        if successor is None or successor.quantity is None:
            message = f"order {order.id} was replaced by none"
            raise BooksDisagree(message)
        filled_since = order.filled_quantity - (successor.replaced_filled_quantity or 0)
        successor.quantity -= filled_since
        change.replaced_by = successor.id
        self._change_of(successor, change.at).quantity = successor.quantity
        if order.is_dormant:
            successor.quantity_held += order.quantity_held
            order.quantity_held = 0
        if legs := self._legs.pop(order.id, None):
            self._legs[successor.id] = legs
        if order.role is not None:
            self.entries.reparents[order.id] = successor.id

    def _execute(self, order: OrderBook, decision: Decision, at: int) -> dict[str, Any]:
        if order.is_over:
            message = f"order {order.id} is {order.status} and cannot fill"
            raise BooksDisagree(message)
        quantity, money = decision.quantity, decision.price * decision.quantity
        order.filled_quantity += quantity
        order.filled_money += money
        key = (order.account_id, order.asset_id)
        position = self.positions.setdefault(key, PositionBook())
        amounts = book_trade(order, position, quantity, money, decision.commission)
        self.entries.touched_at[key] = at
        self._change_held(order, 0)
        if not order.opens and order.notional is not None:
            self._release(order, min(quantity, order.quantity_held))
        elif order.role is Role.ENTRY and order.opens:
            self._give_to_exit(order, quantity, at)
        fill = self._fill(order, decision, at, amounts)
        self.entries.fills.append(fill)
        self.entries.cash_changes[order.account_id] += amounts["cash"]
        return fill

    def _give_to_exit(self, entry: OrderBook, quantity: int, at: int) -> None:
        """Reserve what an entry filled for its exits, before anybody else can ask for it."""
        for leg in self._legs.get(entry.id, ()):
            if leg.is_dormant and not leg.is_over and not leg.opens:
                self._change_of(leg, at)
                self._release(leg, -quantity)

    def _fill(self, order: OrderBook, decision: Decision, at: int, amounts: dict[str, int]) -> dict[str, Any]:
        evidence: dict[str, Any] = {
            "is_print": decision.is_print,
            "offered": decision.offered,
            "bid": decision.bid,
            "bid_size": decision.bid_size,
            "ask": decision.ask,
            "ask_size": decision.ask_size,
            "queue_before": decision.queue_before,
        }
        if decision.commission:
            evidence["commission"] = decision.commission
        if decision.is_print and decision.offer_price != decision.price:
            evidence["offer_price"] = decision.offer_price  # a print that went through the limit
        if decision.is_cut:
            evidence["is_cut"] = True
        return {
            "id": self._new_id(),
            "user_id": order.user_id,
            "account_id": order.account_id,
            "order_id": order.id,
            "asset_id": order.asset_id,
            "symbol": order.symbol,
            "side": order.side,
            "quantity": decision.quantity,
            "price": decision.price,
            "at": at,
            "seq": decision.seq,
            "offer_seq": decision.offer_seq,
            "rule": decision.rule.value,
            "model_version": MODEL_VERSION,
            "evidence": evidence,
            "amounts": amounts,
        }

    def _hold(self, order: OrderBook) -> None:
        """Bring what the order reserves to what its terms now ask for."""
        cash = cash_wanted(order)
        if cash != order.cash_held:
            self.entries.cash_held_changes[order.account_id] += cash - order.cash_held
            order.cash_held = cash
        self._release(order, order.quantity_held - shares_wanted(order))

    def _release(self, order: OrderBook, quantity: int) -> None:
        order.quantity_held -= quantity
        if quantity:
            self._change_held(order, -quantity)

    def _change_held(self, order: OrderBook, change: int) -> None:
        key, changes = (order.account_id, order.asset_id), self.entries.held_changes
        if key in changes:
            changes[key] += change
            return
        changes[key] = change
        self.entries.owners[key] = (order.user_id, order.symbol)
        self.positions.setdefault(key, PositionBook())

    def _cause(self, order: OrderBook, decision: Decision) -> str:
        """Return the id of the request that a decision answers: that of the owner's wish, else the order's own.

        What ends with an order whose owner canceled it, as the other exit does, ends by the same request.
        """
        event, of_class = decision.event, order.parent or order.id
        if event in {Event.REPLACED, Event.REPLACE_REJECTED} and order.id in self._successors:
            return self._successors[order.id].request_id
        if event is Event.CANCEL_REJECTED:
            return order.cancel_request_id or order.request_id
        if event is not Event.CANCELED:
            return order.request_id
        if order.status is Status.PENDING_CANCEL and order.cancel_request_id:
            return self._cancels.setdefault(of_class, order.cancel_request_id)
        return self._cancels.get(of_class, order.request_id)

    @staticmethod
    def _event(order: OrderBook, status: Status, decision: Decision, at: int) -> dict[str, Any]:
        story: dict[str, Any] = {
            "account_id": order.account_id,
            "user_id": order.user_id,
            "order_id": order.id,
            "kind": decision.event.value,
            "status": status.value,
            "at": at,
            "feed_seq": decision.seq,
            "filled_quantity": order.filled_quantity,
            "filled_money": order.filled_money,
            "rule": decision.rule.value,
        }
        if decision.event is Event.TRIGGERED:
            story["evidence"] = {name: getattr(decision, name) for name in _TRIGGER_EVIDENCE}
        return story
