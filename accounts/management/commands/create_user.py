"""`manage.py create_user`: make a person, and the link by which they make their passkey."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Failure
from accounts.management.invited import show_invitation
from accounts.services.invitations import invite_person


class Command(BaseCommand):
    help = "Make a person, and print and mail the link for their first passkey. It works once, for 24 hours."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--email", required=True, help="whose link; who is there already gets another one"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, email: str, json: bool, **_: Any) -> None:
        try:
            invitation = invite_person(email=email)
        except Failure as error:
            raise CommandError(str(error)) from None
        show_invitation(self, invitation, as_json=json)
