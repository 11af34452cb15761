"""`manage.py invite_staff`: make somebody a member of the staff. There is no other way to be one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Failure
from accounts.management.invited import show_invitation
from accounts.services.invitations import invite_staff


class Command(BaseCommand):
    help = "Make a person staff, and print and mail the link for a first passkey to who has none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="who; made when nobody has the address")
        parser.add_argument("--superuser", action="store_true", help="may do everything in the admin")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, email: str, superuser: bool, json: bool, **_: Any) -> None:
        try:
            invitation = invite_staff(email=email, is_superuser=superuser)
        except Failure as error:
            raise CommandError(str(error)) from None
        show_invitation(self, invitation, as_json=json)
