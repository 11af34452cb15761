"""`manage.py shadow`: mirror an account's paper orders to the operator's own paper account, and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.management.command import OperatorCommand
from broker_handoff import adapters
from broker_handoff.models import ShadowLink
from broker_handoff.shadow import links, showing
from broker_handoff.shadow.report import parity
from trading.services.accounts import account_named

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Send an account's paper orders to the operator's own paper account at Alpaca as well (RAXX_SHADOW_*), and "
        "report how fills, prices and times differ, per order and per rule. Nothing at Raxx waits for it or "
        "follows it."
    )
    when = "To learn how true the paper fills are."
    examples = (
        "on --account PA3X9K2M7Q4T --dry-run",
        "status",
        "report --account PA3X9K2M7Q4T --json",
    )

    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="on | off | status | report")
        for name, words in (
            ("on", "mirror what is placed from now on"),
            ("off", "mirror nothing more; what is open at the shadow stays open there"),
            ("status", "say how the mirror stands, and what last went wrong"),
            ("report", "compare all that was mirrored"),
        ):
            step = steps.add_parser(name, help=words)
            step.add_argument(
                "--account", required=name != "status", metavar="NUMBER", help="its number or id"
            )
            self.add_shared(step, changes=name in {"on", "off"})

    def handle(self, *, step: str, account: str | None, json: bool, dry_run: bool, **_: Any) -> None:
        if step == "status":
            self._status(account, as_json=json)
            return
        assert account is not None
        found = account_named(account)
        if step == "report":
            report = parity(found)
            self.tell(showing.as_json(report), showing.as_lines(report), as_json=json)
            return
        link = (
            links.turn_on(account=found, broker=adapters.shadow(), is_trial=dry_run)
            if step == "on"
            else links.turn_off(account=found, is_trial=dry_run)
        )
        self._show(showing.link_fields(link, found.number), as_json=json, is_dry=dry_run)

    def _status(self, account: str | None, *, as_json: bool) -> None:
        everybodys = (
            ShadowLink.objects.across_owners().select_related("account").order_by("turned_on_at", "pk")
        )
        if account is not None:
            everybodys = everybodys.filter(pk=account_named(account).pk)
        found = [showing.link_fields(link, link.account.number) for link in everybodys]
        if as_json or not found:
            self.tell(found, ["nothing is mirrored"], as_json=as_json)
            return
        for fields in found:
            self._show(fields, as_json=False)
            self.stdout.write("")

    def _show(self, fields: dict[str, Any], *, as_json: bool, is_dry: bool = False) -> None:
        if not as_json:
            counts = [f"{count} {status}" for status, count in fields["orders"].items()]
            fields = {**fields, "is_on": "yes" if fields["is_on"] else "no", "orders": ", ".join(counts)}
        self.tell(fields, as_json=as_json, is_dry=is_dry)
