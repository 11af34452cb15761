"""`manage.py replay_events`: send a part of the event log to a webhook endpoint again."""

from __future__ import annotations

import json as json_text
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.errors import TradingError
from trading.services.webhooks import replay


class Command(BaseCommand):
    help = (
        "Send an account's events to a webhook endpoint again, from a sequence on. What was delivered "
        "before is delivered once more, in order; the receiver knows it by its sequence."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("endpoint", type=UUID, metavar="ENDPOINT", help="the endpoint's id")
        parser.add_argument(
            "--from-seq", type=int, required=True, metavar="N", help="the first event to send"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many events that is, and change nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, endpoint: UUID, from_seq: int, dry_run: bool, json: bool, **_: Any) -> None:
        try:
            replayed = replay(endpoint_id=endpoint, from_seq=from_seq, is_dry=dry_run)
        except TradingError as error:
            raise CommandError(str(error)) from None
        if json:
            shown = {"endpoint": str(endpoint), "from_seq": from_seq, "events": replayed, "dry_run": dry_run}
            self.stdout.write(json_text.dumps(shown))
            return
        verb = "would be sent" if dry_run else "will be sent"
        self.stdout.write(f"{replayed} events {verb} again to {endpoint}")
