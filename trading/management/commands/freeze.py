"""`manage.py freeze`: let an account open no more positions, and let it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from trading.services import freezing
from trading.services.accounts import account_named

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Freeze an account: it takes no order that opens a position. What closes one, every cancel, and the orders "
        "that were open before go on. With --thaw it opens positions again. Repeating either changes nothing."
    )
    when = (
        "When an account does what it should not, and its owner has not answered yet; the reason is kept in their "
        "audit log."
    )
    examples = (
        '--account PA3X9K2M7Q4T --reason "a bot gone wild" --dry-run',
        '--account PA3X9K2M7Q4T --reason "a bot gone wild"',
        '--account PA3X9K2M7Q4T --reason "its owner has stopped the bot" --thaw',
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, metavar="N", help="the account's number or id")
        parser.add_argument("--reason", required=True, help="facts, nothing personal: it is kept for good")
        parser.add_argument("--thaw", action="store_true", help="let a frozen account open positions again")

    def handle(self, *, account: str, reason: str, thaw: bool, json: bool, dry_run: bool, **_: Any) -> None:
        which = account_named(account)
        act = freezing.thaw if thaw else freezing.freeze
        is_new = act(account_id=which.pk, reason=reason, is_trial=dry_run)
        state = "thawed" if thaw else "frozen"
        outcome = state if is_new else "was not frozen" if thaw else "was frozen already"
        shown = {
            "outcome": f"would be {outcome}" if dry_run and is_new else outcome,
            "account_id": str(which.pk),
            "account_number": which.number,
            "email": which.user.email,
            "is_frozen": not thaw if is_new and not dry_run else which.frozen_at is not None,
        }
        self.tell(shown, as_json=json, is_dry=dry_run)
