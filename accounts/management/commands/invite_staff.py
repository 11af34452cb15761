"""`manage.py invite_staff`: make somebody a member of the staff. There is no other way to be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from accounts.management.invited import show_invitation
from accounts.services.invitations import invite_staff

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "Make a person staff, and print and mail the link for a first passkey to who has none."
    when = "For a new colleague at support or operations. Repeating it makes another link, and changes nothing else."
    examples = (
        "--email sam@example.com",
        "--email sam@example.com --superuser --json",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="who; made when nobody has the address")
        parser.add_argument("--superuser", action="store_true", help="may do everything in the admin")

    def handle(self, *, email: str, superuser: bool, json: bool, dry_run: bool, **_: Any) -> None:
        invitation = invite_staff(email=email, is_superuser=superuser, is_trial=dry_run)
        show_invitation(self, invitation, as_json=json, is_dry=dry_run)
