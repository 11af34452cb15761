"""A vendor takes one stream a data key, and an installation has one key: so one live market is run at a time.

`StreamTaken` is the one wording of it, for `market open`, for the hub and for doctor. Why one key, and no more:
trading/decisions/0021-several-markets.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.market.clock import ALPACA
from matching.market.errors import MarketError
from matching.models import Market

if TYPE_CHECKING:
    from collections.abc import Iterable

VENDORS = frozenset({ALPACA})  # feeds that stream with the operator's data key


class StreamTaken(MarketError):
    """Another live market has the vendor's one stream; `fact` says which, `remedy` what to do."""

    code = "stream_taken"

    def __init__(self, holder: Market) -> None:
        self.fact = (
            f"market {holder.pk} ({holder}) streams with the vendor's data key, which is good for one stream"
        )
        self.remedy = (
            f"`manage.py market close {holder.pk}` first, or have the symbols of both in one market:"
            f" `manage.py market open --feed {holder.feed} --symbols A,B`, once that one is closed"
        )
        super().__init__(f"{self.fact}: {self.remedy}")


def require_stream(market: Market, *, beside: Iterable[Market]) -> None:
    """Raise StreamTaken for a live market when another one is run `beside` it; of several the first is named."""
    if market.feed not in VENDORS:
        return
    for other in beside:
        if other.feed in VENDORS and other != market:
            raise StreamTaken(other)


def require_own_stream(market_id: int) -> None:
    """Raise StreamTaken when a live market that is run is not the one which has the stream.

    Two are run where rows of another installation were restored, say: then it is the default one's, or the oldest's.
    """
    live = list(Market.objects.filter(is_active=True, feed__in=VENDORS).order_by("-is_default", "pk"))
    if market_id in {market.pk for market in live[1:]}:
        raise StreamTaken(live[0])
