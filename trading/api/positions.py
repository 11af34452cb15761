"""/v2/positions: what the account holds, and getting rid of it. Spec of the wire: 1.4, 3.12, 4.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from accounts.api.bodies import json_response
from trading.api import numbers, query
from trading.api.base import CLOSING, ApiView
from trading.errors import NotFound, OrderDenied, ValueInvalid
from trading.reference import calendar_of
from trading.selectors import position_in, positions
from trading.services.closing import close_all_positions, close_position
from trading.wire import order_body, plain, plain_or_none

if TYPE_CHECKING:
    from django.http import HttpResponse
    from rest_framework.request import Request

    from trading.selectors import PositionFigures
    from trading.services.closing import Closing

MULTI_STATUS = 207


class Positions(ApiView):
    """What the account holds."""

    needs_budget: ClassVar[frozenset[str]] = CLOSING

    def get(self, _request: Request) -> HttpResponse:
        """List it, by symbol."""
        return json_response([position_body(position) for position in positions(self.principal)])

    def delete(self, request: Request) -> HttpResponse:
        """Close everything, after canceling what is open when `cancel_orders` says so."""
        closings = close_all_positions(
            principal=self.principal,
            cancel_orders=query.boolean(request.GET.get("cancel_orders"), "cancel_orders"),
            request_id=self.request_id,
        )
        return json_response([self._item(closing) for closing in closings], MULTI_STATUS)

    def _item(self, closing: Closing) -> dict[str, Any]:
        """Return what became of one position: the order, or the answer that closing it alone would get."""
        if closing.error is not None:
            answer: Any = self.handle_exception(closing.error)
            return {
                "symbol": closing.symbol,
                "status": answer.status_code,
                "body": msgspec.Raw(answer.content),
            }
        assert closing.order is not None
        return {
            "symbol": closing.symbol,
            "status": 200,
            "order_id": closing.order["id"],
            "body": order_body(closing.order, calendar_of(self.principal.market_id)),
        }


class OnePosition(ApiView):
    """What the account holds of one asset, by symbol or id."""

    needs_budget: ClassVar[frozenset[str]] = CLOSING

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Read it. Raises NotFound."""
        position = position_in(self.principal, name)
        if position is None:
            raise NotFound("position does not exist")
        return json_response(position_body(position))

    def delete(self, request: Request, name: str) -> HttpResponse:
        """Close it: all of it, `qty` shares, or `percentage` of them. The answer is the order."""
        quantity = numbers.quantity(numbers.of_query(request.GET, "qty"))
        percentage = numbers.decimal(numbers.of_query(request.GET, "percentage"), "percentage")
        if quantity is not None and percentage is not None:
            raise ValueInvalid("only one of qty or percentage is accepted")
        row = close_position(
            principal=self.principal,
            name=name,
            quantity=quantity,
            percentage=percentage,
            request_id=self.request_id,
        )
        return json_response(order_body(row, calendar_of(self.principal.market_id)))


class Exercise(ApiView):
    """The exercise of an option contract, which nobody holds until options can be traded."""

    needs_budget: ClassVar[frozenset[str]] = CLOSING

    def post(self, _request: Request, name: str) -> HttpResponse:
        """Refuse it. Raises OrderDenied."""
        raise OrderDenied(f"position does not exist for option contract {name[:64]}")


def position_body(figures: PositionFigures) -> dict[str, Any]:
    """Return a position as the wire shows it."""
    asset = figures.asset
    return {
        "asset_id": asset.pk,
        "symbol": asset.symbol,
        "exchange": asset.exchange,
        "asset_class": asset.asset_class,
        "asset_marginable": asset.marginable,
        "qty": plain(figures.quantity),
        "qty_available": plain(figures.available),
        "side": "long" if figures.quantity > 0 else "short",
        "avg_entry_price": plain(figures.average_price),
        "cost_basis": plain(figures.cost),
        "market_value": plain(figures.market_value),
        "current_price": plain(figures.price),
        "lastday_price": plain_or_none(figures.previous_close),
        "change_today": plain_or_none(figures.change_today),
        "unrealized_pl": plain(figures.unrealized),
        "unrealized_plpc": plain(figures.unrealized_fraction),
        "unrealized_intraday_pl": plain(figures.unrealized_today),
        "unrealized_intraday_plpc": plain(figures.unrealized_today_fraction),
    }
