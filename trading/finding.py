"""Find an asset by what somebody types: its symbol, or a part of its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import BooleanField, Case, IntegerField, Q, Value, When

from trading import reference
from trading.models import Asset

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT_MAX = 64  # characters; what is longer finds nothing


def exact(market_id: int, text: str) -> Asset | None:
    """Return the asset that a market trades under this symbol, however it is written; None without one."""
    asset = reference.asset_named(text.strip().upper())
    if asset is None or asset.symbol not in reference.market_terms(market_id).symbols:
        return None
    return asset


def find(market_id: int, text: str, *, limit: int, offset: int = 0) -> Sequence[Asset]:
    """Return assets that a text means: those whose symbol begins with it first, then those named so.

    What the market does not trade comes last; each has `is_here`, which tells that. An empty text means
    everything that the market trades.
    """
    wanted = text.strip()
    if len(wanted) > TEXT_MAX or not wanted.isprintable():
        return []
    symbols = reference.market_terms(market_id).symbols
    here = Q(symbol__in=symbols)
    found = Asset.objects.filter(status=Asset.Status.ACTIVE)
    found = (
        found.filter(Q(symbol__istartswith=wanted) | Q(name__icontains=wanted))
        if wanted
        else found.filter(here)
    )
    place = Case(
        When(symbol__iexact=wanted, then=Value(0)),
        When(symbol__istartswith=wanted, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    is_here = Case(
        When(here, then=Value(value=True)), default=Value(value=False), output_field=BooleanField()
    )
    rows = found.annotate(is_here=is_here, place=place).order_by("-is_here", "place", "symbol")
    return list(rows[offset : offset + limit])
