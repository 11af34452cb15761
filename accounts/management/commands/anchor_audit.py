"""`manage.py anchor_audit`: write down outside the database how far the audit log has come."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.audit.anchors import AnchorBroken
from accounts.audit.keys import KeyUnusable, as_text, public_key
from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from accounts.services.anchoring import anchor_audit, begin_anchors_anew, not_anchored

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(OperatorCommand):
    help = (
        "Sign how far every chain of the audit log has come, and write it to the folder of anchors. "
        "The worker does so every five minutes. Writes nothing when nothing is new, and upon nothing that is not in "
        "order: the database knows the last anchor, and one that is missing, or another than it was, is refused."
    )
    when = (
        "Before a backup, or before handing the log to somebody. With --anew after a restore to an earlier instant, or when "
        "the folder of anchors is lost: the line of anchors that the database knows is ended, with a reason in the audit "
        "log, and whoever signs next begins with anchor 1 in the new, empty folder. It needs no key. Keep the old folder. "
        "Another folder than RAXX_AUDIT_ANCHORS has a line of anchors of its own, of which the database knows nothing."
    )
    examples = (
        "",
        "--anchors /mnt/elsewhere --json",
        "--public-key",
        '--anew --reason "restored to 12:00 of the 1st of March" --dry-run',
    )
    changes = True
    refusals = (Failure, AnchorBroken, KeyUnusable, OSError)

    def add_arguments(self, parser: ArgumentParser) -> None:
        steps = parser.add_mutually_exclusive_group()
        steps.add_argument("--anchors", type=Path, metavar="FOLDER", help="default: RAXX_AUDIT_ANCHORS")
        steps.add_argument(
            "--public-key",
            action="store_true",
            help="anchor nothing; print the public key, with which others can verify",
        )
        steps.add_argument(
            "--anew",
            action="store_true",
            help="anchor nothing; end this line of anchors, so that a new one begins in a new folder",
        )
        parser.add_argument("--reason", metavar="R", help="why, with --anew; facts: it is kept for good")

    def handle(
        self,
        *,
        anchors: Path | None,
        anew: bool,
        reason: str | None,
        json: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        if anew != (reason is not None):
            raise CommandError("--anew and --reason go together", returncode=2)
        if options["public_key"]:
            text = as_text(public_key(settings.AUDIT_KEY))
            self.tell({"public_key": text}, text.splitlines(), as_json=json, is_dry=dry_run)
            return
        if reason is not None:
            self._begin_anew(reason, as_json=json, is_dry=dry_run)
            return
        if dry_run:
            new = not_anchored(folder=anchors)
            self.tell({"new": new}, [f"{new} chains would be anchored"], as_json=json, is_dry=True)
            return
        anchored = anchor_audit(folder=anchors)
        if anchored is None:
            self.tell({"anchor": None}, ["nothing is new since the last anchor"], as_json=json)
            return
        line = (
            f"anchor {anchored.number} of {anchored.chains} chains, {anchored.new} of them new or longer:"
            f" {anchored.file}"
        )
        self.tell({"anchor": {**asdict(anchored), "file": str(anchored.file)}}, [line], as_json=json)

    def _begin_anew(self, reason: str, *, as_json: bool, is_dry: bool) -> None:
        ended = begin_anchors_anew(reason=reason, is_trial=is_dry)
        verb = "would be" if is_dry else "is"
        line = (
            f"the line of anchors up to {ended} {verb} ended: the next one is anchor 1 in {settings.AUDIT_ANCHORS}"
            if ended
            else "the database knows no anchor: the next one is the first, or the first of a new line"
        )
        self.tell({"ended": ended}, [line], as_json=as_json, is_dry=is_dry)
