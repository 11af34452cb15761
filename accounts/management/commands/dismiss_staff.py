"""`manage.py dismiss_staff`: take somebody out of the staff, at once."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import tracing
from accounts.errors import Failure
from accounts.services.dismissals import dismiss_staff


class Command(BaseCommand):
    help = (
        "Make a member of the staff a person as any other. Their sessions and their grants end, and their API keys "
        "lose the scope operator (a key that has no other is revoked). What they own as a person stays. It is "
        "written into the audit log; running it again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="who")
        parser.add_argument("--reason", required=True, help="facts, nothing personal: it is kept for good")
        parser.add_argument("--dry-run", action="store_true", help="say what would end, and change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, email: str, reason: str, dry_run: bool, json: bool, **_: Any) -> None:
        tracing.set_actor("command", "dismiss_staff")
        try:
            done = dismiss_staff(email=email, reason=reason, is_trial=dry_run)
        except Failure as error:
            raise CommandError(str(error)) from None
        outcome = "dismissed" if done.is_new else "was no member of the staff"
        shown: dict[str, Any] = {
            "outcome": f"would be {outcome}" if dry_run and done.is_new else outcome,
            **asdict(done),
            "user_id": str(done.user_id),
        }
        del shown["is_new"]
        if json:
            self.stdout.write(json_text.dumps(shown))
            return
        for name, value in shown.items():
            words = ", ".join(value) or "none" if isinstance(value, tuple) else value
            self.stdout.write(f"{name}: {words}")
