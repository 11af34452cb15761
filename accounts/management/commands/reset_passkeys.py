"""`manage.py reset_passkeys`: the way back in for who has lost everything. It takes two operators."""

from __future__ import annotations

import json as json_text
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import Failure
from accounts.services.resets import approve_reset, ask_for_reset


class Command(BaseCommand):
    help = "Ask for a reset of somebody's passkeys; or, as another operator and within 24 hours, approve it."

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="ask | approve")
        ask = steps.add_parser("ask", help="changes nothing yet; the person is told by mail")
        ask.add_argument("--email", required=True, help="whose passkeys")
        ask.add_argument("--ticket", required=True, help="where it is written down why")
        approve = steps.add_parser(
            "approve", help="switches the passkeys off, ends all sessions, mails a link"
        )
        approve.add_argument("--id", required=True, type=UUID, help="the reset, as `ask` printed it")
        for step in (ask, approve):
            step.add_argument("--operator", required=True, help="your own address, as a member of the staff")
            step.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, step: str, operator: str, json: bool, **options: Any) -> None:
        try:
            if step == "ask":
                asked = ask_for_reset(email=options["email"], ticket=options["ticket"], operator=operator)
                shown = {"id": str(asked.pk), "email": asked.user.email, "ticket": asked.ticket}
            else:
                done = approve_reset(reset_id=options["id"], operator=operator)
                shown = {"id": str(done.id), "email": done.email, "url": done.url}
        except Failure as error:
            raise CommandError(str(error)) from None
        if json:
            self.stdout.write(json_text.dumps(shown))
            return
        for name, text in shown.items():
            self.stdout.write(f"{name:15}{text}")
