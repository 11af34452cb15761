"""`manage.py verify_ledger`: prove that every account's figures follow from its fills and postings."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from trading.ledger_audit import Audit, audit_ledger
from trading.models import TradingAccount

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Recompute cash, holds, positions and event sequences from first principles. "
        "Exits with 0 when everything balances, with 1 and a line for each difference otherwise."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", help="the number or the id of one account; default: all accounts")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *, account: str | None, **options: Any) -> None:
        is_watched = self.stderr.isatty() and not options["json"]
        audit = audit_ledger(
            None if account is None else _account_id(account), progress=self._show if is_watched else None
        )
        if is_watched:
            self.stderr.write("\r\x1b[K", ending="")
        self.stdout.write(_json(audit) if options["json"] else _lines(audit))
        if not audit.balances:
            sys.exit(1)

    def _show(self, rule: str, step: int, steps: int) -> None:
        self.stderr.write(f"\r\x1b[K{step}/{steps} {rule}", ending="")
        self.stderr.flush()


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


def _json(audit: Audit) -> str:
    return json.dumps(
        {"accounts": audit.accounts, "differences": [asdict(each) for each in audit.differences]}
    )


def _lines(audit: Audit) -> str:
    if audit.balances:
        return f"all {audit.accounts} accounts balance"
    return "\n".join(str(difference) for difference in audit.differences)
