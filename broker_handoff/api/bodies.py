"""The bodies of live requests, and their way into a broker's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from accounts.errors import ValueInvalid
from broker_handoff.terms import PRICES, SIDES, TIMES_IN_FORCE, differing_terms
from trading import reference
from trading.api import numbers
from trading.models import Asset
from trading.wire import plain

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

REASON_DEFAULT = "closed by its owner"


class OrderBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /raxx/v1/live/orders. What it does not know it refuses: nothing that was meant may be left out."""

    symbol: str | None = None
    side: str | None = None
    type: str | None = None
    time_in_force: str | None = None
    qty: msgspec.Raw = numbers.ABSENT
    notional: msgspec.Raw = numbers.ABSENT
    limit_price: msgspec.Raw = numbers.ABSENT
    stop_price: msgspec.Raw = numbers.ABSENT
    extended_hours: bool = False
    is_repeat: bool = False


class ReplaceBody(msgspec.Struct, forbid_unknown_fields=True):
    """PATCH /raxx/v1/live/orders/{intent_id}."""

    qty: msgspec.Raw = numbers.ABSENT
    limit_price: msgspec.Raw = numbers.ABSENT
    stop_price: msgspec.Raw = numbers.ABSENT
    time_in_force: str | None = None
    is_repeat: bool = False


class LimitsBody(msgspec.Struct, forbid_unknown_fields=True):
    """PUT /raxx/v1/live/limits; what is absent stays as it is."""

    notional_max: msgspec.Raw = numbers.ABSENT
    day_notional_max: msgspec.Raw = numbers.ABSENT
    open_orders_max: int | None = None
    price_distance_max_bps: int | None = None


class CloseBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /raxx/v1/live/kill-switch."""

    reason: str = REASON_DEFAULT


order_decoder = msgspec.json.Decoder(OrderBody)
replace_decoder = msgspec.json.Decoder(ReplaceBody)
limits_decoder = msgspec.json.Decoder(LimitsBody)
close_decoder = msgspec.json.Decoder(CloseBody)


def terms_of(body: OrderBody) -> dict[str, Any]:
    """Return the terms of an order. Raises ValueInvalid."""
    terms: dict[str, Any] = {
        "symbol": _symbol(body.symbol),
        "side": _one_of(body.side, SIDES, "side"),
        "type": _one_of(body.type, PRICES, "order type"),
        "time_in_force": _one_of(body.time_in_force, TIMES_IN_FORCE, "time_in_force"),
        **_numbers(body),
    }
    if (notional := numbers.notional(body.notional)) is not None:
        terms["notional"] = plain(notional)
    if body.extended_hours:
        terms["extended_hours"] = True
    if (wrong := differing_terms(terms)) is not None:
        raise ValueInvalid(wrong)
    return terms


def changes_of(body: ReplaceBody) -> dict[str, Any]:
    """Return what a replacement changes. Raises ValueInvalid."""
    changes = _numbers(body)
    if body.time_in_force is not None:
        changes["time_in_force"] = _one_of(body.time_in_force, TIMES_IN_FORCE, "time_in_force")
    if not changes:
        raise ValueInvalid("a replacement changes qty, limit_price, stop_price or time_in_force")
    return changes


def limits_in(body: LimitsBody) -> dict[str, Decimal | int]:
    """Return the limits that a body sets. Raises ValueInvalid."""
    money = {name: numbers.price(getattr(body, name), name) for name in ("notional_max", "day_notional_max")}
    counts = {name: getattr(body, name) for name in ("open_orders_max", "price_distance_max_bps")}
    found = {name: value for name, value in {**money, **counts}.items() if value is not None}
    if not found:
        raise ValueInvalid("which limit?")
    return found


def _numbers(body: OrderBody | ReplaceBody) -> dict[str, str]:
    found = {
        "qty": numbers.quantity(body.qty),
        "limit_price": numbers.price(body.limit_price, "limit_price"),
        "stop_price": numbers.price(body.stop_price, "stop_price"),
    }
    return {name: plain(value) for name, value in found.items() if value is not None}


def _symbol(name: str | None) -> str:
    if not name:
        raise ValueInvalid("symbol is required")
    asset = reference.asset_named(name)
    if asset is None or asset.asset_class != Asset.AssetClass.US_EQUITY:
        raise ValueInvalid(f'asset "{name[:36]}" not found')
    return str(asset.symbol)


def _one_of(word: str | None, allowed: Collection[str], name: str) -> str:
    if word is None or word not in allowed:
        raise ValueInvalid(f"{name} must be one of {', '.join(sorted(allowed))}")
    return word
