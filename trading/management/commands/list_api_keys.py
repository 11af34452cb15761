"""`manage.py list_api_keys`: which keys there are, what they may, and when they were last used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from trading.services.keys import api_keys

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "List API keys, newest first. Secrets are stored nowhere and cannot be shown."
    when = "To see which bots are in use, or to find the key that leaked: revoke_api_key ends it."
    examples = (
        "",
        "--email you@example.com --all --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="only those of one person")
        parser.add_argument("--all", action="store_true", help="those that are over as well")

    def handle(self, *, email: str | None, all: bool, json: bool, **_: Any) -> None:  # noqa: A002 - the option's name
        shown: list[dict[str, Any]] = [
            {
                "key_id": key.pk,
                "email": key.user.email,
                "account_id": str(key.account_id),
                "name": key.name,
                "scopes": list(key.scopes),
                "addresses": list(key.addresses),
                "created_at": key.created_at.isoformat(),
                "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
                "expires_at": key.expires_at.isoformat() if key.expires_at else None,
                "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
            }
            for key in api_keys(email=email)
            if all or not key.is_over
        ]
        lines = [
            f"{key['key_id']}  {key['email']}  {','.join(key['scopes'])}  used {key['last_used_at'] or 'never'}"
            for key in shown
        ]
        self.tell(shown, lines or ["no keys"], as_json=json)
