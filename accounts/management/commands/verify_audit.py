"""`manage.py verify_audit`: prove that nothing in the audit log was edited, removed, inserted, cut off or rewritten."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from accounts.audit.keys import KeyUnusable
from accounts.services.anchoring import verify_audit

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from accounts.audit.faults import Report


class Command(BaseCommand):
    help = (
        "Compute every hash of the audit log anew and compare the chains with the signed anchors outside the "
        "database. Exits with 0 when all is whole, with 1 and a line for each fault otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anchors", type=Path, metavar="FOLDER", help="default: RAXX_AUDIT_ANCHORS")
        parser.add_argument(
            "--since-anchor", action="store_true", help="only what was appended since the last anchor"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *, anchors: Path | None, since_anchor: bool, **options: Any) -> None:
        is_watched = self.stderr.isatty() and not options["json"]
        try:
            report = verify_audit(
                folder=anchors, since_anchor=since_anchor, progress=self._show if is_watched else None
            )
        except KeyUnusable as error:
            raise CommandError(str(error)) from None
        if is_watched:
            self.stderr.write("\r\x1b[K", ending="")
        self.stdout.write(_json(report) if options["json"] else _lines(report))
        if not report.is_whole:
            sys.exit(1)

    def _show(self, entries: int) -> None:
        self.stderr.write(f"\r\x1b[K{entries} entries", ending="")
        self.stderr.flush()


def _json(report: Report) -> str:
    return json.dumps({**asdict(report), "is_whole": report.is_whole}, default=str)


def _lines(report: Report) -> str:
    lines = [*map(str, report.faults), *(f"note: {warning}" for warning in report.warnings)]
    at = "" if report.anchored_at is None else f", the last of {report.anchored_at.isoformat()}"
    looked_at = f"{report.entries} entries in {report.chains} chains, {report.anchors} anchors{at}"
    lines.append(f"{looked_at}: {'all whole' if report.is_whole else f'{len(report.faults)} faults'}")
    return "\n".join(lines)
