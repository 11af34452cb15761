"""An order as a bot sends it: the same request as Python for Alpaca's SDK, and as a line for a shell."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from trading.wire import plain_or_none

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from trading.services.ticket import Ticket

REQUESTS = {
    "market": "MarketOrderRequest",
    "limit": "LimitOrderRequest",
    "stop": "StopOrderRequest",
    "stop_limit": "StopLimitOrderRequest",
    "trailing_stop": "TrailingStopOrderRequest",
}
_NUMBERS = ("qty", "notional", "limit_price", "stop_price", "trail_price", "trail_percent")
_EXITS = {"take_profit": "TakeProfitRequest", "stop_loss": "StopLossRequest"}


def wire_of(ticket: Ticket) -> dict[str, Any]:
    """Return the body that POST /v2/orders takes for a ticket: its fields in Alpaca's words, unset ones left out."""
    target, stop = ticket.take_profit, ticket.stop_loss
    fields: dict[str, Any] = {
        "symbol": ticket.symbol,
        "qty": plain_or_none(ticket.quantity),
        "notional": plain_or_none(ticket.notional),
        "side": ticket.side,
        "type": ticket.type,
        "time_in_force": ticket.time_in_force,
        "limit_price": plain_or_none(ticket.limit_price),
        "stop_price": plain_or_none(ticket.stop_price),
        "trail_price": plain_or_none(ticket.trail_price),
        "trail_percent": plain_or_none(ticket.trail_percent),
        "extended_hours": ticket.extended_hours or None,
        "client_order_id": ticket.client_order_id,
        "order_class": ticket.order_class or None,
        "take_profit": None if target is None else {"limit_price": plain_or_none(target.limit_price)},
        "stop_loss": None
        if stop is None
        else _set(
            {"stop_price": plain_or_none(stop.stop_price), "limit_price": plain_or_none(stop.limit_price)}
        ),
    }
    return _set(fields)


def json_of(wire: Mapping[str, Any]) -> str:
    """Return the body as it is shown."""
    return json.dumps(wire, indent=2, ensure_ascii=False)


def curl_of(wire: Mapping[str, Any], base_url: str) -> str:
    """Return a shell's command that places the order; the key is to be put in."""
    return " \\\n  ".join(
        (
            f"curl -X POST {shlex.quote(f'{base_url}/v2/orders')}",
            "-H 'APCA-API-KEY-ID: YOUR_KEY_ID'",
            "-H 'APCA-API-SECRET-KEY: YOUR_SECRET_KEY'",
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps(wire, ensure_ascii=False))}",
        )
    )


def python_of(wire: Mapping[str, Any], base_url: str) -> str:
    """Return a program for Alpaca's SDK that places the order; the key is to be put in."""
    request = REQUESTS[wire["type"]]
    exits = [kind for name, kind in _EXITS.items() if name in wire]
    enums = [*(["OrderClass"] if "order_class" in wire else []), "OrderSide", "TimeInForce"]
    terms = "\n".join(f"        {line}," for line in _terms(wire))
    return "\n".join(
        (
            "from alpaca.trading.client import TradingClient",
            f"from alpaca.trading.enums import {', '.join(enums)}",
            f"from alpaca.trading.requests import {', '.join(sorted([request, *exits]))}",
            "",
            f'client = TradingClient("YOUR_KEY_ID", "YOUR_SECRET_KEY", url_override={_quoted(base_url)})',
            "order = client.submit_order(",
            f"    {request}(",
            terms,
            "    )",
            ")",
            "print(order.id, order.status)",
            "",
        )
    )


def _terms(wire: Mapping[str, Any]) -> Iterator[str]:
    for name, value in wire.items():
        if name == "type":
            continue  # the class of the request says it
        if name == "side":
            yield f"side=OrderSide.{value.upper()}"
        elif name == "time_in_force":
            yield f"time_in_force=TimeInForce.{value.upper()}"
        elif name == "order_class":
            yield f"order_class=OrderClass.{value.upper()}"
        elif name in _EXITS:
            yield f"{name}={_EXITS[name]}({', '.join(f'{key}={price}' for key, price in value.items())})"
        elif name in _NUMBERS or isinstance(value, bool):
            yield f"{name}={value}"
        else:
            yield f"{name}={_quoted(value)}"


def _quoted(text: str) -> str:
    """Return Python's literal for a text; JSON's is one, but for what lies beyond 16 bits."""
    return json.dumps(text, ensure_ascii=False)


def _set(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
