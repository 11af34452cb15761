"""`manage.py purge_history`: let go of what is older than its owner's tier keeps."""

from __future__ import annotations

import json as json_format
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from trading.errors import TradingError
from trading.services.accounts import account_named
from trading.services.history_purge import purge_histories

if TYPE_CHECKING:
    from trading.services.history_purge import Purged


class Command(BaseCommand):
    help = (
        "Delete orders, fills, events and snapshots that are older than their owners' tiers keep. Cash, positions and "
        "profits stay as they are, and verify_ledger balances. The worker does it daily; it may be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="ACCOUNT", help="its number or id; default: everybody's")
        parser.add_argument("--dry-run", action="store_true", help="count what would go, and delete nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON array")

    def handle(self, *, account: str | None, dry_run: bool, json: bool, **_: Any) -> None:
        try:
            account_id = None if account is None else account_named(account).pk
        except TradingError as error:
            raise CommandError(str(error)) from None
        purged = purge_histories(now=timezone.now(), account_id=account_id, is_dry=dry_run)
        if json:
            self.stdout.write(json_format.dumps([asdict(each) for each in purged], default=str))
            return
        for each in purged:
            self.stdout.write(_line(each))
        self.stdout.write(f"{len(purged)} accounts {'would change' if dry_run else 'changed'}")


def _line(purged: Purged) -> str:
    line = (
        f"account {purged.account_number}: {purged.orders} orders, {purged.fills} fills, {purged.events} events, "
        f"{purged.snapshots} snapshots"
    )
    return line if purged.is_whole else f"{line}; somebody holds it: the rest follows next time"
