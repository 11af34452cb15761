"""`manage.py tape`: an operator's hand on the active market's clock."""

from __future__ import annotations

import json as json_text
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from matching.market import rows
from matching.market.clock import parse_speed
from matching.market.errors import MarketError
from trading.errors import TradingError
from trading.services import tape


class Command(BaseCommand):
    help = "Control the recorded market: status, play, pause, advance, restart, speed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("status", help="where the tape stands")
        actions.add_parser("play", help="let it run")
        actions.add_parser("pause", help="stop it where it is")
        advance = actions.add_parser("advance", help="move the paused tape, and wait until all is decided")
        advance.add_argument("--to", metavar="T", required=True, help="an instant, say 2013-10-08T14:00:00Z")
        actions.add_parser("restart", help="begin anew, and wait until open orders are canceled")
        speed = actions.add_parser("speed", help="market seconds per second")
        speed.add_argument("speed", metavar="N", help='a number, or "max"')

    def handle(self, *, action: str, json: bool, **options: Any) -> None:
        try:
            status = self._act(rows.active_market_id(), action, options)
        except (TradingError, MarketError, ValueError) as error:
            raise CommandError(str(error)) from None
        body = status.as_body()
        if json:
            self.stdout.write(json_text.dumps(body))
            return
        for field, value in body.items():
            self.stdout.write(f"{field:15}{'-' if value is None else value}")

    @staticmethod
    def _act(market_id: int, action: str, options: dict[str, Any]) -> tape.TapeStatus:
        match action:
            case "play":
                return tape.play(market_id)
            case "pause":
                return tape.pause(market_id)
            case "advance":
                return tape.advance(market_id, tape.instant_of(options["to"]))
            case "restart":
                return tape.restart(market_id)
            case "speed":
                return tape.set_speed(market_id, parse_speed(options["speed"]))
            case _:
                return tape.status(market_id)
