"""The page start."""

from __future__ import annotations

from trading.dashboard.page import PersonPage


class Start(PersonPage):
    """The page start."""

    template = "trading/start.html"
