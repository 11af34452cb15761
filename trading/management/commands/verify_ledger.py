"""`manage.py verify_ledger`: prove that every account's figures follow from its fills and postings."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.management.base import CommandError

from accounts.management.command import OperatorCommand
from trading.ledger_audit import Audit, audit_ledger
from trading.models import TradingAccount

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(OperatorCommand):
    help = (
        "Recompute cash, holds, positions and event sequences from first principles. "
        "Exits with 0 when everything balances, with 1 and a line for each difference otherwise."
    )
    when = "Nightly, after a restore, and when a figure looks wrong. It changes nothing, and the market may run meanwhile."
    examples = (
        "",
        "--account PA3X9K2M7Q4T --json",
    )
    is_long = True
    exits = {1: "something does not balance"}

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", help="the number or the id of one account; default: all accounts")

    def handle(self, *, account: str | None, **options: Any) -> None:
        as_json = options["json"]
        account_id = None if account is None else _account_id(account)
        with self.progress(as_json=as_json) as progress:
            audit = audit_ledger(
                account_id, progress=lambda rule, step, steps: progress(step, steps, what=rule)
            )
        self.tell(
            {"accounts": audit.accounts, "differences": [asdict(each) for each in audit.differences]},
            _lines(audit),
            as_json=as_json,
        )
        if not audit.balances:
            self.end_with(1)


def _account_id(text: str) -> UUID:
    accounts = TradingAccount.objects.across_owners()
    try:
        found = accounts.filter(pk=UUID(text))
    except ValueError:
        found = accounts.filter(number=text)
    account_id: UUID | None = found.values_list("pk", flat=True).first()
    if account_id is None:
        message = f"there is no account {text}"
        raise CommandError(message)
    return account_id


def _lines(audit: Audit) -> list[str]:
    if audit.balances:
        return [f"all {audit.accounts} accounts balance"]
    return [str(difference) for difference in audit.differences]
