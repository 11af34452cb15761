"""`manage.py archive_account`: close an account for good; all of it stays readable."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import tracing
from trading.errors import TradingError
from trading.management.showing import show
from trading.services.accounts import account_named
from trading.services.own_accounts import SETTLED_WITHIN_S, UNSETTLED, archive_account, status_word


class Command(BaseCommand):
    help = (
        "Close an account: its keys end at once, its open orders are canceled. Repeating it changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="its number or id")
        parser.add_argument(
            "--wait", type=float, default=SETTLED_WITHIN_S, metavar="SECONDS", help="for open orders to end"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, account: str, wait: float, json: bool, **_: Any) -> None:
        try:
            found = account_named(account)
            done = archive_account(
                owner=found.user, account_id=found.pk, request_id=tracing.current().request_id, within_s=wait
            )
        except TradingError as error:
            raise CommandError(str(error)) from None
        shown = {
            "email": found.user.email,
            "account_id": str(done.pk),
            "account_number": done.number,
            "status": status_word(done),
        }
        hint = "its open orders are still being canceled; it is closed when they have ended"
        show(self, shown, as_json=json, hint=hint if done.status in UNSETTLED else "")
