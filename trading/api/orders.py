"""/v2/orders: place, list, read, replace, cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpResponse

from accounts.api.bodies import json_response, read_body
from trading.api.base import ORDER_ENTRY, ApiView, KeyAuthentication
from trading.api.bodies import order_decoder, replace_decoder, replacement_of, ticket_of
from trading.api.order_query import generation_of, listed
from trading.api.order_rows import rows_of
from trading.api.query import boolean
from trading.errors import NotFound, TradingError, ValueInvalid
from trading.marketdata import entitlement
from trading.models import Order
from trading.reference import calendar_of
from trading.services.denials import order_not_found
from trading.services.orders import cancel_all_orders, cancel_order, place_order
from trading.services.replacing import replace_order
from trading.wire import order_body

if TYPE_CHECKING:
    from uuid import UUID

    from rest_framework.request import Request

    from trading.models.order import OrderQuerySet

NO_CONTENT, MULTI_STATUS = 204, 207


class _OrderView(ApiView):
    needs_budget: ClassVar[frozenset[str]] = ORDER_ENTRY

    @property
    def _mine(self) -> OrderQuerySet:
        return Order.objects.owned_by(self.principal, self.principal.account_id)

    def _one(self, request: Request, which: OrderQuerySet) -> HttpResponse | None:
        is_nested = boolean(request.GET.get("nested"), "nested")
        rows = rows_of(which, family=self._mine if is_nested else None)
        return json_response(self._body(rows[0])) if rows else None

    def _body(self, row: Any) -> dict[str, Any]:
        is_triggered = row.get("is_triggered", False)
        if not entitlement.may_see_watermark(self.principal.tier, is_triggered=is_triggered):
            row = {**row, "hwm": None}
        return order_body(row, calendar_of(self.principal.market_id))


class Orders(_OrderView):
    """The account's orders."""

    may_remember_key: ClassVar[bool] = True

    def post(self, request: Request) -> HttpResponse:
        """Place an order; answered when it is committed."""
        try:
            ticket = ticket_of(read_body(request, order_decoder))
            row = place_order(principal=self.principal, ticket=ticket, request_id=self.request_id)
        except TradingError:
            # That a dead key is dead is told before anything else is.
            KeyAuthentication().authenticate_anew(request)
            raise
        return json_response(self._body(row))

    def get(self, request: Request) -> HttpResponse:
        """List orders, newest first unless asked otherwise."""
        return json_response([self._body(row) for row in listed(self._mine, request.GET)])

    def delete(self, _request: Request) -> HttpResponse:
        """Ask for the cancel of every open order."""
        asked = cancel_all_orders(principal=self.principal, request_id=self.request_id)
        return json_response(
            [{"id": order_id, "status": 200, "body": None} for order_id in asked], MULTI_STATUS
        )


class OneOrder(_OrderView):
    """One order, by its id."""

    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        """Read it. Raises NotFound."""
        found = self._one(request, self._mine.filter(pk=order_id))
        if found is None:
            raise order_not_found(order_id)
        return found

    def patch(self, request: Request, order_id: UUID) -> HttpResponse:
        """Ask for its replacement; the answer is the successor."""
        wanted = replacement_of(read_body(request, replace_decoder))
        successor_id = replace_order(
            principal=self.principal,
            order_id=order_id,
            quantity=wanted.quantity,
            limit_price=wanted.limit_price,
            stop_price=wanted.stop_price,
            trail=wanted.trail,
            time_in_force=wanted.time_in_force,
            client_order_id=wanted.client_order_id,
            request_id=self.request_id,
        )
        return self.get(request, successor_id)

    def delete(self, _request: Request, order_id: UUID) -> HttpResponse:
        """Ask for its cancel."""
        cancel_order(principal=self.principal, order_id=order_id, request_id=self.request_id)
        return HttpResponse(status=NO_CONTENT)


class MisnamedOrder(ApiView):
    """What looks like an order's path and names no id."""

    needs_budget: ClassVar[frozenset[str]] = ORDER_ENTRY

    def get(self, _request: Request, name: str) -> HttpResponse:
        """Answer as for an id that nobody has. Raises NotFound."""
        raise order_not_found(name[:64])

    patch = delete = get


class OrderByClientId(_OrderView):
    """One order, by its owner's name for it."""

    def get(self, request: Request) -> HttpResponse:
        """Read it, of the present generation unless told otherwise. Raises NotFound."""
        name = request.GET.get("client_order_id", "")
        if not name:
            raise ValueInvalid("client_order_id is missing")
        named = generation_of(self._mine, request.GET).filter(client_order_id=name)
        found = self._one(request, named) if name.isprintable() else None
        if found is None:
            raise NotFound(f"order not found for {name[:128]}")
        return found
