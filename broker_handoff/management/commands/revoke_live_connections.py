"""`manage.py revoke_live_connections`: cut everybody's way to their broker, now."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import tracing
from broker_handoff.adapters import consent, key_service
from broker_handoff.services.disconnecting import REASON_MAX
from broker_handoff.services.mass_revoke import Revocation, cut_everybody, living_connections

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Disconnect every live connection: first all of them here, so that nothing more is sent, then ask the "
        "broker to take each token back, and shred it. May be stopped and run again with the same --reason, "
        "whose totals it prints. What the broker did not answer, workers go on asking for an hour; --again asks "
        "at once. Exits with 1 while the broker has not taken all of them back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="stands in the audit log and in everybody's mail")
        parser.add_argument("--again", action="store_true", help="do not wait for the next attempt's time")
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many would be, and change nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *, reason: str, again: bool, dry_run: bool, **options: Any) -> None:
        tracing.set_actor("command", "revoke_live_connections")
        reason = reason.strip()
        if not 0 < len(reason) <= REASON_MAX:
            self.stderr.write(f"a reason has 1 to {REASON_MAX} characters")
            sys.exit(2)
        if dry_run:
            count = len(living_connections())
            words = json.dumps({"living": count}) if options["json"] else f"{count} would be disconnected"
            self.stdout.write(words)
            return
        done = cut_everybody(
            reason=reason, consent=consent(), keys=key_service(), clock=timezone.now, is_again=again
        )
        self.stdout.write(json.dumps(done.counts) if options["json"] else _lines(done))
        if not done.is_whole:
            sys.exit(1)


def _lines(done: Revocation) -> str:
    counts = done.counts
    return (
        f"{counts['disconnected']} disconnected for this reason: {counts['done']} revoked at the broker, "
        f"{counts['refused']} not, {counts['not_asked']} not asked, {counts['waiting']} waiting"
    )
