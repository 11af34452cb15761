"""`manage.py verify_audit`: prove that nothing in the audit log was edited, removed, inserted, cut off or rewritten."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accounts.audit.keys import KeyUnusable
from accounts.errors import Failure
from accounts.management.command import OperatorCommand
from accounts.services.anchoring import verify_audit

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from accounts.audit.faults import Report


class Command(OperatorCommand):
    help = (
        "Compute every hash of the audit log anew and compare the chains with the signed anchors outside the "
        "database, and these with the last one that the database knows. Exits with 0 when all is whole, with 1 and a line "
        "for each fault otherwise."
    )
    when = (
        "Nightly, after a restore, and when somebody doubts the log. It changes nothing. --anchors is for a copy that is "
        "kept elsewhere: it may lag behind, and must have anchors."
    )
    examples = (
        "",
        "--since-anchor --json",
        "--anchors /mnt/elsewhere",
    )
    is_long = True
    exits = {
        1: "something was edited, removed, inserted, cut off or rewritten, or an anchor is missing; or it could not be judged"
    }
    refusals = (Failure, KeyUnusable, OSError)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--anchors", type=Path, metavar="FOLDER", help="default: RAXX_AUDIT_ANCHORS")
        parser.add_argument(
            "--since-anchor", action="store_true", help="only what was appended since the last anchor"
        )

    def handle(self, *, anchors: Path | None, since_anchor: bool, **options: Any) -> None:
        as_json = options["json"]
        with self.progress(as_json=as_json) as progress:
            progress(0, what="entries")
            report = verify_audit(
                folder=anchors,
                since_anchor=since_anchor,
                progress=lambda entries: progress(entries, what="entries"),
            )
        self.tell({**asdict(report), "is_whole": report.is_whole}, _lines(report), as_json=as_json)
        if not report.is_whole:
            self.end_with(1)


def _lines(report: Report) -> list[str]:
    lines = [*map(str, report.faults), *(f"note: {warning}" for warning in report.warnings)]
    at = "" if report.anchored_at is None else f", the last of {report.anchored_at.isoformat()}"
    looked_at = f"{report.entries} entries in {report.chains} chains, {report.anchors} anchors{at}"
    lines.append(f"{looked_at}: {'all whole' if report.is_whole else f'{len(report.faults)} faults'}")
    return lines
