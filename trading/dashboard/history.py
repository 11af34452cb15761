"""The page history."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class Orders(PaperPage):
    """The page orders."""

    template = "trading/orders.html"
    section = "history"


class Activities(PaperPage):
    """The page activities."""

    template = "trading/activities.html"
    section = "history"


class Statement(PaperPage):
    """The page statement."""

    template = "trading/statement.html"
    section = "history"


class Trades(PaperPage):
    """The page trades."""

    template = "trading/trades.html"
    section = "history"
