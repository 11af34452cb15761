"""Rows as the wire shows them: one function names every field of an order, once.

REST and stream use the same function, so it takes a plain mapping of columns: a row of
`.values(*ORDER_COLUMNS, asset_class=F("asset__asset_class"))`, or any other row with these names,
and beside them `legs`, the rows of an order's legs, where they are to be shown. Of a trailing stop
`hwm` is what the order and its market know together: see `watermark`.
The stream overlays what was true at an event (status, fills, instants) on the order's row.

Decimals are trimmed plain strings, instants RFC 3339 in UTC. Spec of the wire: 1.3.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from matching.engine.triggers import trailing_stop
from matching.engine.units import DOLLAR, PERCENT_WHOLE
from matching.market.ageing import aged_at
from matching.market.errors import CalendarExhausted
from matching.market.times import to_datetime, to_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matching.market.calendar import Calendar

# The order's own columns; the asset's class comes beside them, as `asset_class`.
ORDER_COLUMNS = (
    "id",
    "client_order_id",
    "created_at",
    "updated_at",
    "submitted_at",
    "filled_at",
    "expired_at",
    "canceled_at",
    "failed_at",
    "replaced_at",
    "cancel_requested_at",
    "replaced_by",
    "replaces",
    "asset_id",
    "symbol",
    "notional",
    "quantity",
    "filled_quantity",
    "filled_money",
    "order_class",
    "type",
    "side",
    "position_intent",
    "time_in_force",
    "limit_price",
    "stop_price",
    "status",
    "extended_hours",
    "trail_percent",
    "trail_price",
    "hwm",
    "cut_off_at",
)

EXACT = Context(prec=80)  # wider than any product of two columns: nothing is rounded by accident
Row = TypeVar("Row", bound="Mapping[str, Any]")

_NINE_PLACES = Decimal("1e-9")
_REPLACED_OR_REFUSED = frozenset({"replaced", "rejected"})
_SIGNS = {"buy": 1, "sell": -1}


def order_body(row: Mapping[str, Any], calendar: Calendar | None = None) -> dict[str, Any]:
    """Return an order as the wire shows it, with its legs where the row has them.

    `calendar` is the market's; without it a day order does not say when it expires.
    """
    legs = row.get("legs")
    return {
        "id": row["id"],
        "client_order_id": row["client_order_id"],
        "created_at": instant(row["created_at"]),
        "updated_at": instant(row["updated_at"]),
        "submitted_at": instant(row["submitted_at"]),
        "filled_at": instant_or_none(row["filled_at"]),
        "expired_at": instant_or_none(row["expired_at"]),
        "expires_at": instant_or_none(expires_at(row, calendar)),
        "cancel_requested_at": instant_or_none(row["cancel_requested_at"]),
        "canceled_at": instant_or_none(row["canceled_at"]),
        "failed_at": instant_or_none(row["failed_at"]),
        "replaced_at": instant_or_none(row["replaced_at"]),
        "replaced_by": row["replaced_by"],
        "replaces": row["replaces"],
        "asset_id": row["asset_id"],
        "symbol": row["symbol"],
        "asset_class": row["asset_class"],
        "notional": plain_or_none(row["notional"]),
        "qty": plain_or_none(row["quantity"]),
        "filled_qty": plain(row["filled_quantity"]),
        "filled_avg_price": average_price(row["filled_money"], row["filled_quantity"]),
        "order_class": row["order_class"],
        "order_type": row["type"],
        "type": row["type"],
        "side": row["side"],
        "position_intent": row["position_intent"] or None,
        "time_in_force": row["time_in_force"],
        "limit_price": plain_or_none(row["limit_price"]),
        "stop_price": plain_or_none(stop_price(row)),
        "status": row["status"],
        "extended_hours": row["extended_hours"],
        "legs": [order_body(leg, calendar) for leg in legs] if legs else None,
        "trail_percent": plain_or_none(row["trail_percent"]),
        "trail_price": plain_or_none(row["trail_price"]),
        "hwm": plain_or_none(row["hwm"]),
        "subtag": None,
        "source": None,
    }


def legs_in_order(legs: Iterable[Row]) -> list[Row]:
    """Return legs as the wire nests them: take-profit, stop-loss, then those that are in force no more."""
    return sorted(
        legs,
        key=lambda leg: (
            leg["status"] in _REPLACED_OR_REFUSED,
            leg["role"] != "take_profit",
            leg["command_no"],
        ),
    )


def expires_at(row: Mapping[str, Any], calendar: Calendar | None) -> datetime | None:
    """Return when time ends the order; None when it cannot wait, or the calendar does not reach.

    A day order ends with the first close after its submission, one for extended hours with the
    last session of its day; a gtc order ages out after 90 days. An order for an auction ends
    with that: the first open, or close, after it could last be entered.
    """
    submitted_at: datetime = row["submitted_at"]
    time_in_force: str = row["time_in_force"]
    if time_in_force == "gtc":
        return to_datetime(aged_at(to_ns(submitted_at)))
    if time_in_force not in {"day", "opg", "cls"} or calendar is None:
        return None
    at = to_ns(row["cut_off_at"] or submitted_at)
    try:
        if time_in_force == "opg":
            return to_datetime(calendar.next_open(at))
        if not row["extended_hours"]:
            return to_datetime(calendar.next_close(at))
        day = calendar.day_at(at) or calendar.day_at(calendar.next_open(at))
    except CalendarExhausted:
        return None
    return None if day is None else to_datetime(day.session_close)


def stop_price(row: Mapping[str, Any]) -> Decimal | None:
    """Return where the order triggers, in dollars; None of a trailing stop that has seen no print (T3).

    Nothing reaches a stop of 0 or less, which a sale with a wide trail may have.
    """
    price: Decimal | None = row["stop_price"]
    hwm: Decimal | None = row["hwm"]
    if row["type"] != "trailing_stop" or hwm is None:
        return price
    trail_price, trail_percent = row["trail_price"], row["trail_percent"]
    stop = trailing_stop(
        _SIGNS[row["side"]],
        _units(hwm, DOLLAR),
        None if trail_price is None else _units(trail_price, DOLLAR),
        None if trail_percent is None else _units(trail_percent, PERCENT_WHOLE // 100),
    )
    return dollars(stop)


def watermark(side: str, own: Decimal | None, market: int | None) -> Decimal | None:
    """Return a trailing stop's watermark in dollars: the further of what its row and its market say.

    `market` is in 1/10,000 dollar. None before the first print since the order works.
    """
    if own is None or market is None:
        return own if market is None else dollars(market)
    return max(own, dollars(market), key=lambda price: -_SIGNS[side] * price)


def dollars(price: int) -> Decimal:
    """Return a price of the engine, in 1/10,000 dollar, as dollars."""
    return EXACT.divide(Decimal(price), Decimal(DOLLAR))


def _units(number: Decimal, unit: int) -> int:
    return int(EXACT.multiply(number, Decimal(unit)))


def average_price(money: Decimal, quantity: Decimal) -> str | None:
    """Return money / quantity as text, rounded half up to 1e-9 dollar; None of nothing."""
    if not quantity:
        return None
    return plain(ratio(money, quantity))


def ratio(part: Decimal, whole: Decimal) -> Decimal:
    """Return part / whole, rounded half up to nine decimals. `whole` is not zero."""
    return EXACT.divide(part, whole).quantize(_NINE_PLACES, rounding=ROUND_HALF_UP, context=EXACT)


def plain(number: Decimal | int) -> str:
    """Return a number in plain notation without trailing zeros: never an exponent, never "-0"."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


def plain_or_none(number: Decimal | None) -> str | None:
    """Return `plain` of a number that may be absent."""
    return None if number is None else plain(number)


def instant(at: datetime) -> str:
    """Return an aware datetime as RFC 3339 in UTC, with a fraction only where there is one."""
    return f"{(at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()[:-6]}Z"


def instant_or_none(at: datetime | None) -> str | None:
    """Return `instant` of a datetime that may be absent."""
    return None if at is None else instant(at)
