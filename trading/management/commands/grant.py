"""`manage.py grant`: let a member of staff see somebody's account, for a reason and for a time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.command import OperatorCommand
from trading.models import GrantPermission
from trading.services.accounts import account_named
from trading.services.grants import Given, give_grant, staff_named

if TYPE_CHECKING:
    from accounts.models import User
    from trading.models import TradingAccount

WORDS = {"view": GrantPermission.VIEW, "act": GrantPermission.ACT}
HOURS = 8


class Command(OperatorCommand):
    help = (
        "Let a member of staff see an account: its orders, money and keys, for a reason, for 30 days at most. "
        "It is written into the account's audit log, and so is each look. Granting again makes it last "
        "longer, never shorter; `revoke_grant` ends it at once."
    )
    when = "When support needs to look at an account to help its owner."
    examples = (
        '--staff sam@example.com --account PA3X9K2M7Q4T --reason "cannot find an order" --ticket T-7',
        '--staff sam@example.com --account PA3X9K2M7Q4T --permission act --reason "asked to cancel" --hours 2 --dry-run',
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--staff", required=True, metavar="EMAIL", help="who shall see it")
        parser.add_argument("--account", required=True, metavar="N", help="the account's number or id")
        parser.add_argument(
            "--permission",
            choices=sorted(WORDS),
            default="view",
            help="act: also act for its owner; view unless told",
        )
        parser.add_argument("--reason", required=True, help="facts, nothing personal: it is kept for good")
        parser.add_argument("--ticket", default="", help="where the case is told")
        parser.add_argument("--hours", type=float, default=HOURS, help=f"how long; {HOURS} unless told")

    def handle(
        self,
        *,
        staff: str,
        account: str,
        permission: str,
        reason: str,
        ticket: str,
        hours: float,
        dry_run: bool,
        json: bool,
        **_: Any,
    ) -> None:
        who, which = staff_named(staff), account_named(account)
        given = give_grant(
            staff=who,
            account_id=which.pk,
            owner_id=which.user_id,
            permission=WORDS[permission],
            reason=reason,
            ticket=ticket,
            lasts=_lasting(hours),
            is_trial=dry_run,
        )
        self.tell(_shown(who, which, permission, given, is_trial=dry_run), as_json=json, is_dry=dry_run)


def _lasting(hours: float) -> timedelta:
    try:
        return timedelta(hours=hours)
    except (OverflowError, ValueError):
        raise CommandError(f"{hours} hours are too many") from None


def _shown(
    staff: User, account: TradingAccount, permission: str, given: Given, *, is_trial: bool
) -> dict[str, str]:
    done = "granted" if given.is_new else "as before"
    return {
        "outcome": f"would be {done}" if is_trial else done,
        "staff": staff.email,
        "account_id": str(account.pk),
        "account_number": account.number,
        "owner": account.user.email,
        "permission": permission,
        "expires_at": max(grant.expires_at for grant in given.grants).isoformat(),
    }
