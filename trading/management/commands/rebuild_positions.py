"""`manage.py rebuild_positions`: compute positions, cash and holds anew, and put right what differs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from trading.services.accounts import account_named, every_account
from trading.services.rebuilding import rebuild_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.management.base import CommandParser

    from trading.services.rebuilding import Rebuilt


class Command(OperatorCommand):
    help = (
        "Compute each account's cash, holds and positions from its postings, fills and open orders, show what differs, "
        "and put it right under the account's lock, with an entry in its audit log. Fills and postings are not changed. "
        "While a matcher runs the account's market nothing is put right: that is refused."
    )
    when = (
        "When verify_ledger names a position, cash or a hold that does not follow: stop the matcher, run it dry, run it, "
        "and verify again. Each account is a transaction of its own, so that it may be stopped and run again; repeating it "
        "changes nothing."
    )
    examples = ("--dry-run", "--account PA3X9K2M7Q4T --dry-run --json", "--account PA3X9K2M7Q4T")
    exits = {1: "refused; or with --dry-run: something differs"}
    changes = True
    is_long = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--account", metavar="N", help="its number or id; default: all, closed ones as well"
        )

    def handle(self, *, account: str | None, json: bool, dry_run: bool, **_: Any) -> None:
        chosen = every_account(wants_closed=True) if account is None else [account_named(account)]
        found = []
        with self.progress(as_json=json) as progress:
            for number, each in enumerate(chosen, start=1):
                progress(number, len(chosen), "accounts")
                rebuilt = rebuild_account(account_id=each.pk, is_trial=dry_run)
                if rebuilt.differences:
                    found.append(rebuilt)
        shown = {"accounts": len(chosen), "rebuilt": [asdict(each) for each in found]}
        self.tell(shown, _lines(len(chosen), found, is_dry=dry_run), as_json=json, is_dry=dry_run)
        if found and dry_run:
            self.end_with(1)


def _lines(accounts: int, found: list[Rebuilt], *, is_dry: bool) -> Iterator[str]:
    for rebuilt in found:
        for each in rebuilt.differences:
            yield f"account {rebuilt.account_number}: {each.of} {each.figure}: {each.found} -> {each.expected}"
    yield f"{len(found)} of {accounts} accounts {'differ' if is_dry else 'were put right'}"
