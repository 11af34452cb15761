"""The gate as its page shows it: each criterion of each month in words, with its figure, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from trading.templatetags.figures import DASH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from broker_handoff.gate.rules import Criterion, MonthReport, Rules
    from broker_handoff.models import GateVerdict
    from broker_handoff.services.gate import Gate, Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionShown:
    """One line. `done` of `most` is a figure that counts up; None where there is nothing to count."""

    name: str
    required: str
    figure: str
    missing: str
    is_met: bool
    done: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthShown:
    """A month, whether it counts, and how many of its criteria are met."""

    name: str
    counts: bool
    is_present: bool
    criteria: tuple[CriterionShown, ...]

    @property
    def met(self) -> int:
        """How many criteria are met."""
        return sum(one.is_met for one in self.criteria)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictShown:
    """A verdict that was stored."""

    computed_at: datetime
    through: str
    is_open: bool
    in_a_row: int
    required: int


def months_of(judgement: Judgement) -> list[MonthShown]:
    """Return the present month, and those that are over, newest first."""
    over = [_month(report, judgement.rules, is_present=False) for report in judgement.report.months]
    return [_month(judgement.present, judgement.rules, is_present=True), *over]


def verdicts_shown(rows: Sequence[GateVerdict]) -> list[VerdictShown]:
    """Return stored verdicts as they are listed."""
    return [
        VerdictShown(
            computed_at=row.computed_at,
            through=row.through,
            is_open=row.is_open,
            in_a_row=row.report["in_a_row"],
            required=row.report["required"],
        )
        for row in rows
    ]


def open_since(gate: Gate, newest_first: Sequence[GateVerdict]) -> datetime | None:
    """Return since when the gate is open, as far as these verdicts go back; None while it is not."""
    if not gate.is_open:
        return None
    if gate.override is not None:
        return gate.override.approved_at
    since = None
    for verdict in newest_first:
        if not verdict.is_open:
            break
        since = verdict.computed_at
    return since


def _month(report: MonthReport, rules: Rules, *, is_present: bool) -> MonthShown:
    return MonthShown(
        name=date_format(report.month.first_day, "F Y"),
        counts=report.counts,
        is_present=is_present,
        criteria=tuple(_criterion(one, rules) for one in report.criteria),
    )


def _criterion(one: Criterion, rules: Rules) -> CriterionShown:
    return CriterionShown(**_words(one, rules), is_met=one.is_met)


def _words(one: Criterion, rules: Rules) -> dict[str, Any]:
    figure = one.figure or DASH
    if one.name in {"closed trades", "trading days"}:
        is_trades = one.name == "closed trades"
        least = rules.closed_trades_min if is_trades else rules.trading_days_min
        done = int(one.figure or 0)
        return {
            "name": _("Closed trades") if is_trades else _("Trading days"),
            "required": _("at least %(n)s") % {"n": least},
            "figure": figure,
            "missing": "" if one.is_met else _("%(n)s more") % {"n": least - done},
            "done": min(done, least),
            "most": least,
        }
    if one.name == "whole month":
        sessions = int(one.required.split()[0])
        done = int(one.figure or 0)
        return {
            "name": _("Whole month"),
            "required": _("%(n)s daily closes") % {"n": sessions},
            "figure": figure,
            "missing": "" if one.is_met else _("%(n)s daily closes") % {"n": sessions - done},
            "done": done,
            "most": sessions,
        }
    known = {
        "account named before": {
            "name": _("Account named before"),
            "required": _("before the month began"),
            "figure": _("yes") if one.is_met else _("no"),
            "missing": _("a whole month since the account was named"),
        },
        "no reset or transfer": {
            "name": _("No reset or transfer"),
            "required": "0",
            "figure": figure,
            "missing": _("a month without one"),
        },
        "return": {
            "name": _("Return after costs"),
            "required": _("above %(share)s") % {"share": f"{rules.return_above * 100:f} %"},
            "figure": figure,
            "missing": _("a month that earns more than its costs"),
        },
        "maximum drawdown": {
            "name": _("Largest fall from a high"),
            "required": _("below %(share)s") % {"share": f"{(rules.drawdown_below * 100).normalize():f} %"},
            "figure": figure,
            "missing": _("a month that falls less from its high"),
        },
    }[one.name]
    return {**known, "missing": "" if one.is_met else known["missing"]}
