"""`manage.py list_accounts`: whose accounts there are, and how they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from trading.services.accounts import every_account
from trading.services.own_accounts import status_word
from trading.wire import plain

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "List paper accounts, oldest first."
    when = "To find an account's number, which other commands ask for."
    examples = (
        "",
        "--email you@example.com --all --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="only those of one person")
        parser.add_argument("--all", action="store_true", help="those that are closed as well")

    def handle(self, *, email: str | None, all: bool, json: bool, **_: Any) -> None:  # noqa: A002 - the option's name
        found = list(every_account(email=email, wants_closed=all))
        shown = [
            {
                "account_id": str(account.pk),
                "account_number": account.number,
                "email": account.user.email,
                "name": account.name,
                "status": status_word(account),
                "market": account.market.name,
                "profile": account.profile.name,
                "multiplier": account.multiplier,
                "generation": account.generation,
                "cash": plain(account.cash),
                "created_at": account.created_at.isoformat(),
            }
            for account in found
        ]
        lines = [
            f"{each['account_number']}  {each['email']}  {each['status']}  generation {each['generation']}"
            f"  cash {each['cash']}  {account.market}  {each['name']}".rstrip()
            for each, account in zip(shown, found, strict=True)
        ]
        self.tell(shown, lines or ["no accounts"], as_json=json)
