"""The page landing."""

from __future__ import annotations

from accounts.dashboard.page import Page


class Landing(Page):
    """The page landing."""

    template = "trading/landing.html"
