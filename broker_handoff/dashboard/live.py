"""`/live`: how far the way to a live broker is, and what goes over it."""

from __future__ import annotations

from trading.dashboard.page import PersonPage


class Live(PersonPage):
    """The gate, the connection, live orders and the kill switch."""

    template = "broker_handoff/live.html"
