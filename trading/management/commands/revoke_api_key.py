"""`manage.py revoke_api_key`: end a bot's key, at once and for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from trading.services.keys import revoke_api_key

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "Revoke an API key: its requests are refused and its streams end. Repeating it changes nothing."
    when = "At once, when a key has leaked."
    examples = (
        "PK3X9K2M7Q4T",
        "PK3X9K2M7Q4T --dry-run",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key_id", metavar="KEY_ID", help="the public part, PK...")

    def handle(self, *, key_id: str, json: bool, dry_run: bool, **_: Any) -> None:
        key = revoke_api_key(key_id=key_id, is_trial=dry_run)
        shown = {
            "email": key.user.email,
            "account_id": str(key.account_id),
            "key_id": key.pk,
            "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        }
        self.tell(shown, as_json=json, is_dry=dry_run)
