"""The page account."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class AccountPage(PaperPage):
    """The page account."""

    template = "trading/account.html"
    section = "account"
