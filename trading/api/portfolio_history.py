"""/v2/account/portfolio/history. Spec of the wire: 4.3."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from accounts.api.bodies import json_response
from matching.market.times import SECOND, new_york
from trading.api import query
from trading.api.activities import WORDS
from trading.api.base import ApiView
from trading.errors import ValueInvalid
from trading.history.spans import REPORTINGS, Ask
from trading.services.activities import DEPOSIT, FEE
from trading.services.portfolio import portfolio
from trading.wire import EXACT

if TYPE_CHECKING:
    from django.http import HttpResponse, QueryDict
    from rest_framework.request import Request

    from trading.services.portfolio import Item

PER_DAY, NO_RESET = "per_day", "no_reset"
_DATE_LENGTH = len("2013-10-08")
_CENT = Decimal("0.01")


class PortfolioHistory(ApiView):
    """What the account was worth."""

    def get(self, request: Request) -> HttpResponse:
        """Read it: of a month, day by day, unless asked otherwise. Its numbers are JSON's."""
        flows = _flows(request.GET)
        found = portfolio(
            principal=self.principal,
            ask=_ask(request.GET),
            is_reset_daily=query.choice(request.GET, "pnl_reset", (PER_DAY, NO_RESET), PER_DAY) == PER_DAY,
            wants_flows=bool(flows),
        )
        body: dict[str, Any] = {
            "timestamp": [item.stamp // SECOND for item in found.items],
            "equity": [_money(item.equity) for item in found.items],
            "profit_loss": [_money(item.profit_loss) for item in found.items],
            "profit_loss_pct": [float(item.fraction) for item in found.items],
            "base_value": None if found.base_value is None else _money(found.base_value),
            "timeframe": found.timeframe,
            "cashflow": _cashflow(found.items, flows),
        }
        if found.base_date is not None:
            body["base_value_asof"] = str(found.base_date)
        return json_response(body)


def _ask(given: QueryDict) -> Ask:
    is_extended = query.boolean(given.get("extended_hours"), "extended_hours")
    reporting = query.choice(
        given, "intraday_reporting", REPORTINGS, "extended_hours" if is_extended else "market_hours"
    )
    end = _instant(given, "end", hour=24)
    if end is None and (day := query.day(given, "date_end")) is not None:
        end = new_york(day, 24) - 1
    return Ask(
        period=given.get("period") or None,
        timeframe=given.get("timeframe") or None,
        start=_instant(given, "start", hour=0),
        end=end,
        reporting=reporting,
    )


def _instant(given: QueryDict, name: str, *, hour: int) -> int | None:
    """Read an instant; a plain date means New York's day, from its beginning or to its end."""
    text = given.get(name, "").strip()
    if len(text) != _DATE_LENGTH:
        return query.moment(given, name)
    day = query.day(given, name)
    return None if day is None else new_york(day, hour) - (1 if hour else 0)


def _flows(given: QueryDict) -> dict[str, str]:
    """Return which of an item's flows are asked for, by activity type. Raises ValueInvalid."""
    known = {DEPOSIT: "deposited", FEE: "fees"}
    words = {word.upper() for word in query.words(given, "cashflow_types")} - {"NONE"}
    if unknown := sorted(words - WORDS - {"ALL"}):
        raise ValueInvalid(f"invalid cashflow type {unknown[0][:64]}")
    return {name: field for name, field in known.items() if name in words or "ALL" in words}


def _cashflow(items: tuple[Item, ...], flows: dict[str, str]) -> dict[str, list[float]]:
    """Return the flows by activity type, each as long as the history; what never flowed is left out."""
    found = {name: [getattr(item, field) for item in items] for name, field in flows.items()}
    signs = {DEPOSIT: 1, FEE: -1}
    return {
        name: [_money(signs[name] * amount) for amount in amounts]
        for name, amounts in found.items()
        if any(amounts)
    }


def _money(amount: Decimal) -> float:
    """Return dollars and cents as a JSON number."""
    return float(amount.quantize(_CENT, rounding=ROUND_HALF_UP, context=EXACT)) + 0.0
