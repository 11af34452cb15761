"""`manage.py reset_passkeys`: the way back in for who has lost everything. It takes two operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from accounts.management.command import OperatorCommand
from accounts.services.resets import approve_reset, ask_for_reset

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "Ask for a reset of somebody's passkeys; or, as another operator and within 24 hours, approve it."
    when = (
        "For who has lost every passkey and every recovery code, after you have made sure who they are. Asked twice, there "
        "are two requests; one is approved once. Where the link was lost, say because the run was stopped before it printed, "
        "ask and approve again."
    )
    examples = (
        "ask --email you@example.com --ticket T-8 --operator sam@example.com",
        "approve --id ID --operator kim@example.com",
    )

    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="ask | approve")
        ask = steps.add_parser("ask", help="ask for a reset: changes nothing yet; the person is told by mail")
        ask.add_argument("--email", required=True, help="whose passkeys")
        ask.add_argument("--ticket", required=True, help="where it is written down why")
        approve = steps.add_parser(
            "approve",
            help="approve what another operator asked for: switches the passkeys off, ends all sessions, mails a link",
        )
        approve.add_argument("--id", required=True, type=UUID, help="the reset, as `ask` printed it")
        for step in (ask, approve):
            step.add_argument("--operator", required=True, help="your own address, as a member of the staff")
            self.add_shared(step, changes=True)

    def handle(self, *, step: str, operator: str, json: bool, dry_run: bool, **options: Any) -> None:
        if step == "ask":
            asked = ask_for_reset(
                email=options["email"], ticket=options["ticket"], operator=operator, is_trial=dry_run
            )
            shown = {
                "id": "" if dry_run else str(asked.pk),
                "email": asked.user.email,
                "ticket": asked.ticket,
            }
        else:
            done = approve_reset(reset_id=options["id"], operator=operator, is_trial=dry_run)
            shown = {"id": str(done.id), "email": done.email, "url": done.url}
        self.tell(shown, as_json=json, is_dry=dry_run)
