"""What a case works with: the SDK, its symbols, the market's time, and what the stream has told.

A wish returns when the market has decided it, as heard from the stream; `told` returns what else was
heard, in the case's own names for its orders.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from alpaca.trading.enums import QueryOrderStatus
from alpaca.trading.requests import (
    GetOrderByIdRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopOrderRequest,
    TrailingStopOrderRequest,
)

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient
    from alpaca.trading.models import Order, Position, TradeUpdate

    from tests.contract.conformance.broker import Broker
    from tests.contract.conformance.registry import Case

DECIDED = {"new", "accepted", "rejected"}
OVER = {"canceled", "order_cancel_rejected", "fill", "expired"}
REPLACED = {"replaced", "order_replace_rejected"}


class Desk:
    """One case's. Market time stands where the case last moved it."""

    def __init__(self, broker: Broker, case: Case, starts_at: datetime) -> None:
        self.broker = broker
        self.client: TradingClient = broker.client
        self.symbol, self.other = case.symbol, case.other_symbol
        self.starts_at = starts_at
        self._names: dict[Any, str] = {}
        self._read = len(broker.listener.log)

    # Time

    def instant(self, second: float) -> datetime:
        """Return an instant of the case as UTC."""
        return self.starts_at + timedelta(seconds=second)

    def at(self, second: float) -> None:
        """Move the market to so many seconds after the case's beginning, and have all of it decided."""
        self.broker.advance(self.instant(second))

    # Terms

    def market(self, side: str, qty: float | None = None, **more: Any) -> MarketOrderRequest:
        return MarketOrderRequest(**self._terms(side, qty, more))

    def limit(self, side: str, qty: float | None, price: float | None, **more: Any) -> LimitOrderRequest:
        return LimitOrderRequest(**self._terms(side, qty, {"limit_price": price, **more}))

    def stop(self, side: str, qty: float, price: float, **more: Any) -> StopOrderRequest:
        return StopOrderRequest(**self._terms(side, qty, {"stop_price": price, **more}))

    def stop_limit(self, side: str, qty: float, stop: float, limit: float) -> StopLimitOrderRequest:
        return StopLimitOrderRequest(**self._terms(side, qty, {"stop_price": stop, "limit_price": limit}))

    def trailing(self, side: str, qty: float, **more: Any) -> TrailingStopOrderRequest:
        return TrailingStopOrderRequest(**self._terms(side, qty, more))

    def _terms(self, side: str, qty: float | None, more: dict[str, Any]) -> dict[str, Any]:
        return {"symbol": self.symbol, "qty": qty, "side": side, "time_in_force": "day", **more}

    # Wishes

    def place(self, terms: Any, *names: str) -> Order:
        """Submit an order and have it decided; the names are those of the order and its legs."""
        order = cast("Order", self.client.submit_order(terms))
        for name, one in zip(names, [order, *(order.legs or ())], strict=True):
            self._names[one.id] = name
        self._until(order, DECIDED)
        return order

    def hold(self, qty: float = 100) -> None:
        """Have the account hold shares, bought at the market."""
        self.place(self.market("buy", qty), "purchase")
        self.told()

    def cancel(self, order: Order) -> None:
        """Cancel an order and have that decided."""
        self.client.cancel_order_by_id(order.id)
        self._until(order, OVER)

    def replace(self, order: Order, name: str, **changes: Any) -> Order:
        """Replace an order, have that decided, and name the successor."""
        successor = cast("Order", self.client.replace_order_by_id(order.id, ReplaceOrderRequest(**changes)))
        self._names[successor.id] = name
        self._until(order, REPLACED)
        return successor

    def name(self, order: Order, name: str) -> None:
        """Call an order by a name from now on."""
        self._names[order.id] = name

    def _until(self, order: Order, events: set[str]) -> None:
        def is_there() -> bool:
            return any(each.order.id == order.id and text(each.event) in events for each in self._log())

        self.broker.listener.until(is_there, f"any of {sorted(events)} of {self._names.get(order.id)}")

    # What it sees

    def story(self) -> list[TradeUpdate]:
        """Return the updates of the named orders since the last time; all that is committed was heard."""
        mark = self.broker.mark()

        def is_there() -> bool:
            return any(each.order.id == mark for each in self._log())

        self.broker.listener.until(is_there, "the last order of all")
        log = self._log()
        until = next(number for number, each in enumerate(log) if each.order.id == mark)
        self._read += until + 1
        self.client.cancel_order_by_id(mark)
        return [each for each in log[:until] if each.order.id in self._names]

    def told(self) -> list[str]:
        """Return the updates since the last time as `name event`."""
        return self.named(self.story())

    def named(self, updates: list[TradeUpdate]) -> list[str]:
        """Return updates as `name event`."""
        return [f"{self._names[each.order.id]} {text(each.event)}" for each in updates]

    def _log(self) -> list[TradeUpdate]:
        return self.broker.listener.log[self._read :]

    def order(self, order: Order) -> Order:
        """Read an order anew, with its legs."""
        return cast("Order", self.client.get_order_by_id(order.id, GetOrderByIdRequest(nested=True)))

    def orders(self, **filters: Any) -> list[Order]:
        """List orders of the case's symbols; all of them unless filters say otherwise."""
        known = {"status": QueryOrderStatus.ALL, "symbols": [self.symbol, self.other], **filters}
        return cast("list[Order]", self.client.get_orders(GetOrdersRequest(**known)))

    def position(self) -> Position:
        return cast("Position", self.client.get_open_position(self.symbol))


def text(word: Any) -> str:
    """Return an enumeration's value, or the text that the SDK left as it came."""
    return str(getattr(word, "value", word))
