"""`manage.py rotate_api_key`: put a new key in the place of one, and show its secret this once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.command import OperatorCommand
from trading.management.commands.create_api_key import show_key
from trading.services.keys import rotate_api_key

OVERLAP_MAX = 7 * 24 * 60  # minutes


class Command(OperatorCommand):
    help = (
        "Make a successor that may do what a key may. The old key ends at once, or after --overlap minutes."
    )
    when = (
        "When a secret may have been seen, or is old. A key that is over is refused: so is a second run, but for the time "
        "of the overlap. Stopped before it printed, it may have made a successor whose secret nobody knows: list_api_keys "
        "shows it, revoke_api_key ends it, create_api_key makes another."
    )
    examples = (
        "PK3X9K2M7Q4T --overlap 10",
        "PK3X9K2M7Q4T --dry-run",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id", metavar="KEY_ID", help="the public part of the old key, PK...")
        parser.add_argument(
            "--overlap",
            type=int,
            default=0,
            metavar="MINUTES",
            help="how long the old key stays good beside it; not at all unless told",
        )

    def handle(self, *, key_id: str, overlap: int, json: bool, dry_run: bool, **_: Any) -> None:
        if not 0 <= overlap <= OVERLAP_MAX:
            raise CommandError(f"--overlap {overlap} is not between 0 and {OVERLAP_MAX} minutes")
        key = rotate_api_key(key_id=key_id, overlap=timedelta(minutes=overlap), is_trial=dry_run)
        show_key(self, key, as_json=json, is_dry=dry_run)
