"""`manage.py reset_account`: let an account begin anew, with the same number and keys."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import tracing
from accounts.management.command import OperatorCommand
from trading.services.accounts import account_named, require_cash
from trading.services.own_accounts import SETTLED_WITHIN_S, UNSETTLED, reset_account, status_word
from trading.wire import plain


class Command(OperatorCommand):
    help = (
        "Begin an account's next generation: open orders are canceled, positions written off, and the cash "
        "is new. What was stays readable. Orders that the market does not end in time go on being ended, "
        "and the account takes none until then."
    )
    when = (
        "When its owner wants to begin again and cannot do so themselves. Each run begins another generation, but with "
        "--generation: who does not know whether an earlier run came to its end says that, and runs it again."
    )
    examples = (
        "PA3X9K2M7Q4T --cash 25000 --dry-run",
        "PA3X9K2M7Q4T --cash 25000 --generation 1",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="its number or id")
        parser.add_argument(
            "--generation",
            type=int,
            metavar="N",
            help="the one that shall end, as list_accounts shows it: repeated after its end nothing happens",
        )
        parser.add_argument("--cash", metavar="DOLLARS", help="default: what this generation began with")
        parser.add_argument(
            "--wait",
            type=float,
            default=SETTLED_WITHIN_S,
            metavar="SECONDS",
            help=f"how long to wait for open orders to end; {SETTLED_WITHIN_S:g} unless told",
        )

    def handle(
        self,
        *,
        account: str,
        cash: str | None,
        generation: int | None,
        wait: float,
        json: bool,
        dry_run: bool,
        **_: Any,
    ) -> None:
        found = account_named(account)
        done = reset_account(
            owner=found.user,
            account_id=found.pk,
            cash=_dollars(cash),
            generation=generation,
            request_id=tracing.current().request_id,
            within_s=wait,
            is_trial=dry_run,
        )
        shown: dict[str, str | int] = {
            "email": found.user.email,
            "account_id": str(done.pk),
            "account_number": done.number,
            "status": status_word(done),
            "generation": done.generation,
            "cash": plain(done.cash),
        }
        hint = "its open orders are still being canceled; the reset follows by itself"
        self.tell(shown, as_json=json, is_dry=dry_run, hint=hint if done.status in UNSETTLED else "")


def _dollars(text: str | None) -> Decimal | None:
    """Return the amount of an option. Raises ValueInvalid, CommandError."""
    if text is None:
        return None
    try:
        dollars = Decimal(text)
    except InvalidOperation:
        raise CommandError(f"cash {text!r} is not a number") from None
    require_cash(dollars)
    return dollars
