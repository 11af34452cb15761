"""How the pages write money, quantities, changes and instants. Exact numbers in, text out; None is a dash.

Each keeps the sign in words that a screen reader says: a minus is U+2212, a gain has a plus.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from django import template
from django.utils.html import format_html
from django.utils.translation import gettext as _

from matching.market.times import NEW_YORK

if TYPE_CHECKING:
    from datetime import datetime

    from django.utils.safestring import SafeString

register = template.Library()

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_CENT = Decimal("0.01")
_HUNDRED = Decimal(100)


@register.filter
def money(value: Decimal | None) -> str:
    """Return dollars with cents: 1,234.50."""
    return (
        DASH
        if value is None
        else _signless(_cents(value))
        if value >= 0
        else MINUS + _signless(_cents(value))
    )


@register.filter
def price(value: Decimal | None) -> str:
    """Return a price with its own places, at least two and at most four: 12.50, 0.1234."""
    if value is None:
        return DASH
    exact = value.quantize(Decimal("0.0001"), ROUND_HALF_EVEN)
    return _signless(_cents(exact)) if exact == _cents(exact) else _signless(exact)


@register.filter
def change(value: Decimal | None) -> str:
    """Return a gain or loss in dollars with its sign: +12.50, or a loss with U+2212."""
    if value is None:
        return DASH
    return _sign(_cents(value)) + _signless(_cents(value))


@register.filter
def percent(fraction: Decimal | None) -> str:
    """Return a fraction as percent with its sign: +1.25 %."""
    if fraction is None:
        return DASH
    points = _cents(fraction * _HUNDRED)
    return f"{_sign(points)}{_signless(points)} %"


@register.filter
def quantity(value: Decimal | None) -> str:
    """Return shares without needless places: 10, 0.25."""
    if value is None:
        return DASH
    text = f"{abs(value):,f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return MINUS + text if value < 0 else text


@register.filter
def direction(value: Decimal | None) -> str:
    """Return the class of a gain, a loss, or neither: up, down, flat."""
    if not value:
        return "flat"
    return "up" if value > 0 else "down"


@register.filter
def new_york_day(instant: datetime) -> str:
    """Return New York's day of an instant: 2026-03-31."""
    return f"{instant.astimezone(NEW_YORK):%Y-%m-%d}"


@register.simple_tag
def stamp(instant: datetime | None) -> SafeString | str:
    """Return an instant of market time: New York's as text; a script puts the reader's own beside it."""
    if instant is None:
        return DASH
    there = instant.astimezone(NEW_YORK)
    return format_html(
        '<time datetime="{}" data-market title="{}">{}</time>',
        instant.isoformat(),
        _("New York"),
        f"{there:%Y-%m-%d %H:%M:%S}",
    )


def _cents(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_EVEN)


def _signless(value: Decimal) -> str:
    return f"{abs(value):,f}"


def _sign(value: Decimal) -> str:
    if not value:
        return ""
    return "+" if value > 0 else MINUS
