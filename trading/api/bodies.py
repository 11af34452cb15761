"""The bodies that requests carry, and their way into our own words. Spec of the wire: 1.2, 3.8.

Here a field is judged alone, or against those that it must come with; whether the order as a whole
keeps the rules is for the services.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from trading.api import numbers
from trading.api.query import boolean
from trading.errors import RuleBroken, ValueInvalid
from trading.services.ticket import StopLoss, TakeProfit, Ticket

if TYPE_CHECKING:
    from decimal import Decimal

SIDES = frozenset({"buy", "sell"})
TYPES = frozenset({"market", "limit", "stop", "stop_limit", "trailing_stop"})
TIMES_IN_FORCE = frozenset({"day", "gtc", "opg", "cls", "ioc", "fok"})
CLASSES = frozenset({"", "simple", "bracket", "oco", "oto", "mleg"})
INTENTS = frozenset({"", "buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"})
CLIENT_ORDER_ID_MAX = 128  # characters

# type -> (needs a limit price, needs a stop price, the words for who does not keep to it)
_PRICES = {
    "market": (False, False, "market orders require no stop or limit price"),
    "limit": (True, False, "limit orders require a limit price, and no stop price"),
    "stop": (False, True, "stop orders require a stop price, and no limit price"),
    "stop_limit": (True, True, "stop limit orders require both stop and limit price"),
    "trailing_stop": (False, False, "trailing stop orders require no stop or limit price"),
}


class TakeProfitBody(msgspec.Struct):
    """The better exit of an order class. An id given here is ignored, as Alpaca ignores it."""

    limit_price: msgspec.Raw = numbers.ABSENT


class StopLossBody(msgspec.Struct):
    """The worse exit of an order class; with a limit price it is a stop limit order."""

    stop_price: msgspec.Raw = numbers.ABSENT
    limit_price: msgspec.Raw = numbers.ABSENT


class OrderBody(msgspec.Struct):
    """POST /v2/orders."""

    symbol: str | None = None
    qty: msgspec.Raw = numbers.ABSENT
    notional: msgspec.Raw = numbers.ABSENT
    side: str | None = None
    type: str | None = None
    time_in_force: str | None = None
    limit_price: msgspec.Raw = numbers.ABSENT
    stop_price: msgspec.Raw = numbers.ABSENT
    trail_price: msgspec.Raw = numbers.ABSENT
    trail_percent: msgspec.Raw = numbers.ABSENT
    extended_hours: bool | int | str | None = None
    client_order_id: str | None = None
    order_class: str | None = None
    take_profit: TakeProfitBody | None = None
    stop_loss: StopLossBody | None = None
    legs: list[dict[str, Any]] | None = None
    position_intent: str | None = None
    advanced_instructions: dict[str, Any] | None = None


class ReplaceBody(msgspec.Struct):
    """PATCH /v2/orders/{id}."""

    qty: msgspec.Raw = numbers.ABSENT
    time_in_force: str | None = None
    limit_price: msgspec.Raw = numbers.ABSENT
    stop_price: msgspec.Raw = numbers.ABSENT
    trail: msgspec.Raw = numbers.ABSENT
    client_order_id: str | None = None


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """What an order's owner wants changed; None leaves a term as it is."""

    quantity: Decimal | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None  # dollars a share or percent, whichever the order trails by
    time_in_force: str | None
    client_order_id: str | None


order_decoder = msgspec.json.Decoder(OrderBody)
replace_decoder = msgspec.json.Decoder(ReplaceBody)


def ticket_of(body: OrderBody) -> Ticket:
    """Return the terms that a body asks for. Raises ValueInvalid, RuleBroken."""
    order_class = _one_of(body.order_class or "", CLASSES, "order_class").removeprefix("simple")
    if order_class == "mleg":
        raise RuleBroken("order class mleg is not supported: there are no options to trade")
    if not body.symbol:
        raise ValueInvalid("symbol is required")
    quantity, notional = numbers.quantity(body.qty), numbers.notional(body.notional)
    if quantity is None and notional is None:
        raise ValueInvalid("qty or notional is required")
    if quantity is not None and notional is not None:
        raise ValueInvalid("only one of qty or notional is accepted")
    side = _one_of(body.side, SIDES, "side")
    order_type = _one_of(body.type, TYPES, "order type")
    time_in_force = _one_of(body.time_in_force, TIMES_IN_FORCE, "time_in_force")
    limit_price, stop_price = (
        numbers.price(body.limit_price, "limit_price"),
        numbers.price(body.stop_price, "stop_price"),
    )
    trail_price, trail_percent = (
        numbers.price(body.trail_price, "trail_price"),
        numbers.price(body.trail_percent, "trail_percent"),
    )
    take_profit, stop_loss = _take_profit(body.take_profit), _stop_loss(body.stop_loss)
    _require_exits(order_class, take_profit, stop_loss)
    if order_class == "oco" and take_profit is not None:
        if limit_price not in {None, take_profit.limit_price}:
            raise ValueInvalid("the limit price of an oco order is its take_profit.limit_price")
        limit_price = None  # some clients send it twice; the ticket says it once
    _require_prices(order_type, order_class, limit_price, stop_price)
    _require_trail(order_type, trail_price, trail_percent)
    if body.legs:
        raise ValueInvalid("legs require the order_class mleg")
    if body.advanced_instructions:
        raise ValueInvalid("advanced_instructions are not supported")
    return Ticket(
        symbol=body.symbol,
        side=side,
        type=order_type,
        time_in_force=time_in_force,
        order_class=order_class,
        quantity=quantity,
        notional=notional,
        limit_price=limit_price,
        stop_price=stop_price,
        trail_price=trail_price,
        trail_percent=trail_percent,
        take_profit=take_profit,
        stop_loss=stop_loss,
        extended_hours=boolean(body.extended_hours, "extended_hours"),
        position_intent=_one_of(body.position_intent or "", INTENTS, "position_intent"),
        client_order_id=client_order_id(body.client_order_id),
    )


def replacement_of(body: ReplaceBody) -> Replacement:
    """Return the changes that a body asks for. Raises ValueInvalid."""
    quantity = numbers.quantity(body.qty)
    if quantity is not None and quantity != quantity.to_integral_value():
        raise ValueInvalid("qty must be a whole number of shares")
    return Replacement(
        quantity=quantity,
        limit_price=numbers.price(body.limit_price, "limit_price"),
        stop_price=numbers.price(body.stop_price, "stop_price"),
        trail=numbers.price(body.trail, "trail"),
        time_in_force=None
        if not body.time_in_force
        else _one_of(body.time_in_force, TIMES_IN_FORCE, "time_in_force"),
        client_order_id=client_order_id(body.client_order_id),
    )


def client_order_id(text: str | None) -> str | None:
    """Return the caller's name for an order, None for an empty one. Raises ValueInvalid."""
    if not text:
        return None
    if len(text) > CLIENT_ORDER_ID_MAX:
        raise ValueInvalid(f"client_order_id must be no more than {CLIENT_ORDER_ID_MAX} characters")
    if not text.isprintable():
        raise ValueInvalid("client_order_id must not contain control characters")
    return text


def _one_of(text: str | None, allowed: frozenset[str], name: str) -> str:
    if text is None:
        raise ValueInvalid(f"{name} is required")
    if text not in allowed:
        raise ValueInvalid(f"invalid {name}")
    return text


def _take_profit(body: TakeProfitBody | None) -> TakeProfit | None:
    price = None if body is None else numbers.price(body.limit_price, "take_profit.limit_price")
    return None if price is None else TakeProfit(limit_price=price)


def _stop_loss(body: StopLossBody | None) -> StopLoss | None:
    if body is None:
        return None
    stop_price = numbers.price(body.stop_price, "stop_loss.stop_price")
    limit_price = numbers.price(body.limit_price, "stop_loss.limit_price")
    if stop_price is not None:
        return StopLoss(stop_price=stop_price, limit_price=limit_price)
    if limit_price is not None:
        raise ValueInvalid("stop_loss.limit_price requires stop_loss.stop_price")
    return None


def _require_exits(order_class: str, take_profit: TakeProfit | None, stop_loss: StopLoss | None) -> None:
    if not order_class and (take_profit or stop_loss):
        raise ValueInvalid("take_profit and stop_loss require an order_class other than simple")
    if order_class == "oto":
        if (take_profit is None) is (stop_loss is None):
            raise ValueInvalid("oto orders require one of take_profit.limit_price or stop_loss.stop_price")
    elif order_class:
        if take_profit is None:
            raise ValueInvalid(f"{order_class} orders require take_profit.limit_price")
        if stop_loss is None:
            raise ValueInvalid(f"{order_class} orders require stop_loss.stop_price")


def _require_prices(
    order_type: str, order_class: str, limit_price: Decimal | None, stop_price: Decimal | None
) -> None:
    needs_limit, needs_stop, text = _PRICES[order_type]
    needs_limit = needs_limit and order_class != "oco"
    if needs_limit is (limit_price is None) or needs_stop is (stop_price is None):
        raise ValueInvalid(text)


def _require_trail(order_type: str, trail_price: Decimal | None, trail_percent: Decimal | None) -> None:
    count = (trail_price is not None) + (trail_percent is not None)
    if order_type == "trailing_stop" and count != 1:
        raise ValueInvalid("trailing stop orders must specify one of trail_price or trail_percent")
    if order_type != "trailing_stop" and count:
        raise ValueInvalid(f"{order_type} orders require no trail")
