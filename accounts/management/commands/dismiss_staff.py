"""`manage.py dismiss_staff`: take somebody out of the staff, at once."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from accounts import tracing
from accounts.management.command import OperatorCommand
from accounts.services.dismissals import dismiss_staff

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Make a member of the staff a person as any other. Their sessions and their grants end, and their API keys "
        "lose the scope operator (a key that has no other is revoked). What they own as a person stays. It is "
        "written into the audit log; running it again changes nothing."
    )
    when = "On the day somebody leaves."
    examples = (
        "--email sam@example.com --reason left --dry-run",
        "--email sam@example.com --reason left",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="who")
        parser.add_argument("--reason", required=True, help="facts, nothing personal: it is kept for good")

    def handle(self, *, email: str, reason: str, dry_run: bool, json: bool, **_: Any) -> None:
        tracing.set_actor("command", "dismiss_staff")
        done = dismiss_staff(email=email, reason=reason, is_trial=dry_run)
        outcome = "dismissed" if done.is_new else "was no member of the staff"
        shown: dict[str, Any] = {
            "outcome": f"would be {outcome}" if dry_run and done.is_new else outcome,
            **asdict(done),
            "user_id": str(done.user_id),
        }
        del shown["is_new"]
        words = {
            name: ", ".join(value) or "none" if isinstance(value, tuple) else value
            for name, value in shown.items()
        }
        self.tell(shown, [f"{name}: {text}" for name, text in words.items()], as_json=json, is_dry=dry_run)
