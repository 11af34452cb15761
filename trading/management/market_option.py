"""What commands ask about a market: `--market`, which of the active ones; or what describes one that is to be run."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from typing import TYPE_CHECKING, Any

from trading.services.running_markets import default_market, market_named

if TYPE_CHECKING:
    from argparse import _ActionsContainer

    from matching.models import Market

HELP = "name or number of a market (`manage.py market list`); without it the default one"


def add_market(parser: _ActionsContainer, **more: Any) -> None:
    """Add the option; `default=SUPPRESS` for the parser of a step, whose command has it too."""
    parser.add_argument("--market", metavar="M", help=HELP, **more)


def add_description(parser: _ActionsContainer) -> None:
    """Add the options that `trading.services.markets.activate_market` takes under the same names."""
    parser.add_argument(
        "--feed",
        choices=["synthetic", "replay", "alpaca"],
        help="where quotes come from: a seed, recorded days, or the operator's data key",
    )
    parser.add_argument("--tape", metavar="DIR", help="folder of recorded days, for --feed replay")
    parser.add_argument("--date", metavar="D", help="recorded days: 2013-10-08, or 2013-10-07..2013-10-10")
    parser.add_argument(
        "--symbols", metavar="A,B", help="symbols to trade; default: all that there are; alpaca needs them"
    )
    parser.add_argument("--speed", metavar="N", help="market seconds per second, or max")
    parser.add_argument(
        "--paused",
        action=BooleanOptionalAction,
        help="stop the tape's clock, or let it go; neither: as it was, playing at first, paused after a close",
    )


def chosen_market(text: str | None) -> Market:
    """Return the market that was named, else the default one. Raises ValueInvalid, FeedUnavailable."""
    return market_named(text) if text else default_market()
