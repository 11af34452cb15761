"""The page market."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class MarketPage(PaperPage):
    """The page market."""

    template = "trading/market.html"
    section = "market"
