"""Take over an account's events: what shall be sent, what was canceled, and how each order went here.

All of a page is written in one transaction with the place up to which it was read, so that each event counts once.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction

from broker_handoff.models import ShadowLink, ShadowOrder
from broker_handoff.shadow.links import require_lease
from broker_handoff.states import IntentStatus
from trading.models import Fill, Order, OrderEvent
from trading.models.order import TERMINAL_STATUSES
from trading.wire import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

EVENTS_A_PAGE = 500
_PLACED = "pending_new"
_EXECUTIONS = ("partial_fill", "fill")
_CANCELS = ("pending_cancel", "canceled")
_AT_ONCE = frozenset({"ioc", "fok"})  # end by themselves, there as here


@transaction.atomic(durable=True)
def take_page(link: ShadowLink) -> bool:
    """Take over one page of events; False where there was none. Raises LeaseLost."""
    require_lease(link)
    log = OrderEvent.objects.across_owners().filter(account_id=link.account_id)
    events = list(log.filter(seq__gt=link.followed_seq).order_by("seq")[:EVENTS_A_PAGE])
    if not events:
        return False
    everybodys = Order.objects.across_owners()
    orders = everybodys.in_bulk([event.order_id for event in events])
    orders |= everybodys.in_bulk([order.replaces for order in orders.values() if order.replaces])
    rows = ShadowOrder.objects.across_owners().in_bulk([*orders, *(event.order_id for event in events)])
    rules = _rules(events)
    for event in events:
        row = rows.get(event.order_id)
        if row is None and event.kind == _PLACED and event.seq > link.since_seq and event.order_id in orders:
            row = rows[event.order_id] = _row(event, orders[event.order_id])
            _keep_total(row, orders, rows)
        if row is not None:
            _take(row, event, rules)
    for row in rows.values():
        row.save()
    link.followed_seq = events[-1].seq
    link.save(update_fields=["followed_seq"])
    return True


def _rules(events: Sequence[OrderEvent]) -> dict[UUID | None, str]:
    fills = Fill.objects.across_owners().filter(pk__in=[event.fill_id for event in events if event.fill_id])
    return dict(fills.values_list("pk", "rule"))


def _row(event: OrderEvent, order: Order) -> ShadowOrder:
    left_out = bool(order.order_class and order.order_class != "simple")
    return ShadowOrder(
        id=order.pk,
        account_id=order.account_id,
        user_id=order.user_id,
        seq=event.seq,
        replaces=order.replaces,
        terms=_terms(order),
        placed_at=event.recorded_at,
        paper_submitted_at=event.at,
        # The exits of a class would have ids of the shadow's own choice there.
        status=IntentStatus.BLOCKED if left_out else IntentStatus.ACCEPTED,
        reason="order_class" if left_out else "",
    )


def _keep_total(row: ShadowOrder, orders: Mapping[UUID, Order], rows: Mapping[UUID, ShadowOrder]) -> None:
    """Give a replacement the quantity of what it replaces there, and what was added or taken away here.

    Our order asks for what its predecessor's fills here have left; the shadow's predecessor has fills of its own.
    """
    if row.replaces is None:
        return
    order, before, target = orders[row.pk], orders.get(row.replaces), rows.get(row.replaces)
    if before is None or target is None or before.quantity is None or order.quantity is None:
        return
    # Until it takes over its quantity knows the fills at its request; from then on all that there were.
    has_taken_over = before.status == "replaced"
    filled = before.filled_quantity if has_taken_over else order.replaced_filled_quantity
    change = order.quantity + (filled or Decimal(0)) - before.quantity
    row.terms["qty"] = plain(Decimal(target.terms["qty"]) + change)


def _terms(order: Order) -> dict[str, Any]:
    numbers = {
        "qty": order.quantity,
        "notional": order.notional,
        "limit_price": order.limit_price,
        "stop_price": None if order.type == "trailing_stop" else order.stop_price,
        "trail_price": order.trail_price,
        "trail_percent": order.trail_percent,
    }
    said: dict[str, Any] = {
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "time_in_force": order.time_in_force,
        **{name: plain(value) for name, value in numbers.items() if value is not None},
    }
    return {**said, "extended_hours": True} if order.extended_hours else said


def _take(row: ShadowOrder, event: OrderEvent, rules: dict[UUID | None, str]) -> None:
    row.paper_status = event.status
    row.paper_filled_quantity, row.paper_filled_money = event.filled_quantity, event.filled_money
    if event.kind in _EXECUTIONS:
        assert event.quantity is not None
        assert event.price is not None
        row.paper_filled_at = event.at
        rule = rules.get(event.fill_id, "") or event.rule
        quantity, money = (Decimal(text) for text in row.paper_rules.get(rule, ("0", "0")))
        row.paper_rules[rule] = [
            plain(quantity + event.quantity),
            plain(money + event.quantity * event.price),
        ]
    ends_by_itself = row.terms["time_in_force"] in _AT_ONCE
    if event.kind in _CANCELS and not ends_by_itself and row.cancel_wanted_at is None:
        row.cancel_wanted_at = event.recorded_at
    if event.kind == "order_cancel_rejected" and event.status not in TERMINAL_STATUSES:
        row.cancel_wanted_at = (
            None  # it works on; where the shadow has canceled it already, the report says so
        )
