"""The page symbol."""

from __future__ import annotations

from trading.dashboard.page import PaperPage


class SymbolPage(PaperPage):
    """The page symbol."""

    template = "trading/symbol.html"
    section = "symbols"


class Symbols(PaperPage):
    """The page symbols."""

    template = "trading/symbols.html"
    section = "symbols"
