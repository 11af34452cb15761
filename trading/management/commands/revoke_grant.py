"""`manage.py revoke_grant`: end what a member of staff holds on an account, at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.command import OperatorCommand
from accounts.models import User
from trading.management.commands.grant import WORDS
from trading.services.accounts import account_named
from trading.services.grants import end_grants


class Command(OperatorCommand):
    help = (
        "End what a member of staff holds on an account: seeing it, or with --permission act only acting for "
        "its owner. The next page they ask for is refused. The grant stays on record; repeating changes nothing."
    )
    when = "When a case is closed before its grant expires."
    examples = (
        "--staff sam@example.com --account PA3X9K2M7Q4T --dry-run",
        "--staff sam@example.com --account PA3X9K2M7Q4T",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--staff", required=True, metavar="EMAIL", help="who holds it")
        parser.add_argument("--account", required=True, metavar="N", help="the account's number or id")
        parser.add_argument(
            "--permission",
            choices=sorted(WORDS),
            default="view",
            help="view, unless told, ends both; act leaves seeing",
        )

    def handle(
        self, *, staff: str, account: str, permission: str, dry_run: bool, json: bool, **_: Any
    ) -> None:
        who = User.objects.filter(email__iexact=staff).first()  # staff no more, perhaps
        if who is None:
            raise CommandError(f"there is nobody {staff}")
        which = account_named(account)
        ended = end_grants(
            staff=who,
            account_id=which.pk,
            owner_id=which.user_id,
            permission=WORDS[permission],
            is_trial=dry_run,
        )
        done = "ended" if ended else "nothing to end"
        shown = {
            "outcome": f"would be: {done}" if dry_run else done,
            "staff": who.email,
            "account_id": str(which.pk),
            "account_number": which.number,
            "permissions": [grant.what.value for grant in ended],
        }
        self.tell(shown, as_json=json, is_dry=dry_run)
