"""The page performance."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class Performance(PaperPage):
    """The page performance."""

    template = "trading/performance.html"
    section = "performance"
