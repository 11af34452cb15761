"""`manage.py revoke_live_connections`: cut everybody's way to their broker, now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import tracing
from accounts.management.command import OperatorCommand
from broker_handoff.adapters import consent, key_service
from broker_handoff.services.disconnecting import REASON_MAX
from broker_handoff.services.mass_revoke import Revocation, cut_everybody, living_connections

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(OperatorCommand):
    help = (
        "Disconnect every live connection: first all of them here, so that nothing more is sent, then ask the "
        "broker to take each token back, and shred it. May be stopped and run again with the same --reason, "
        "whose totals it prints. What the broker did not answer, workers go on asking for an hour; --again asks "
        "at once. Exits with 1 while the broker has not taken all of them back. People are mailed last, also those whom "
        "a stopped run had disconnected, or by a worker: each once."
    )
    when = "When tokens may have leaked, or the broker says so."
    examples = (
        '--reason "key leaked" --dry-run',
        '--reason "key leaked"',
        '--reason "key leaked" --again --json',
    )
    exits = {1: "the broker has not taken all of them back yet: run it again"}
    changes = True
    is_long = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, help="stands in the audit log and in everybody's mail")
        parser.add_argument("--again", action="store_true", help="do not wait for the next attempt's time")

    def handle(self, *, reason: str, again: bool, dry_run: bool, **options: Any) -> None:
        tracing.set_actor("command", "revoke_live_connections")
        reason = reason.strip()
        if not 0 < len(reason) <= REASON_MAX:
            raise CommandError(f"a reason has 1 to {REASON_MAX} characters", returncode=2)
        if dry_run:
            count = len(living_connections())
            line = f"{count} would be disconnected"
            self.tell({"living": count}, [line], as_json=options["json"], is_dry=True)
            return
        with self.progress(as_json=options["json"]) as progress:
            done = cut_everybody(
                reason=reason,
                consent=consent(),
                keys=key_service(),
                clock=timezone.now,
                is_again=again,
                progress=progress,
            )
        self.tell(done.counts, [_line(done)], as_json=options["json"])
        if not done.is_whole:
            self.end_with(1)


def _line(done: Revocation) -> str:
    counts = done.counts
    return (
        f"{counts['disconnected']} disconnected for this reason: {counts['done']} revoked at the broker, "
        f"{counts['refused']} not, {counts['not_asked']} not asked, {counts['waiting']} waiting"
    )
