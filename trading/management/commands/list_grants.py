"""`manage.py list_grants`: who of the staff may see whose account, why, and until when."""

from __future__ import annotations

import json as json_text
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.errors import TradingError
from trading.services.accounts import account_named
from trading.services.grants import grants_on_record


class Command(BaseCommand):
    help = "List the grants that live, newest first; with --all every one that was ever given."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--staff", metavar="EMAIL", help="only those of one member of staff")
        parser.add_argument("--account", metavar="N", help="only those on one account, by its number or id")
        parser.add_argument("--all", action="store_true", help="those that are over as well")
        parser.add_argument("--json", action="store_true", help="print one JSON array")

    def handle(self, *, staff: str | None, account: str | None, all: bool, json: bool, **_: Any) -> None:  # noqa: A002 - the option's name
        try:
            account_id = account_named(account).pk if account else None
        except TradingError as error:
            raise CommandError(str(error)) from None
        shown: list[dict[str, Any]] = [
            {
                "staff": grant.user.email,
                "account_id": str(grant.content_object_id),
                "account_number": grant.content_object.number,
                "permission": grant.what.value,
                "reason": grant.reason,
                "ticket": grant.ticket,
                "granted_by": grant.granted_by.email if grant.granted_by else None,
                "granted_at": grant.granted_at.isoformat(),
                "expires_at": grant.expires_at.isoformat(),
                "ended_at": grant.ended_at.isoformat() if grant.ended_at else None,
            }
            for grant in grants_on_record(staff=staff, account_id=account_id, ever=all)
        ]
        if json:
            self.stdout.write(json_text.dumps(shown))
            return
        if not shown:
            self.stdout.write("no grants")
        for row in shown:
            until = f"ended {row['ended_at']}" if row["ended_at"] else f"until {row['expires_at']}"
            self.stdout.write(
                f"{row['account_number']}  {row['staff']}  {row['permission']}  {until}  {row['reason']}"
            )
