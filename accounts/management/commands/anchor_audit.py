"""`manage.py anchor_audit`: write down outside the database how far the audit log has come."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts.audit.anchors import AnchorBroken
from accounts.audit.keys import KeyUnusable, as_text, public_key
from accounts.services.anchoring import anchor_audit

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Sign how far every chain of the audit log has come, and write it to the folder of anchors. "
        "The worker does so every five minutes. Writes nothing when nothing is new."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anchors", type=Path, metavar="FOLDER", help="default: RAXX_AUDIT_ANCHORS")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--public-key",
            action="store_true",
            help="anchor nothing; print the public key, with which others can verify",
        )

    def handle(self, *, anchors: Path | None, **options: Any) -> None:
        try:
            if options["public_key"]:
                self.stdout.write(as_text(public_key(settings.AUDIT_KEY)), ending="")
                return
            anchored = anchor_audit(folder=anchors)
        except (AnchorBroken, KeyUnusable, OSError) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            written = None if anchored is None else {**asdict(anchored), "file": str(anchored.file)}
            self.stdout.write(json.dumps({"anchor": written}))
        elif anchored is None:
            self.stdout.write("nothing is new since the last anchor")
        else:
            self.stdout.write(
                f"anchor {anchored.number} of {anchored.chains} chains, {anchored.new} of them new or longer:"
                f" {anchored.file}"
            )
