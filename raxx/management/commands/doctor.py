"""`manage.py doctor`: look at every part, and say how to mend what is not well."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from raxx import doctor

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(OperatorCommand):
    """Examine the installation; the exit status is 1 when something is not well."""

    help = "Check each component and print a fix for each failure."
    when = "First of all, when something seems wrong. It changes nothing."
    examples = (
        "",
        "--json",
    )
    exits = {1: "something is not well"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--json`."""

    def handle(self, *_: object, **options: Any) -> None:
        """Print the findings and exit."""
        findings = doctor.examine()
        lines = []
        for finding in findings:
            lines.append(f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.name}: {finding.detail}")
            lines += [f"      fix: {finding.fix}"] if finding.fix else []
        shown = [dataclasses.asdict(finding) for finding in findings]
        self.tell(shown, lines, as_json=options["json"])
        if not all(finding.is_well for finding in findings):
            self.end_with(1)
