"""`manage.py archive_account`: close an account for good; all of it stays readable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts import tracing
from accounts.management.command import OperatorCommand
from trading.services.accounts import account_named
from trading.services.own_accounts import SETTLED_WITHIN_S, UNSETTLED, archive_account, status_word

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Close an account: its keys end at once, its open orders are canceled. Repeating it changes nothing."
    )
    when = (
        "When an account is not wanted any more; it cannot be opened again. Orders that the market does not end in time go "
        "on being ended, and then it is closed by itself."
    )
    examples = (
        "PA3X9K2M7Q4T --dry-run",
        "PA3X9K2M7Q4T",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="its number or id")
        parser.add_argument(
            "--wait",
            type=float,
            default=SETTLED_WITHIN_S,
            metavar="SECONDS",
            help=f"how long to wait for open orders to end; {SETTLED_WITHIN_S:g} unless told",
        )

    def handle(self, *, account: str, wait: float, json: bool, dry_run: bool, **_: Any) -> None:
        found = account_named(account)
        done = archive_account(
            owner=found.user,
            account_id=found.pk,
            request_id=tracing.current().request_id,
            within_s=wait,
            is_trial=dry_run,
        )
        shown = {
            "email": found.user.email,
            "account_id": str(done.pk),
            "account_number": done.number,
            "status": status_word(done),
        }
        hint = "its open orders are still being canceled; it is closed when they have ended"
        self.tell(shown, as_json=json, is_dry=dry_run, hint=hint if done.status in UNSETTLED else "")
