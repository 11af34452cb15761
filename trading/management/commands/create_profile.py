"""`manage.py create_profile`: define how orders fill, under a name; list what there is."""

from __future__ import annotations

from argparse import ArgumentTypeError
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.command import OperatorCommand
from matching.engine.types import Model
from trading.explaining.profile import profile_body
from trading.models.profile import PARTS
from trading.services.profiles import define_profile, every_version, next_definition, withdraw_profile

if TYPE_CHECKING:
    from trading.models import SimulationProfile

HELP = """\
Define how orders fill, under a name; list what there is. For who wants costs, delays or mishaps of their own.

A simulation profile is a fill model with its parameters. An account names one, and every order keeps
the version that its account had when it was accepted, so that old fills stay explained.

Models:
  displayed  fills only the size that the market showed, behind the queue that stood there
  instant    fills marketable orders whole at the touch; size and queue are ignored
  bars       for tapes of bars: takes a share (participation) of each bar's volume

A version is never changed. Saying again what the newest version says makes no new one.
"""
PARAMETERS = (
    "model",
    "participation",
    "slippage_bps",
    "latency_ms",
    "commission",
    "reject_rate",
    "partial_rate",
    "description",
)


class Command(OperatorCommand):
    help = HELP
    examples = (
        "--list",
        "--name careful --model displayed --slippage-bps 2 --latency-ms 50",
        "--name careful --commission 0.005        (its next version: the rest stays as it was)",
        "--name chaos --reject-rate 0.01 --partial-rate 0.2 --dry-run",
        "--name careful --withdraw                (no account can choose it any more)",
    )
    changes = True
    is_help_laid_out = True

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--name", help="lower-case letters, digits and hyphens; a known name gets its next version"
        )
        what.add_argument("--list", action="store_true", help="list every version of every profile")
        parser.add_argument("--model", choices=[model.value for model in Model], help="how orders fill")
        parser.add_argument(
            "--participation",
            type=_rate,
            metavar="FRACTION",
            help="of a bar's volume an account may take, 0.1 is a tenth (bars)",
        )
        parser.add_argument(
            "--slippage-bps",
            type=int,
            metavar="N",
            help="how much worse than the touch a taker fills, in 1/10,000 of the price; never beyond its limit",
        )
        parser.add_argument(
            "--latency-ms", type=int, metavar="N", help="market time from acceptance to the market"
        )
        parser.add_argument("--commission", type=_dollars, metavar="DOLLARS", help="of each share of a fill")
        parser.add_argument(
            "--reject-rate",
            type=_rate,
            metavar="FRACTION",
            help="of orders rejected by chance, 0.01 is one in 100",
        )
        parser.add_argument(
            "--partial-rate", type=_rate, metavar="FRACTION", help="of fills cut to a part by chance"
        )
        parser.add_argument("--description", help="one sentence for those who choose")
        parser.add_argument("--withdraw", action="store_true", help="offer no version of the name any more")

    def handle(self, *, name: str | None, json: bool, withdraw: bool, dry_run: bool, **options: Any) -> None:
        changes = {key: options[key] for key in PARAMETERS if options[key] is not None}
        if name is None:
            self._refuse_others(changes, withdraw=withdraw, dry_run=dry_run)
            self._list(every_version(), json=json)
            return
        if withdraw:
            self._refuse_others(changes)
            self._withdraw(name, json=json, dry_run=dry_run)
        else:
            self._define(name, changes, json=json, dry_run=dry_run)

    @staticmethod
    def _refuse_others(changes: dict[str, Any], **flags: bool) -> None:
        """Refuse options that would be ignored. Raises CommandError."""
        others = [*changes, *(flag for flag, is_set in flags.items() if is_set)]
        if others:
            named = ", ".join(f"--{other.replace('_', '-')}" for other in others)
            raise CommandError(f"{named} cannot be used together with --list or --withdraw")

    def _define(self, name: str, changes: dict[str, Any], *, json: bool, dry_run: bool) -> None:
        define = next_definition if dry_run else define_profile
        definition = define(name=name, changes=changes)
        profile = definition.profile
        shown = {**profile_body(profile), "is_new": definition.is_new, "is_stored": not dry_run}
        said = f"{profile} {'would be' if dry_run else 'is'} defined"
        if not definition.is_new:
            said = f"{profile} says this already: nothing to define"
        lines = [f"  {field:15}{value}" for field, value in _fields(profile)]
        self.tell(shown, [said, *lines], as_json=json, is_dry=dry_run)

    def _withdraw(self, name: str, *, json: bool, dry_run: bool) -> None:
        count = withdraw_profile(name=name, is_trial=dry_run)
        line = f"{name}: {count} version{'' if count == 1 else 's'} withdrawn"
        self.tell({"name": name, "withdrawn": count}, [line], as_json=json, is_dry=dry_run)

    def _list(self, versions: list[SimulationProfile], *, json: bool) -> None:
        self.tell([profile_body(profile) for profile in versions], map(_line, versions), as_json=json)


def _line(profile: SimulationProfile) -> str:
    said = " ".join(f"{field}={value}" for field, value in _fields(profile) if field != "description")
    return f"{profile!s:20}{said}{'' if profile.is_offered else '  (withdrawn)'}"


def _fields(profile: SimulationProfile) -> list[tuple[str, Any]]:
    body = profile_body(profile)
    said = [("model", body["model"]), *body["parameters"].items()]
    return [*said, *([("description", profile.description)] if profile.description else [])]


def _rate(text: str) -> int:
    """Return a fraction of one in parts of 10,000. Raises ArgumentTypeError."""
    number = _dollars(text)
    parts = number * PARTS
    if not 0 <= parts <= PARTS or parts != int(parts):
        raise ArgumentTypeError(f"{text} is not a fraction from 0 to 1 with four decimals")
    return int(parts)


def _dollars(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise ArgumentTypeError(f"{text!r} is not a number")
    return number
