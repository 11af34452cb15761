"""An order's words for people: what it asks for in one line, and what each status, type and event is called."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django import template
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from trading.dashboard.ticket import CLASSES, TIMES_IN_FORCE, TYPES
from trading.review.orders import average_price
from trading.templatetags.figures import DASH, money, price, quantity

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

    from trading.models import Order

register = template.Library()

STATUSES = {
    "pending_new": gettext_lazy("Received"),
    "accepted": gettext_lazy("Accepted"),
    "new": gettext_lazy("Working"),
    "partially_filled": gettext_lazy("Partly filled"),
    "filled": gettext_lazy("Filled"),
    "canceled": gettext_lazy("Canceled"),
    "expired": gettext_lazy("Expired"),
    "rejected": gettext_lazy("Rejected"),
    "replaced": gettext_lazy("Replaced"),
    "pending_cancel": gettext_lazy("Cancel asked for"),
    "pending_replace": gettext_lazy("Change asked for"),
    "held": gettext_lazy("Held"),
    "done_for_day": gettext_lazy("Done for the day"),
}
SIDES = {"buy": gettext_lazy("Buy"), "sell": gettext_lazy("Sell")}
EVENTS = {
    "pending_new": gettext_lazy("Received"),
    "accepted": gettext_lazy("Accepted"),
    "new": gettext_lazy("In the market"),
    "held": gettext_lazy("Held"),
    "triggered": gettext_lazy("Triggered"),
    "partial_fill": gettext_lazy("Filled in part"),
    "fill": gettext_lazy("Filled"),
    "restated": gettext_lazy("Restated"),
    "canceled": gettext_lazy("Canceled"),
    "expired": gettext_lazy("Expired"),
    "rejected": gettext_lazy("Rejected"),
    "replaced": gettext_lazy("Replaced"),
    "order_replace_rejected": gettext_lazy("Change refused"),
    "order_cancel_rejected": gettext_lazy("Cancel refused"),
    "pending_cancel": gettext_lazy("Cancel asked for"),
    "pending_replace": gettext_lazy("Change asked for"),
    "done_for_day": gettext_lazy("Done for the day"),
}
ROLES = {
    "entry": gettext_lazy("Entry"),
    "take_profit": gettext_lazy("Take-profit"),
    "stop_loss": gettext_lazy("Stop-loss"),
}
ACTIVITIES = {
    "FILL": gettext_lazy("Fill"),
    "CSD": gettext_lazy("Deposit"),
    "FEE": gettext_lazy("Fee"),
    "JNLC": gettext_lazy("Journal"),
    "INT": gettext_lazy("Interest"),
}
_CHOICES = {choice.value: choice.name for choice in (*TYPES, *TIMES_IN_FORCE, *CLASSES)}
_ENDED_BADLY = frozenset({"canceled", "expired", "rejected"})
_DAY, _HOUR, _MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@register.filter
def status_word(status: str) -> _StrPromise | str:
    """Return what a status is called."""
    return STATUSES.get(status, status)


@register.filter
def status_tone(status: str) -> str:
    """Return the class of a status: done, over, or working."""
    if status == "filled":
        return "done"
    return "over" if status in _ENDED_BADLY or status == "replaced" else "working"


@register.filter
def side_word(side: str) -> _StrPromise | str:
    """Return what a side is called."""
    return SIDES.get(side, side)


@register.filter
def event_word(event: str) -> _StrPromise | str:
    """Return what an event of an order is called."""
    return EVENTS.get(event, event.replace("_", " "))


@register.filter
def role_word(role: str) -> _StrPromise | str:
    """Return what an order's part in its class is called."""
    return ROLES.get(role, role)


@register.filter
def activity_word(kind: str) -> _StrPromise | str:
    """Return what an activity is called."""
    return ACTIVITIES.get(kind, kind)


@register.filter
def choice_word(value: str) -> _StrPromise | str:
    """Return what an order's type, time in force or class is called."""
    return _CHOICES.get(value, value)


@register.filter
def average(order: Order) -> Decimal | None:
    """Return what a share of an order traded at on average."""
    return average_price(order)


@register.filter
def headline(order: Order) -> str:
    """Return what an order asks for: Buy 10 XYZ, or Sell $500 of XYZ."""
    side = SIDES[order.side]
    if order.quantity is None:
        return _("%(side)s $%(money)s of %(symbol)s") % {
            "side": side,
            "money": money(order.notional),
            "symbol": order.symbol,
        }
    return f"{side} {quantity(order.quantity)} {order.symbol}"


@register.filter
def terms(order: Order) -> str:
    """Return under which terms: Stop 9.00, limit 8.90, until canceled."""
    parts = [str(choice_word(order.type))] if order.type in {"market", "trailing_stop"} else []
    if order.stop_price is not None and order.type != "trailing_stop":
        parts.append(_("stop %(price)s") % {"price": price(order.stop_price)})
    if order.limit_price is not None:
        parts.append(_("limit %(price)s") % {"price": price(order.limit_price)})
    if order.trail_price is not None:
        parts.append(_("by %(price)s") % {"price": price(order.trail_price)})
    if order.trail_percent is not None:
        parts.append(_("by %(percent)s %%") % {"percent": quantity(order.trail_percent)})
    parts.append(str(choice_word(order.time_in_force)).lower())
    if order.extended_hours:
        parts.append(_("extended hours too"))
    said = ", ".join(parts)
    return said[:1].upper() + said[1:]


@register.filter
def span(duration: timedelta | None) -> str:
    """Return how long something lasted, by its two largest units: 3 d 4 h, 12 min 5 s."""
    if duration is None:
        return DASH
    if duration >= _DAY:
        hours = duration % _DAY // _HOUR
        return ngettext("%(n)s day", "%(n)s days", duration.days) % {"n": f"{duration.days:,}"} + (
            f" {hours} h" if hours else ""
        )
    if duration >= _HOUR:
        return f"{duration // _HOUR} h {duration % _HOUR // _MINUTE} min"
    if duration >= _MINUTE:
        return f"{duration // _MINUTE} min {duration % _MINUTE // timedelta(seconds=1)} s"
    seconds = duration.total_seconds()
    return f"{seconds:.0f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


@register.filter
def share(fraction: Decimal | None) -> str:
    """Return a fraction as percent without a sign, for what has none: 55.6 %."""
    return DASH if fraction is None else f"{fraction * 100:.1f} %"


@register.filter
def exact_price(text: str | None) -> str:
    """Return a price of the evidence, which is text, as all prices are written."""
    return price(None if text is None else Decimal(text))
