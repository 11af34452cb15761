"""`manage.py purge_history`: let go of what is older than its owner's tier keeps."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from accounts.management.command import OperatorCommand
from trading.services.accounts import account_named
from trading.services.history_purge import purge_histories

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from trading.services.history_purge import Purged


class Command(OperatorCommand):
    help = (
        "Delete orders, fills, events and snapshots that are older than their owners' tiers keep. Cash, positions and "
        "profits stay as they are, and verify_ledger balances. The worker does it daily; it may be repeated."
    )
    when = "Where no worker runs, or to make room now. Stopped half-way, what was deleted is whole, and the next run goes on."
    examples = (
        "--dry-run",
        "--account PA3X9K2M7Q4T --json",
    )
    changes = True
    is_long = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", metavar="ACCOUNT", help="its number or id; default: everybody's")

    def handle(self, *, account: str | None, dry_run: bool, json: bool, **_: Any) -> None:
        account_id = None if account is None else account_named(account).pk
        with self.progress(as_json=json) as progress:
            purged = purge_histories(
                now=timezone.now(),
                account_id=account_id,
                is_dry=dry_run,
                progress=lambda done, of: progress(done, of, "accounts"),
            )
        total = f"{len(purged)} accounts {'would change' if dry_run else 'changed'}"
        shown = {"accounts": [asdict(each) for each in purged]}
        self.tell(shown, [*map(_line, purged), total], as_json=json, is_dry=dry_run)


def _line(purged: Purged) -> str:
    line = (
        f"account {purged.account_number}: {purged.orders} orders, {purged.fills} fills, {purged.events} events, "
        f"{purged.snapshots} snapshots"
    )
    return line if purged.is_whole else f"{line}; somebody holds it: the rest follows next time"
