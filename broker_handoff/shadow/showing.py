"""A parity report and a link's state as a command prints them: one JSON object, or lines for people."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from broker_handoff.models import ShadowOrder
from trading.wire import instant, instant_or_none, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from broker_handoff.models import ShadowLink
    from broker_handoff.shadow.report import OrderParity, Report

_NOTHING = "-"


def link_fields(link: ShadowLink, number: str) -> dict[str, Any]:
    """Return how a link stands: what is behind, and what last went wrong."""
    orders = ShadowOrder.objects.across_owners().filter(account_id=link.account_id)
    counts = {
        status: orders.filter(status=status).count()
        for status in sorted(set(orders.values_list("status", flat=True)))
    }
    return {
        "account_number": number,
        "is_on": link.is_on,
        "shadow_account": link.shadow_account,
        "turned_on_at": instant(link.turned_on_at),
        "turned_off_at": instant_or_none(link.turned_off_at),
        "followed_seq": link.followed_seq,
        "looked_at": instant_or_none(link.looked_at),
        "orders": counts,
        "faults": link.faults,
        "fault": link.fault or None,
        "fault_at": instant_or_none(link.fault_at),
    }


def as_json(report: Report) -> dict[str, Any]:
    """Return a report of which JSON knows every value: decimals as text."""
    found: dict[str, Any] = _plain(asdict(report))
    return found


def as_lines(report: Report) -> Iterator[str]:
    """Yield a report for people: the sums, then the rules, then the orders."""
    sums = report.sums
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sums.outcomes.items() if count)
    yield f"{sums.orders} orders: {told or 'none'}"
    yield (
        f"filled {plain(sums.quantity_here)} shares here, {plain(sums.quantity_there)} there;"
        f" price {_signed(sums.price_difference_bps)} bps, {plain(sums.dollars)} dollars;"
        f" time {_signed(sums.time_difference_ms)} ms  (above nought: the shadow's was worse, later)"
    )
    if report.rules:
        yield ""
        yield f"{'rule':8}{'orders':>8}{'there':>8}{'shares':>14}{'bps':>10}{'ms':>10}"
    for rule in report.rules:
        yield (
            f"{rule.rule:8}{rule.orders:>8}{rule.filled_there:>8}{plain(rule.quantity):>14}"
            f"{_signed(rule.price_difference_bps):>10}{_signed(rule.time_difference_ms):>10}"
        )
    if report.orders:
        yield ""
        yield f"{'order':38}{'side':6}{'symbol':10}{'outcome':12}{'here':>22}{'there':>22}{'bps':>10}{'ms':>10}"
    for order in report.orders:
        yield _line(order)


def _line(order: OrderParity) -> str:
    here, there = (
        f"{plain(each.filled_quantity)} @ {_NOTHING if each.average_price is None else plain(each.average_price)}"
        for each in (order.here, order.there)
    )
    why = " ".join(word for word in (order.reason, order.words) if word)
    return (
        f"{order.order_id!s:38}{order.side:6}{order.symbol:10}{order.outcome:12}{here:>22}{there:>22}"
        f"{_signed(order.price_difference_bps):>10}{_signed(order.time_difference_ms):>10}  {why}".rstrip()
    )


def _signed(value: Decimal | int | None) -> str:
    if value is None:
        return _NOTHING
    return f"+{plain(value)}" if value > 0 else plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return instant(value)
    return str(value) if isinstance(value, UUID) else value
