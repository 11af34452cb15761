"""A small working broker in memory, and its network, which may lose things on either way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from queue import Queue
from typing import TYPE_CHECKING, Any

from broker_handoff.ports import (
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    BrokerRefused,
    BrokerUnavailable,
    OutcomeUnknown,
    TokenRefused,
)
from broker_handoff.states import FINAL, IntentStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from uuid import UUID

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
_S = IntentStatus
# What the network does to one call: lose it on the way there, on the way back, bring it twice, or bring trouble.
LOST, UNHEARD, TWICE = "lost", "unheard", "twice"


@dataclass
class FakeBroker:
    """Buys at 10 dollars, has an id for each order, and takes no name twice. `troubles` are had in turn, one a call."""

    number: str = "PA3XYZ"
    tokens: set[str] | None = None  # those that open; None: any
    orders: dict[str, BrokerOrder] = field(default_factory=dict)
    held: dict[str, Decimal] = field(default_factory=dict)
    troubles: deque[str | Exception | None] = field(default_factory=deque)
    calls: list[str] = field(default_factory=list)
    told: Queue[BrokerOrder | None] = field(default_factory=Queue)
    _numbers: Any = field(default_factory=lambda: count(1))

    def build(self, token: str) -> _Account:
        """Return the account for one request, as `broker_handoff.ports.BrokerBuilder`."""
        return _Account(self, token)

    # What happens there without us

    def fill(self, order_id: str, quantity: str, price: str = "10") -> BrokerOrder:
        """Fill some of an order."""
        order = self.orders[order_id]
        filled = order.filled_quantity + Decimal(quantity)
        is_over = filled == order.quantity
        sign = 1 if order.side == "buy" else -1
        self.held[order.symbol] = self.held.get(order.symbol, Decimal(0)) + sign * Decimal(quantity)
        return self.put(
            replace(
                order,
                filled_quantity=filled,
                filled_average_price=Decimal(price),
                word="filled" if is_over else "partially_filled",
                status=_S.FILLED if is_over else _S.WORKING,
            )
        )

    def end(self, order_id: str, word: str) -> BrokerOrder:
        """End an order by one of the words that are ours as well."""
        return self.put(replace(self.orders[order_id], word=word, status=IntentStatus(word)))

    def place(self, client_order_id: str, **terms: Any) -> BrokerOrder:
        """Take an order, from whomever."""
        if terms["symbol"] == "NONE":
            raise BrokerRefused("asset NONE is not found", "42210000")
        if any(order.client_order_id == client_order_id for order in self.orders.values()):
            raise BrokerRefused("client_order_id must be unique", "40010001")
        return self.put(
            BrokerOrder(
                id=f"b{next(self._numbers)}",
                client_order_id=client_order_id,
                symbol=terms["symbol"],
                side=terms["side"],
                status=_S.WORKING,
                word="new",
                quantity=Decimal(terms["qty"]),
                filled_quantity=Decimal(0),
                filled_average_price=None,
                at=AT,
            )
        )

    def put(self, order: BrokerOrder) -> BrokerOrder:
        """Write an order down as it stands, and tell the stream."""
        self.orders[order.id] = order
        self.told.put(order)
        return order

    def hang_up(self) -> None:
        """End the stream of whoever listens."""
        self.told.put(None)

    def named(self, client_order_id: object) -> list[BrokerOrder]:
        return [order for order in self.orders.values() if order.client_order_id == str(client_order_id)]


@dataclass
class _Account:
    at: FakeBroker
    token: str

    def account(self) -> BrokerAccount:
        return self._call(
            "account",
            lambda: BrokerAccount(
                number=self.at.number,
                is_active=True,
                is_blocked=False,
                equity=Decimal(1_000),
                buying_power=Decimal(1_000),
            ),
        )

    def is_open(self) -> bool:
        return self._call("is_open", lambda: True)

    def submit(self, client_order_id: UUID, terms: Mapping[str, object]) -> BrokerOrder:
        return self._call("submit", lambda: self.at.place(str(client_order_id), **terms))

    def order_of(self, client_order_id: UUID) -> BrokerOrder | None:
        return self._call("order_of", lambda: next(iter(self.at.named(client_order_id)), None))

    def cancel(self, broker_order_id: str) -> None:
        def end() -> None:
            order = self._open(broker_order_id)
            self.at.end(order.id, "canceled")

        self._call("cancel", end)

    def replace(
        self, broker_order_id: str, client_order_id: UUID, terms: Mapping[str, object]
    ) -> BrokerOrder:
        def put() -> BrokerOrder:
            first = self._open(broker_order_id)
            made = self.at.place(
                str(client_order_id),
                **{"symbol": first.symbol, "side": first.side, "qty": str(first.quantity), **terms},
            )
            self.at.end(first.id, "replaced")
            return made

        return self._call("replace", put)

    def open_orders(self) -> Sequence[BrokerOrder]:
        return self._call(
            "open_orders", lambda: [one for one in self.at.orders.values() if one.status not in FINAL]
        )

    def positions(self) -> Sequence[BrokerPosition]:
        return self._call(
            "positions",
            lambda: [
                BrokerPosition(symbol=name, quantity=held) for name, held in self.at.held.items() if held
            ],
        )

    def updates(self) -> Iterator[BrokerOrder]:
        self._call("updates", lambda: None)
        return self._told()

    def _told(self) -> Iterator[BrokerOrder]:
        while (order := self.at.told.get()) is not None:
            yield order
        raise BrokerUnavailable("the broker's stream has ended")

    def _open(self, broker_order_id: str) -> BrokerOrder:
        order = self.at.orders.get(broker_order_id)
        if order is None or order.status in FINAL:
            raise BrokerRefused("order is not open", "42210000")
        return order

    def _call(self, name: str, do: Callable[[], Any]) -> Any:
        self.at.calls.append(name)
        trouble = self.at.troubles.popleft() if self.at.troubles else None
        if isinstance(trouble, Exception):
            raise trouble
        if trouble == LOST:
            raise OutcomeUnknown("time-out")
        if self.at.tokens is not None and self.token not in self.at.tokens:
            raise TokenRefused("access token is void", "40110000")
        answer = do()
        if trouble == TWICE:
            answer = do()
        if trouble == UNHEARD:
            raise OutcomeUnknown("time-out")
        return answer
