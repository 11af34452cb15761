"""The page simulation."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class Simulation(PaperPage):
    """The page simulation."""

    template = "trading/simulation.html"
    section = "simulation"
