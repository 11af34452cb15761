"""`manage.py list_grants`: who of the staff may see whose account, why, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from trading.services.accounts import account_named
from trading.services.grants import grants_on_record

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = "List the grants that live, newest first; with --all every one that was ever given."
    when = "To review who of the staff sees what."
    examples = (
        "",
        "--account PA3X9K2M7Q4T --all --json",
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--staff", metavar="EMAIL", help="only those of one member of staff")
        parser.add_argument("--account", metavar="N", help="only those on one account, by its number or id")
        parser.add_argument("--all", action="store_true", help="those that are over as well")

    def handle(self, *, staff: str | None, account: str | None, all: bool, json: bool, **_: Any) -> None:  # noqa: A002 - the option's name
        account_id = account_named(account).pk if account else None
        shown: list[dict[str, Any]] = [
            {
                "staff": grant.user.email,
                "account_id": str(grant.content_object_id),
                "account_number": grant.content_object.number,
                "permission": grant.what.value,
                "reason": grant.reason,
                "ticket": grant.ticket,
                "granted_by": grant.granted_by.email if grant.granted_by else None,
                "granted_at": grant.granted_at.isoformat(),
                "expires_at": grant.expires_at.isoformat(),
                "ended_at": grant.ended_at.isoformat() if grant.ended_at else None,
            }
            for grant in grants_on_record(staff=staff, account_id=account_id, ever=all)
        ]
        self.tell(shown, [_line(row) for row in shown] or ["no grants"], as_json=json)


def _line(row: dict[str, Any]) -> str:
    until = f"ended {row['ended_at']}" if row["ended_at"] else f"until {row['expires_at']}"
    return f"{row['account_number']}  {row['staff']}  {row['permission']}  {until}  {row['reason']}"
