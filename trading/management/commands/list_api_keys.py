"""`manage.py list_api_keys`: which keys there are, what they may, and when they were last used."""

from __future__ import annotations

import json as json_text
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from trading.services.keys import api_keys


class Command(BaseCommand):
    help = "List API keys, newest first. Secrets are stored nowhere and cannot be shown."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", help="only those of one person")
        parser.add_argument("--all", action="store_true", help="those that are over as well")
        parser.add_argument("--json", action="store_true", help="print one JSON array")

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
        if json:
            self.stdout.write(json_text.dumps(shown))
            return
        if not shown:
            self.stdout.write("no keys")
        for key in shown:
            used = key["last_used_at"] or "never"
            self.stdout.write(f"{key['key_id']}  {key['email']}  {','.join(key['scopes'])}  used {used}")
