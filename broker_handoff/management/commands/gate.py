"""`manage.py gate`: how somebody's record stands, a verdict now, stored verdicts computed again, an override ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.errors import NotFound
from accounts.management.command import OperatorCommand
from accounts.models import User
from broker_handoff.gate.stored import month_as_json, report_as_json
from broker_handoff.models import GateOverride, GateVerdict
from broker_handoff.services.gate import gate_of, judgement_of, recomputed, verdict_of
from broker_handoff.services.gate_overrides import end_override

if TYPE_CHECKING:
    from collections.abc import Mapping

    from broker_handoff.services.gate import Gate


class Command(OperatorCommand):
    help = (
        "Show how far somebody's record goes on the way to live trading; judge them now; compute stored "
        "verdicts again from their inputs; list or end overrides. An override is asked for and approved in "
        "the admin, where two of the staff show their passkeys."
    )
    when = "When somebody asks why live trading is not open to them, and after a change of the rules."
    examples = (
        "show --email you@example.com",
        "recompute",
        "overrides",
        'end-override --id ID --reason "given in error" --dry-run',
    )
    changes = True
    is_long = True
    exits = {1: "refused, or a stored verdict is not what its inputs give"}

    def add_arguments(self, parser: CommandParser) -> None:
        steps = parser.add_subparsers(
            dest="step", required=True, metavar="show | judge | recompute | overrides | end-override"
        )
        for name, words in (
            ("show", "say how each criterion stands now"),
            ("judge", "judge them now, and store the verdict"),
        ):
            step = steps.add_parser(name, help=words)
            step.add_argument("--email", required=True, help="whose record")
            self.add_shared(step, changes=name == "judge")
        again = steps.add_parser(
            "recompute",
            help="compute stored verdicts again, everybody's or one person's; fails where one differs",
        )
        self.add_shared(again)
        again.add_argument("--email", help="whose; everybody's unless told")
        listing = steps.add_parser("overrides", help="list the exceptions that live, and those that wait")
        self.add_shared(listing)
        end = steps.add_parser("end-override", help="end an exception, or the wish for one, at once")
        self.add_shared(end, changes=True)
        end.add_argument("--id", required=True, type=UUID, help="as `overrides` lists it")
        end.add_argument("--reason", required=True, help="facts, nothing personal: it is kept for good")

    def handle(self, *, step: str, json: bool, dry_run: bool, **options: Any) -> None:
        if step in {"show", "judge"}:
            # A judgement is shown as it is now, and stored by `judge` alone.
            is_judged = step == "judge" and not dry_run
            self._show(options["email"], is_judged=is_judged, as_json=json, is_dry=dry_run)
        elif step == "recompute":
            self._recompute(options["email"], as_json=json)
        elif step == "overrides":
            self._list(as_json=json)
        else:
            ended = end_override(
                override_id=options["id"], reason=options["reason"], now=timezone.now(), is_trial=dry_run
            )
            outcome = "would end" if dry_run else "has ended"
            shown = {"id": str(ended.pk), "outcome": outcome}
            self.tell(shown, [f"{ended.pk} {outcome}"], as_json=json, is_dry=dry_run)

    def _show(self, email: str, *, is_judged: bool, as_json: bool, is_dry: bool) -> None:
        person = _person(email)
        if is_judged:
            verdict_of(user_id=person.pk, now=timezone.now())
        judgement, gate = judgement_of(person), gate_of(person)
        if as_json:
            shown = {
                "is_open": gate.is_open,
                "opened_by": _opened_by(gate),
                "verdict": None if gate.verdict is None else str(gate.verdict.pk),
                "account": None if judgement is None else judgement.nominated.account_number,
                "report": None if judgement is None else report_as_json(judgement.report),
                "present_month": None if judgement is None else month_as_json(judgement.present),
            }
            self.tell(shown, as_json=True, is_dry=is_dry)
            return
        self.stdout.write(f"the gate is {f'open, by {_opened_by(gate)}' if gate.is_open else 'not open'}")
        if gate.verdict is not None:
            self.stdout.write(f"newest verdict {gate.verdict.pk}: {gate.verdict}")
        if judgement is None:
            self.stdout.write("no account in a market that counts (RAXX_GATE_FEEDS)")
            return
        nominated, report = judgement.nominated, judgement.report
        since = "the oldest" if nominated.since is None else f"named at {nominated.since:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"account {nominated.account_number}, {since}")
        self.stdout.write(f"{report.in_a_row} of {report.required} months in a row")
        for month in reversed(report.months):
            self._lines(month_as_json(month), "counts" if month.counts else "does not count")
        self._lines(month_as_json(judgement.present), "so far")
        if is_dry:
            self.stdout.write("dry run: no verdict was stored")

    def _lines(self, month: Mapping[str, Any], state: str) -> None:
        self.stdout.write(f"{month['month']}: {state}")
        for criterion in month["criteria"]:
            missing = f"   missing: {criterion['missing']}" if criterion["missing"] else ""
            figure = criterion["figure"] or "-"
            self.stdout.write(f"  {criterion['name']:24}{figure:>12}   {criterion['required']}{missing}")

    def _recompute(self, email: str | None, *, as_json: bool) -> None:
        verdicts = GateVerdict.objects.across_owners().order_by("computed_at", "pk")
        if email is not None:
            verdicts = verdicts.filter(user=_person(email))
        stored, differing = verdicts.count(), []
        with self.progress(as_json=as_json) as progress:
            for number, verdict in enumerate(verdicts.iterator(), start=1):
                progress(number, stored, "verdicts")
                report = recomputed(verdict)
                if report_as_json(report) != verdict.report or report.is_open != verdict.is_open:
                    differing.append(str(verdict.pk))
        same = stored - len(differing)
        shown = {"same": same, "differing": differing}
        self.tell(shown, [f"{same} verdicts are as they were stored"], as_json=as_json)
        if differing:
            raise CommandError(f"{len(differing)} differ: {', '.join(differing)}")

    def _list(self, *, as_json: bool) -> None:
        shown, lines = [], []
        for override in GateOverride.objects.across_owners().filter(ended_at=None).order_by("asked_at", "pk"):
            if override.expires_at is not None and override.expires_at <= timezone.now():
                continue
            until = None if override.expires_at is None else override.expires_at.isoformat()
            whose = {"id": str(override.pk), "user_id": str(override.user_id)}
            shown.append({**whose, "expires_at": until, "reason": override.reason})
            state = "waits" if until is None else f"until {until}"
            lines.append(f"{override.pk}  {override.user_id}  {state}  {override.reason}")
        self.tell(shown, lines or ["no exception lives, and none waits"], as_json=as_json)


def _opened_by(gate: Gate) -> str | None:
    return "an override" if gate.override else "the record" if gate.is_open else None


def _person(email: str) -> User:
    person = User.objects.filter(email__iexact=email).first()
    if person is None:
        raise NotFound(f"there is no person with the address {email}")
    return person
