"""The page order."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class OrderPage(PaperPage):
    """The page order."""

    template = "trading/order.html"
    section = "history"
