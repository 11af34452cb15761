"""`manage.py doctor`: look at every part, and say how to mend what is not well."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from raxx import doctor

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Examine the installation; the exit status is 1 when something is not well."""

    help = "Check each component and print a fix for each failure."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare `--json`."""
        parser.add_argument("--json", action="store_true", help="print one JSON list of findings")

    def handle(self, *_: object, **options: Any) -> None:
        """Print the findings and exit."""
        findings = doctor.examine()
        if options["json"]:
            self.stdout.write(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
        else:
            for finding in findings:
                self.stdout.write(
                    f"{'ok  ' if finding.is_well else 'FAIL'}  {finding.name}: {finding.detail}"
                )
                if finding.fix:
                    self.stdout.write(f"      fix: {finding.fix}")
        if not all(finding.is_well for finding in findings):
            sys.exit(1)
