"""`--market`: which of the active markets a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trading.services.running_markets import default_market, market_named

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from matching.models import Market

HELP = "name or number of a market (`manage.py market list`); without it the default one"


def add_market(parser: ArgumentParser, **more: Any) -> None:
    """Add the option; `default=SUPPRESS` for the parser of a step, whose command has it too."""
    parser.add_argument("--market", metavar="M", help=HELP, **more)


def chosen_market(text: str | None) -> Market:
    """Return the market that was named, else the default one. Raises ValueInvalid, FeedUnavailable."""
    return market_named(text) if text else default_market()
