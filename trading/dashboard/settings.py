"""The page settings."""

from __future__ import annotations

from trading.dashboard.page import PersonPage


class Settings(PersonPage):
    """The page settings."""

    template = "trading/settings.html"


class Tier(PersonPage):
    """The page tier."""

    template = "trading/tier.html"


class Webhooks(PersonPage):
    """The page webhooks."""

    template = "trading/webhooks.html"
