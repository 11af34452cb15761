"""`manage.py rotate_api_key`: put a new key in the place of one, and show its secret this once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.errors import TradingError
from trading.management.commands.create_api_key import show_key
from trading.services.keys import rotate_api_key

OVERLAP_MAX = 7 * 24 * 60  # minutes


class Command(BaseCommand):
    help = (
        "Make a successor that may do what a key may. The old key ends at once, or after --overlap minutes."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id", metavar="KEY_ID", help="the public part of the old key, PK...")
        parser.add_argument(
            "--overlap",
            type=int,
            default=0,
            metavar="MINUTES",
            help="how long the old key stays good beside it",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, key_id: str, overlap: int, json: bool, **_: Any) -> None:
        if not 0 <= overlap <= OVERLAP_MAX:
            raise CommandError(f"--overlap {overlap} is not between 0 and {OVERLAP_MAX} minutes")
        try:
            key = rotate_api_key(key_id=key_id, overlap=timedelta(minutes=overlap))
        except TradingError as error:
            raise CommandError(str(error)) from None
        show_key(self, key, as_json=json)
