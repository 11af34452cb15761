"""`manage.py create_user`: make a person, and the link by which they make their passkey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from accounts.management.invited import show_invitation
from accounts.services.invitations import invite_person

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "Make a person, and print and mail the link for their first passkey. It works once, for 24 hours."
    when = (
        "For the first person of an installation, or one who cannot get mail: the link is printed as well as mailed, and "
        "leads to the first of RAXX_ORIGINS, or to where `up` was reached last. Repeating it makes another link for the same person, also after a run that was stopped."
    )
    examples = (
        "--email you@example.com",
        "--email you@example.com --dry-run",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--email", required=True, help="whose link; who is there already gets another one"
        )

    def handle(self, *, email: str, json: bool, dry_run: bool, **_: Any) -> None:
        invitation = invite_person(email=email, is_trial=dry_run)
        show_invitation(self, invitation, as_json=json, is_dry=dry_run)
