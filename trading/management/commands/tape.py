"""`manage.py tape`: an operator's hand on a recorded market's clock."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any

from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from matching.market.clock import parse_speed
from matching.market.errors import MarketError
from trading.management.market_option import add_market, chosen_market
from trading.services import tape

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "Control the recorded market: status, play, pause, advance, restart, speed."
    when = "To step a test of a bot through a recorded day, or to show that day again."
    examples = (
        "status",
        "advance --to 2013-10-08T14:00:00Z",
        "speed max --dry-run",
        "pause --market 2",
    )
    changes = True
    refusals = (Failure, MarketError, ValueError)

    def add_arguments(self, parser: CommandParser) -> None:
        add_market(parser)
        actions = parser.add_subparsers(dest="action", required=True)
        status = actions.add_parser("status", help="where the tape stands")
        play = actions.add_parser("play", help="let it run")
        pause = actions.add_parser("pause", help="stop it where it is")
        advance = actions.add_parser("advance", help="move the paused tape, and wait until all is decided")
        advance.add_argument("--to", metavar="T", required=True, help="an instant, say 2013-10-08T14:00:00Z")
        restart = actions.add_parser("restart", help="begin anew, and wait until open orders are canceled")
        speed = actions.add_parser(
            "speed", help="play so many market seconds per second, or as fast as can be"
        )
        speed.add_argument("speed", metavar="N", help='a number, or "max"')
        for each in (status, play, pause, advance, restart, speed):
            self.add_shared(each, changes=True)
            add_market(each, default=SUPPRESS)

    def handle(self, *, action: str, market: str | None, json: bool, dry_run: bool, **options: Any) -> None:
        market_id = chosen_market(market).pk
        status = self._act(market_id, action, options, is_trial=dry_run)
        body = status.as_body()
        if dry_run:
            body |= {"would": action, "to": options.get("to") or options.get("speed") or ""}
        shown = {**body, "market": status.title}
        lines = [f"{field:15}{'-' if value is None else value}" for field, value in shown.items()]
        self.tell(body, lines, as_json=json, is_dry=dry_run)

    @staticmethod
    def _act(market_id: int, action: str, options: dict[str, Any], *, is_trial: bool) -> tape.TapeStatus:
        match action:
            case "play":
                return tape.play(market_id, is_trial=is_trial)
            case "pause":
                return tape.pause(market_id, is_trial=is_trial)
            case "advance":
                return tape.advance(market_id, tape.instant_of(options["to"]), is_trial=is_trial)
            case "restart":
                return tape.restart(market_id, is_trial=is_trial)
            case "speed":
                return tape.set_speed(market_id, parse_speed(options["speed"]), is_trial=is_trial)
            case _:
                return tape.status(market_id)
