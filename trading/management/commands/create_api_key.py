"""`manage.py create_api_key`: make a key for a bot, and show its secret this once."""

from __future__ import annotations

import json as json_text
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models.api_key import DEFAULT_SCOPES, Scope
from trading.errors import TradingError
from trading.services.keys import create_api_key


class Command(BaseCommand):
    help = "Make an API key for one account of a user. The secret is shown once and never stored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose key")
        parser.add_argument(
            "--account", metavar="N", help="the account's number or id; needed where there are several"
        )
        parser.add_argument(
            "--scopes", nargs="+", choices=Scope.values, default=DEFAULT_SCOPES, help="what the key may do"
        )
        parser.add_argument("--name", default="", help="a note for its owner")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(
        self, *, email: str, account: str | None, scopes: list[str], name: str, json: bool, **_: Any
    ) -> None:
        try:
            key = create_api_key(email=email, account=account, scopes=scopes, name=name)
        except TradingError as error:
            raise CommandError(str(error)) from None
        shown = {
            "email": key.email,
            "account_id": str(key.account_id),
            "account_number": key.account_number,
            "key_id": key.key_id,
            "secret": key.secret,
            "scopes": list(key.scopes),
        }
        if json:
            self.stdout.write(json_text.dumps(shown))
            return
        for field, value in shown.items():
            self.stdout.write(f"{field:15}{' '.join(value) if isinstance(value, list) else value}")
