"""`manage.py kill_switch`: stop live orders at once, for everybody, a person or a connection; opening takes two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts import tracing
from accounts.management.command import OperatorCommand
from accounts.models import User
from broker_handoff.models import SwitchClosing
from broker_handoff.services import switches
from trading.wire import instant, instant_or_none

if TYPE_CHECKING:
    from broker_handoff.services.switches import Closed


class Command(OperatorCommand):
    help = (
        "Close the kill switch: no live order is sent from that moment on, by any worker. To open what the staff has "
        "closed one operator asks and another one approves, within 24 hours. People open what they closed themselves."
    )
    when = "At the first sign that live orders go wrong: close first, ask afterwards."
    examples = (
        'close --scope global --reason "odd fills" --operator sam@example.com',
        "status --json",
        "open --id ID --operator kim@example.com",
    )

    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(dest="step", required=True, metavar="close | ask | open | status")
        close = steps.add_parser("close", help="stop orders at once; repeating it changes nothing")
        close.add_argument(
            "--scope",
            required=True,
            choices=SwitchClosing.Scope.values,
            help="whom it stops: everybody, one person (--user), or one connection (--connection)",
        )
        close.add_argument("--user", metavar="ADDRESS", help="whose, for the scope user, and for no other")
        close.add_argument(
            "--connection", type=UUID, help="which, for the scope connection, and for no other"
        )
        ask = steps.add_parser("ask", help="ask that a closing be opened; changes nothing yet")
        approve = steps.add_parser("open", help="open what another operator has asked for")
        for step in (ask, approve):
            step.add_argument("--id", required=True, type=UUID, help="the closing, as `status` shows it")
        for step in (close, ask):
            step.add_argument("--reason", required=True, help="why: the people whom it stops read it")
        for step in (close, ask, approve):
            step.add_argument("--operator", required=True, help="your own address, as a member of the staff")
            self.add_shared(step, changes=True)
        status = steps.add_parser("status", help="list what is closed")
        self.add_shared(status)

    def handle(self, *, step: str, json: bool, dry_run: bool, **options: Any) -> None:
        if step == "status":
            self._list(as_json=json)
            return
        shown = self._change(step, dry_run=dry_run, **options)
        self.tell(shown, as_json=json, is_dry=dry_run)

    def _change(self, step: str, *, dry_run: bool, operator: str, **options: Any) -> dict[str, Any]:
        by = _staff(operator)
        if step == "close":
            which = {"scope": options["scope"], "user_id": None, "connection_id": options["connection"]}
            if options["user"] is not None:
                which["user_id"] = _person(options["user"]).pk
            closed = switches.close_as_staff(operator=by, reason=options["reason"], is_trial=dry_run, **which)
            if dry_run and closed.is_new:
                stopped = switches.stopped_by(closed.closing)
                return {"scope": which["scope"], "outcome": "would be closed", "stops": stopped}
            return _closed(closed)
        which = {"closing_id": options["id"], "operator": by, "is_trial": dry_run}
        if step == "ask":
            closing = switches.ask_to_open(reason=options["reason"], **which)
            outcome = "would be asked for" if dry_run else "asked: another operator opens it"
        else:
            closing = switches.approve_opening(**which)
            outcome = "would be opened" if dry_run else "open"
        return {**_fields(closing), "outcome": outcome}

    def _list(self, *, as_json: bool) -> None:
        with transaction.atomic():
            closings = SwitchClosing.objects.across_owners().filter(opened_at=None).select_related("user")
            found = [_fields(closing) for closing in closings.order_by("closed_at", "pk")]
        if as_json or not found:
            self.tell(found, ["nothing is closed"], as_json=as_json)
            return
        for fields in found:
            self.tell(fields, as_json=False)
            self.stdout.write("")


def _closed(closed: Closed) -> dict[str, Any]:
    return {
        **_fields(closed.closing),
        "outcome": "closed" if closed.is_new else "was closed already",
        "being_sent": closed.being_sent,
    }


def _fields(closing: SwitchClosing) -> dict[str, Any]:
    """Return a closing as it is shown; of a person their address."""
    return {
        "id": str(closing.pk),
        "scope": closing.scope,
        "user": None if closing.user is None else closing.user.email,
        "connection": None if closing.connection_id is None else str(closing.connection_id),
        "by": "the person" if closing.is_own else "the staff",
        "reason": closing.reason,
        "closed_at": instant(closing.closed_at),
        "asked_at": instant_or_none(closing.asked_at),
        "asked_reason": closing.asked_reason or None,
    }


def _staff(email: str) -> User:
    """Return the member of staff who speaks from here on; the service asks whether it is one."""
    operator = _person(email)
    tracing.told(actor_kind="staff", actor_id=str(operator.pk))
    return operator


def _person(email: str) -> User:
    found = User.objects.filter(email__iexact=email).first()
    if found is None:
        message = f"nobody has the address {email}"
        raise CommandError(message)
    return found
