"""`manage.py revoke_api_key`: end a bot's key, at once and for good."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.errors import TradingError
from trading.management.showing import show
from trading.services.keys import revoke_api_key


class Command(BaseCommand):
    help = "Revoke an API key: its requests are refused and its streams end. Repeating it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id", metavar="KEY_ID", help="the public part, PK...")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, key_id: str, json: bool, **_: Any) -> None:
        try:
            key = revoke_api_key(key_id=key_id)
        except TradingError as error:
            raise CommandError(str(error)) from None
        shown = {
            "email": key.user.email,
            "account_id": str(key.account_id),
            "key_id": key.pk,
            "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        }
        show(self, shown, as_json=json)
