"""/v2/account/activities. Spec of the wire: 4.4."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from accounts.api.bodies import json_response
from matching.market.times import MICROSECOND, NEW_YORK, new_york, new_york_date, to_datetime
from trading.api import query
from trading.api.base import ApiView
from trading.api.order_query import GENERATION_MAX
from trading.errors import ValueInvalid
from trading.services.activities import DEPOSIT, FEE, FILL, INTEREST, JOURNAL, TYPES, Span, activities
from trading.wire import instant, plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.http import HttpResponse, QueryDict
    from rest_framework.request import Request

    from trading.services.activities import Activity

PAGE_SIZE = 100
# Alpaca's words. Of most of them nothing happens here, and nothing is what they find.
WORDS = frozenset(
    {
        "ACATC",
        "ACATS",
        "CFEE",
        "CGD",
        "CIL",
        "CSD",
        "CSW",
        "DIV",
        "DIVCGL",
        "DIVCGS",
        "DIVFEE",
        "DIVFT",
        "DIVNRA",
        "DIVROC",
        "DIVTW",
        "DIVTXEX",
        "DIVWH",
        "EXTRD",
        "FEE",
        "FILL",
        "FOPT",
        "FXTRD",
        "INT",
        "INTNRA",
        "INTPNL",
        "INTTW",
        "JNL",
        "JNLC",
        "JNLS",
        "MA",
        "MEM",
        "MISC",
        "NC",
        "OCT",
        "OPASN",
        "OPCA",
        "OPCSH",
        "OPEXC",
        "OPEXP",
        "OPTRD",
        "PTC",
        "PTR",
        "QII",
        "REG",
        "REORG",
        "SPIN",
        "SPLIT",
        "SWP",
        "TRANS",
        "VOF",
        "WH",
    }
)
_GROUPS = {"TRANS": {DEPOSIT}, "JNL": {JOURNAL}, "MISC": {FILL, FEE, INTEREST}}
_CATEGORIES = {"trade_activity": {FILL}, "non_trade_activity": set(TYPES) - {FILL}}
_NEXT = MICROSECOND  # `after` and `until` leave out their own instant


class Activities(ApiView):
    """What happened to the account: fills, deposits, fees, interest, and what a reset took out."""

    def get(self, request: Request, activity_type: str = "") -> HttpResponse:
        """List them, newest first unless asked otherwise."""
        found = activities(principal=self.principal, span=_span(request.GET, activity_type))
        return json_response([activity_body(each) for each in found])


def activity_body(each: Activity) -> dict[str, Any]:
    """Return an activity as the wire shows it."""
    if each.type != FILL:
        body = {
            "id": each.id,
            "activity_type": each.type,
            "date": str(each.at.astimezone(NEW_YORK).date()),
            "created_at": instant(each.at),
            "net_amount": plain(each.amount),
            "description": each.description,
            "status": "executed",
            "currency": "USD",
        }
        return {**body, "symbol": each.symbol, "qty": plain(each.quantity)} if each.symbol else body
    return {
        "id": each.id,
        "activity_type": FILL,
        "transaction_time": instant(each.at),
        "type": "fill" if each.is_last else "partial_fill",
        "price": plain(each.price),
        "qty": plain(each.quantity),
        "side": each.side,
        "symbol": each.symbol,
        "leaves_qty": plain(each.leaves_quantity),
        "order_id": each.order_id,
        "cum_qty": plain(each.filled_quantity),
        "order_status": "filled" if each.is_last else "partially_filled",
    }


def _span(given: QueryDict, activity_type: str) -> Span:
    """Return which activities are asked for. Raises ValueInvalid."""
    first, end = _instants(given)
    return Span(
        types=frozenset(_types(given, activity_type)),
        limit=query.whole(given, "page_size", PAGE_SIZE, PAGE_SIZE),
        generation=query.whole(given, "generation", 0, GENERATION_MAX) or None,
        order_id=query.identifier(given, "order_id"),
        first=first,
        end=end,
        is_ascending=query.choice(given, "direction", ("asc", "desc"), "desc") == "asc",
        after=given.get("page_token") or None,
    )


def _types(given: QueryDict, activity_type: str) -> Iterable[str]:
    words = [activity_type] if activity_type else query.words(given, "activity_types")
    category = query.choice(given, "category", (*_CATEGORIES, ""), "")
    if category and words:
        raise ValueInvalid("only one of category or activity_types is accepted")
    if category:
        return _CATEGORIES[category]
    if unknown := [word for word in words if word.upper() not in WORDS]:
        raise ValueInvalid(f"invalid activity type {unknown[0][:64]}")
    wanted = {each for word in words for each in _GROUPS.get(word.upper(), {word.upper()})}
    return wanted.intersection(TYPES) if words else TYPES


def _instants(given: QueryDict) -> tuple[datetime | None, datetime | None]:
    """Return the bounds [first, end): of `date`, a day of New York's, or of `after` and `until`."""
    after, until = query.moment(given, "after"), query.moment(given, "until")
    if "date" in given and (day := _day(given)) is not None:
        if after is not None or until is not None:
            raise ValueInvalid("only one of date or after and until is accepted")
        return to_datetime(new_york(day)), to_datetime(new_york(day + timedelta(days=1)))
    first = None if after is None else to_datetime(after + _NEXT)
    return first, None if until is None else to_datetime(until)


def _day(given: QueryDict) -> Any:
    """Return the day of `date`; an instant counts as its day in New York."""
    text = given.get("date", "").strip()
    if len(text) <= len("2013-10-08"):
        return query.day(given, "date")
    at = query.moment(given, "date")
    return None if at is None else new_york_date(at)
