"""The page accounts."""

from __future__ import annotations

from trading.dashboard.page import PersonPage


class Accounts(PersonPage):
    """The page accounts."""

    template = "trading/accounts.html"
