"""`manage.py anchor_audit`: write down outside the database how far the audit log has come."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts.audit.anchors import AnchorBroken
from accounts.audit.keys import KeyUnusable, as_text, public_key
from accounts.management.command import OperatorCommand
from accounts.services.anchoring import anchor_audit, not_anchored

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(OperatorCommand):
    help = (
        "Sign how far every chain of the audit log has come, and write it to the folder of anchors. "
        "The worker does so every five minutes. Writes nothing when nothing is new."
    )
    when = "Before a backup, or before handing the log to somebody."
    examples = (
        "",
        "--anchors /mnt/elsewhere --json",
        "--public-key",
    )
    changes = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anchors", type=Path, metavar="FOLDER", help="default: RAXX_AUDIT_ANCHORS")
        parser.add_argument(
            "--public-key",
            action="store_true",
            help="anchor nothing; print the public key, with which others can verify",
        )

    def handle(self, *, anchors: Path | None, json: bool, dry_run: bool, **options: Any) -> None:
        try:
            if options["public_key"]:
                text = as_text(public_key(settings.AUDIT_KEY))
                self.tell({"public_key": text}, text.splitlines(), as_json=json)
                return
            if dry_run:
                new = not_anchored(folder=anchors)
                self.tell({"new": new}, [f"{new} chains would be anchored"], as_json=json, is_dry=True)
                return
            anchored = anchor_audit(folder=anchors)
        except (AnchorBroken, KeyUnusable, OSError) as error:
            raise CommandError(str(error)) from None
        if anchored is None:
            self.tell({"anchor": None}, ["nothing is new since the last anchor"], as_json=json)
            return
        line = (
            f"anchor {anchored.number} of {anchored.chains} chains, {anchored.new} of them new or longer:"
            f" {anchored.file}"
        )
        self.tell({"anchor": {**asdict(anchored), "file": str(anchored.file)}}, [line], as_json=json)
