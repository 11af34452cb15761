"""`manage.py replay_events`: send a part of the event log to a webhook endpoint again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts.management.command import OperatorCommand
from trading.services.webhooks import replay

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Send an account's events to a webhook endpoint again, from a sequence on. What was delivered "
        "before is delivered once more, in order; the receiver knows it by its sequence."
    )
    when = (
        "When a receiver has lost what it was sent. The worker sends it; each run has it sent once more. An endpoint that "
        "was disabled is enabled."
    )
    examples = (
        "ENDPOINT --from-seq 7 --dry-run",
        "ENDPOINT --from-seq 7",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "endpoint",
            type=UUID,
            metavar="ENDPOINT",
            help="the endpoint's id, as /raxx/v1/webhooks and the account's case page show it",
        )
        parser.add_argument(
            "--from-seq", type=int, required=True, metavar="N", help="the first event to send"
        )

    def handle(self, *, endpoint: UUID, from_seq: int, dry_run: bool, json: bool, **_: Any) -> None:
        replayed = replay(endpoint_id=endpoint, from_seq=from_seq, is_dry=dry_run)
        shown = {"endpoint": str(endpoint), "from_seq": from_seq, "events": replayed, "dry_run": dry_run}
        verb = "would be sent" if dry_run else "will be sent"
        self.tell(shown, [f"{replayed} events {verb} again to {endpoint}"], as_json=json)
