"""What a batch of the matcher's decisions means in the books: pure arithmetic, no database.

Every figure is an integer in the engine's units (price 1/10,000 dollar, quantity 1e-9 share,
money 1e-13 dollar), so nothing is rounded but a sale's share of its position's cost. Average
cost: a sale of q out of Q takes out cost x q / Q, rounded half up.

The matcher is the only writer of what is computed here, so the rows it read stay true until it
commits; what an owner may change meanwhile (a cancel, a further hold) enters as a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from matching.engine.states import TERMINAL, Status, status_after
from matching.engine.types import MODEL_VERSION, Event, Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from uuid import UUID

    from matching.engine.types import Decision

EXECUTIONS = frozenset({Event.PARTIAL_FILL, Event.FILL})
# After these an order that somebody wants canceled or replaced meanwhile is still pending that wish.
_KEEP_WISH = frozenset({Event.ACCEPTED, Event.NEW, Event.PARTIAL_FILL})
_NATURAL = {
    Event.ACCEPTED: Status.ACCEPTED,
    Event.NEW: Status.NEW,
    Event.PARTIAL_FILL: Status.PARTIALLY_FILLED,
}


class BooksDisagree(Exception):
    """A decision does not fit the stored order or position: the matcher must start anew."""


@dataclass(slots=True, kw_only=True)
class OrderBook:
    """One stored order, as far as its books go; `is_buy` mirrors everything by data."""

    id: UUID
    user_id: UUID
    account_id: UUID
    asset_id: UUID
    symbol: str
    is_buy: bool
    status: Status
    quantity: int | None
    notional: int | None
    reserve_price: int
    cash_held: int
    quantity_held: int
    filled_quantity: int
    filled_money: int
    replaces: UUID | None
    replaced_filled_quantity: int | None
    request_id: str
    updated_at: int  # market time, ns: nothing that happens to the order is earlier

    @property
    def side(self) -> str:
        return "buy" if self.is_buy else "sell"


@dataclass(slots=True, kw_only=True)
class PositionBook:
    """One stored position: signed shares and what they cost."""

    quantity: int = 0
    cost: int = 0


@dataclass(slots=True)
class _OrderChange:
    prior_filled: int
    status: Status
    keeps_wish: bool
    at: int
    quantity: int | None = None
    replaced_by: UUID | None = None
    reason: str | None = None
    queue_priority: tuple[int, int] | None = None


@dataclass(slots=True)
class Entries:
    """What one batch writes, as rows in engine units; money and quantities still integers."""

    orders: dict[UUID, _OrderChange] = field(default_factory=dict)
    fills: list[dict[str, Any]] = field(default_factory=list)
    postings: list[dict[str, Any]] = field(default_factory=list)
    held_changes: dict[tuple[UUID, UUID], int] = field(default_factory=dict)  # (account, asset) -> shares
    owners: dict[tuple[UUID, UUID], tuple[UUID, str]] = field(default_factory=dict)  # -> (user, symbol)
    touched_at: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    cash_changes: dict[UUID, int] = field(default_factory=dict)
    cash_held_changes: dict[UUID, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)


class Books:
    """The books of the orders and positions that one batch touches."""

    def __init__(
        self,
        orders: Iterable[OrderBook],
        positions: dict[tuple[UUID, UUID], PositionBook],
        new_id: Callable[[], UUID],
    ) -> None:
        self.orders = {order.id: order for order in orders}
        self.positions = positions
        self.entries = Entries()
        self._new_id = new_id
        self._successors = {order.replaces: order for order in self.orders.values() if order.replaces}

    def account_of(self, decision: Decision) -> UUID:
        """Return whose order a decision is about."""
        return self.orders[cast("UUID", decision.order_id)].account_id

    def enter(self, decision: Decision) -> None:
        """Book one decision. Raises BooksDisagree, ImpossibleMove."""
        order = self.orders.get(cast("UUID", decision.order_id))
        if order is None:
            message = f"a decision names the unknown order {decision.order_id}"
            raise BooksDisagree(message)
        if decision.at < order.updated_at:
            # A live market's items arrive a moment late; an order's story is told forwards all the same.
            decision = replace(decision, at=order.updated_at)
        order.updated_at = decision.at
        was_over = order.status in TERMINAL
        self.entries.cash_changes.setdefault(order.account_id, 0)
        self.entries.cash_held_changes.setdefault(order.account_id, 0)
        change = None if was_over else self._changed(order, decision)
        if decision.event is Event.REPLACED:
            self._hand_over(order)
        fill = self._execute(order, decision) if decision.event in EXECUTIONS else None
        order.status = _status_after(order, decision.event)
        if change is not None:
            change.status = _NATURAL.get(decision.event, order.status)
            change.keeps_wish = decision.event in _KEEP_WISH
            change.at = decision.at
            change.queue_priority = change.queue_priority or decision.queue_priority
            if decision.event in {Event.REJECTED, Event.EXPIRED} or decision.rule is Rule.QUARANTINE:
                change.reason = decision.rule.value
            self._hold(order)
        self.entries.events.append(self._event(order, decision, fill, change))

    def _changed(self, order: OrderBook, decision: Decision) -> _OrderChange:
        change = self.entries.orders.get(order.id)
        if change is None:
            change = _OrderChange(order.filled_quantity, order.status, keeps_wish=False, at=decision.at)
            self.entries.orders[order.id] = change
        return change

    def _hand_over(self, order: OrderBook) -> None:
        """Give the successor what the replaced order has left of the new total."""
        successor = self._successors.get(order.id)
        if successor is None or successor.quantity is None:
            message = f"order {order.id} was replaced by none"
            raise BooksDisagree(message)
        successor.quantity -= order.filled_quantity - (successor.replaced_filled_quantity or 0)
        change = self.entries.orders[order.id]
        change.replaced_by = successor.id
        self.entries.orders[successor.id] = _OrderChange(
            successor.filled_quantity,
            successor.status,
            keeps_wish=False,
            at=change.at,
            quantity=successor.quantity,
        )

    def _execute(self, order: OrderBook, decision: Decision) -> dict[str, Any]:
        if order.status in TERMINAL:
            message = f"order {order.id} is {order.status} and cannot fill"
            raise BooksDisagree(message)
        money = decision.price * decision.quantity
        order.filled_quantity += decision.quantity
        order.filled_money += money
        if not order.is_buy and order.notional is not None:
            self._release_shares(order, min(decision.quantity, order.quantity_held))
        key = (order.account_id, order.asset_id)
        position = self.positions.setdefault(key, PositionBook())
        self.entries.touched_at[key] = decision.at
        self._change_held(order, 0)
        fill = {
            "id": self._new_id(),
            "user_id": order.user_id,
            "account_id": order.account_id,
            "order_id": order.id,
            "asset_id": order.asset_id,
            "symbol": order.symbol,
            "side": order.side,
            "quantity": decision.quantity,
            "price": decision.price,
            "at": decision.at,
            "seq": decision.seq,
            "offer_seq": decision.offer_seq,
            "rule": decision.rule.value,
            "model_version": MODEL_VERSION,
            "evidence": {
                "is_print": decision.is_print,
                "offered": decision.offered,
                "bid": decision.bid,
                "bid_size": decision.bid_size,
                "ask": decision.ask,
                "ask_size": decision.ask_size,
                "queue_before": decision.queue_before,
            },
        }
        self.entries.fills.append(fill)
        if order.is_buy:
            lines = self._buy(position, decision.quantity, money)
        else:
            lines = self._sell(position, decision.quantity, money)
        self.entries.cash_changes[order.account_id] += lines["cash"]
        self.entries.postings.extend(
            {
                "journal_id": fill["id"],
                "ledger": ledger,
                "user_id": order.user_id,
                "account_id": order.account_id,
                "amount": amount,
            }
            for ledger, amount in lines.items()
            if amount
        )
        return fill

    @staticmethod
    def _buy(position: PositionBook, quantity: int, money: int) -> dict[str, int]:
        if position.quantity < 0:
            raise BooksDisagree("a buy cannot close a short position: this version keeps long positions only")
        position.quantity += quantity
        position.cost += money
        return {"cash": -money, "securities": money}

    @staticmethod
    def _sell(position: PositionBook, quantity: int, money: int) -> dict[str, int]:
        if quantity > position.quantity:
            message = f"a sale of {quantity} out of {position.quantity} (1e-9 shares) would sell short"
            raise BooksDisagree(message)
        cost = share_of(position.cost, quantity, position.quantity)
        position.quantity -= quantity
        position.cost -= cost
        return {"cash": money, "securities": -cost, "realized": cost - money}

    def _hold(self, order: OrderBook) -> None:
        """Bring what the order reserves to what its terms now ask for."""
        is_over = order.status in TERMINAL
        if order.is_buy:
            wanted = 0 if is_over else _cash_wanted(order)
            self.entries.cash_held_changes[order.account_id] += wanted - order.cash_held
            order.cash_held = wanted
        elif is_over:
            self._release_shares(order, order.quantity_held)
        elif order.quantity is not None:
            self._release_shares(order, order.quantity_held - (order.quantity - order.filled_quantity))

    def _release_shares(self, order: OrderBook, quantity: int) -> None:
        order.quantity_held -= quantity
        if quantity:
            self._change_held(order, -quantity)

    def _change_held(self, order: OrderBook, change: int) -> None:
        key = (order.account_id, order.asset_id)
        self.entries.held_changes[key] = self.entries.held_changes.get(key, 0) + change
        self.entries.owners[key] = (order.user_id, order.symbol)
        self.positions.setdefault(key, PositionBook())

    def _event(
        self, order: OrderBook, decision: Decision, fill: dict[str, Any] | None, change: _OrderChange | None
    ) -> dict[str, Any]:
        event: dict[str, Any] = {
            "account_id": order.account_id,
            "user_id": order.user_id,
            "order_id": order.id,
            "kind": decision.event.value,
            "status": (order.status if change is None else change.status).value,
            "at": decision.at,
            "feed_seq": decision.seq,
            "filled_quantity": order.filled_quantity,
            "filled_money": order.filled_money,
            "request_id": order.request_id,
        }
        if fill is not None:
            position = self.positions[order.account_id, order.asset_id]
            event |= {
                "fill_id": fill["id"],
                "quantity": decision.quantity,
                "price": decision.price,
                "position_quantity": position.quantity,
            }
        return event


def _status_after(order: OrderBook, event: Event) -> Status:
    if order.status is Status.PENDING_REPLACE and event is Event.REPLACE_REJECTED:
        # Only an order that was working can wait for its replacement: it works on.
        return Status.PARTIALLY_FILLED if order.filled_quantity else Status.NEW
    return status_after(order.status, event)


def share_of(cost: int, quantity: int, out_of: int) -> int:
    """Return cost x quantity / out_of, rounded half up; exact where the whole is taken."""
    return (2 * cost * quantity + out_of) // (2 * out_of)


def _cash_wanted(order: OrderBook) -> int:
    if order.notional is not None:
        return max(order.notional - order.filled_money, 0)
    assert order.quantity is not None
    return order.reserve_price * (order.quantity - order.filled_quantity)
