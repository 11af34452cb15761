"""`manage.py reset_account`: let an account begin anew, with the same number and keys."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import tracing
from trading.errors import TradingError
from trading.management.showing import show
from trading.services.accounts import account_named, require_cash
from trading.services.own_accounts import SETTLED_WITHIN_S, UNSETTLED, reset_account, status_word
from trading.wire import plain


class Command(BaseCommand):
    help = (
        "Begin an account's next generation: open orders are canceled, positions written off, and the cash "
        "is new. What was stays readable. Orders that the market does not end in time go on being ended, "
        "and the account takes none until then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="its number or id")
        parser.add_argument("--cash", metavar="DOLLARS", help="default: what this generation began with")
        parser.add_argument(
            "--wait", type=float, default=SETTLED_WITHIN_S, metavar="SECONDS", help="for open orders to end"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, account: str, cash: str | None, wait: float, json: bool, **_: Any) -> None:
        try:
            found = account_named(account)
            done = reset_account(
                owner=found.user,
                account_id=found.pk,
                cash=_dollars(cash),
                request_id=tracing.current().request_id,
                within_s=wait,
            )
        except TradingError as error:
            raise CommandError(str(error)) from None
        shown: dict[str, str | int] = {
            "email": found.user.email,
            "account_id": str(done.pk),
            "account_number": done.number,
            "status": status_word(done),
            "generation": done.generation,
            "cash": plain(done.cash),
        }
        hint = "its open orders are still being canceled; the reset follows by itself"
        show(self, shown, as_json=json, hint=hint if done.status in UNSETTLED else "")


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
