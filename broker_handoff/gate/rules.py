"""The gate's rules: which months count, how many in a row are there, and what is missing.

Pure. The same records and rules give the same report, so that a stored verdict can be recomputed; a
change of a rule is a new VERSION.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from trading.review.figures import falls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from broker_handoff.gate.record import Month, MonthRecord

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is asked of each month, and of how many in a row."""

    months: int = 3
    closed_trades_min: int = 20
    trading_days_min: int = 15
    return_above: Decimal = Decimal(0)
    drawdown_below: Decimal = Decimal("0.25")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One line of the report. `figure` and `missing` are None where there is nothing to measure, or nothing missing."""

    name: str
    required: str
    figure: str | None
    missing: str | None

    @property
    def is_met(self) -> bool:
        """Whether nothing is missing."""
        return self.missing is None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthReport:
    """A month and its criteria; it counts when all are met."""

    month: Month
    criteria: tuple[Criterion, ...]

    @property
    def counts(self) -> bool:
        """Whether it is one of the months in a row."""
        return all(criterion.is_met for criterion in self.criteria)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict on a record: open when the newest complete months in a row are enough."""

    months: tuple[MonthReport, ...]  # newest first
    in_a_row: int
    required: int

    @property
    def is_open(self) -> bool:
        """Whether the record opens the gate."""
        return self.in_a_row >= self.required


def judge(records: Sequence[MonthRecord], rules: Rules) -> Report:
    """Return the report on complete months, given in any order.

    Raises ValueError for a month that is given twice.
    """
    newest_first = sorted(records, key=lambda record: record.month, reverse=True)
    if any(later.month == earlier.month for later, earlier in pairwise(newest_first)):
        raise ValueError("a month is given twice")
    reports = tuple(
        MonthReport(month=record.month, criteria=criteria_of(record, rules)) for record in newest_first
    )
    in_a_row = 0
    expected = reports[0].month if reports else None
    for report in reports:
        if not report.counts or report.month != expected:
            break
        in_a_row += 1
        expected = report.month.previous
    return Report(months=reports, in_a_row=in_a_row, required=rules.months)


def criteria_of(record: MonthRecord, rules: Rules) -> tuple[Criterion, ...]:
    """Return the criteria of one month, each with its figure and with what is missing."""
    return (
        _nominated(record),
        _whole(record),
        _no_flows(record),
        _at_least("closed trades", record.closed_trades, rules.closed_trades_min),
        _at_least("trading days", record.trading_days, rules.trading_days_min),
        _return(record, rules),
        _drawdown(record, rules),
    )


def return_of(record: MonthRecord) -> Decimal | None:
    """Return the month's time-weighted return after simulated costs, 0.01 being one percent.

    None where there is no equity to begin with. Exact only without money from outside: then alone it counts.
    """
    if record.opening is None or record.opening <= 0 or not record.closes:
        return None
    return record.closes[-1] / record.opening - 1


def drawdown_of(record: MonthRecord) -> Decimal | None:
    """Return the largest fall from an earlier high of the month's opening and closes, 0.25 being a quarter."""
    if record.opening is None or record.opening <= 0:
        return None
    return max(falls((record.opening, *record.closes)))


def _nominated(record: MonthRecord) -> Criterion:
    return Criterion(
        name="account named before",
        required="yes",
        figure="yes" if record.is_nominated else "no",
        missing=None if record.is_nominated else "a whole month since the account was named",
    )


def _whole(record: MonthRecord) -> Criterion:
    there = len(record.closes) if record.opening is not None else 0
    missing = record.sessions - there
    return Criterion(
        name="whole month",
        required=f"{record.sessions} daily closes",
        figure=str(there),
        missing=f"{missing} daily closes" if missing else None,
    )


def _no_flows(record: MonthRecord) -> Criterion:
    return Criterion(
        name="no reset or transfer",
        required="0",
        figure=str(record.flows),
        missing="a month without one" if record.flows else None,
    )


def _at_least(name: str, figure: int, required: int) -> Criterion:
    missing = max(0, required - figure)
    return Criterion(
        name=name,
        required=f"at least {required}",
        figure=str(figure),
        missing=f"{missing} more" if missing else None,
    )


def _return(record: MonthRecord, rules: Rules) -> Criterion:
    figure = return_of(record)
    is_met = figure is not None and figure > rules.return_above
    return Criterion(
        name="return",
        required=f"above {_percent(rules.return_above)}",
        figure=None if figure is None else _percent(figure),
        missing=None if is_met else "a month that earns more than its costs",
    )


def _drawdown(record: MonthRecord, rules: Rules) -> Criterion:
    figure = drawdown_of(record)
    is_met = figure is not None and figure < rules.drawdown_below
    return Criterion(
        name="maximum drawdown",
        required=f"below {_percent(rules.drawdown_below)}",
        figure=None if figure is None else _percent(figure),
        missing=None if is_met else "a month that falls less from its high",
    )


def _percent(value: Decimal) -> str:
    """Return a share as percent with four decimals, cut and not rounded: 25 % is not shown for 24.99999 %."""
    return f"{(value * 100).quantize(Decimal('0.0001'), rounding='ROUND_FLOOR')} %"
