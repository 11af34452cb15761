"""`manage.py erase_user`: forget a person who cannot ask for it themselves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.command import OperatorCommand
from accounts.models import User
from accounts.services.erasures import WAITS_FOR, ask_as_operator, erase, rows_of


class Command(OperatorCommand):
    help = (
        f"Deactivate a person at once, and delete all that is kept of them after {WAITS_FOR.days} days; they are told by "
        "mail and can withdraw it until then. The audit log stays for two years, under their id alone."
    )
    when = "For who asks to be forgotten and cannot sign in. Stopped half-way it is run again, or left to the worker."
    examples = (
        '--email you@example.com --reason "asked by letter"',
        '--email you@example.com --reason "asked by letter" --now --ticket T-9',
    )
    changes = True
    is_long = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose")
        parser.add_argument("--reason", required=True, help="why; it is erased with them")
        parser.add_argument("--now", action="store_true", help="do not wait: delete at once, for good")
        parser.add_argument("--ticket", default="", help="where that was agreed; --now needs it")

    def handle(
        self, *, email: str, reason: str, now: bool, ticket: str, dry_run: bool, json: bool, **_: Any
    ) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            message = f"nobody has the address {email}"
            raise CommandError(message)
        if now and not ticket.strip():
            raise CommandError("--now needs --ticket: it cannot be undone, and somebody has agreed to it")
        shown: dict[str, Any] = {"user_id": str(user.pk), "status": "active", "rows": rows_of(user.pk)}
        erasure = ask_as_operator(user=user, reason=reason, is_at_once=now, ticket=ticket, is_trial=dry_run)
        if dry_run:
            self._show(shown, as_json=json, is_dry=True)
            return
        with self.progress(as_json=json) as progress:
            is_gone = now and erase(user.pk, progress=lambda done: progress(done, what="batches deleted"))
        status = "erased" if is_gone else "waiting"
        self._show({**shown, "status": status, "due_at": erasure.due_at.isoformat()}, as_json=json)
        if now and not is_gone:
            raise CommandError("not all of it is gone yet: the worker goes on")

    def _show(self, shown: dict[str, Any], *, as_json: bool, is_dry: bool = False) -> None:
        lines = [f"{name:45}{value}" for name, value in shown.items() if name != "rows"]
        lines += [f"{table:45}{count:>10}" for table, count in shown["rows"].items() if count]
        self.tell(shown, lines, as_json=as_json, is_dry=is_dry)
