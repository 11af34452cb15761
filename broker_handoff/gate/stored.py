"""What of a verdict is written down, so that anybody can compute it again: rules, records and report as JSON.

Exact figures are text. The digest is of the inputs in canonical JSON: the same inputs have the same one.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from broker_handoff.gate.record import MonthRecord
from broker_handoff.gate.rules import VERSION, MonthReport, Report, Rules, judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def rules_as_json(rules: Rules) -> dict[str, Any]:
    """Return rules as a verdict stores them."""
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(rules).items()
    }


def inputs_as_json(
    *, account: str, rules: Rules, records: Sequence[MonthRecord], **facts: Any
) -> dict[str, Any]:
    """Return all that a verdict is computed from; `facts` say why those records and no others."""
    return {
        **facts,
        "account": account,
        "rules": rules_as_json(rules),
        "records": [record.as_inputs() for record in records],
    }


def digest_of(inputs: Mapping[str, Any]) -> bytes:
    """Return what tells these inputs, under this version of the rules, from all others: 32 bytes."""
    text = json.dumps({"version": VERSION, "inputs": inputs}, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).digest()


def judged_anew(inputs: Mapping[str, Any]) -> Report:
    """Return the report on stored inputs."""
    kept = inputs["rules"]
    rules = Rules(
        months=kept["months"],
        closed_trades_min=kept["closed_trades_min"],
        trading_days_min=kept["trading_days_min"],
        return_above=Decimal(kept["return_above"]),
        drawdown_below=Decimal(kept["drawdown_below"]),
    )
    return judge([MonthRecord.of_inputs(record) for record in inputs["records"]], rules)


def report_as_json(report: Report) -> dict[str, Any]:
    """Return a report as it is stored and shown."""
    return {
        "is_open": report.is_open,
        "in_a_row": report.in_a_row,
        "required": report.required,
        "months": [month_as_json(month) for month in report.months],
    }


def month_as_json(report: MonthReport) -> dict[str, Any]:
    """Return the report on one month, as above."""
    return {
        "month": str(report.month),
        "counts": report.counts,
        "criteria": [
            {
                "name": criterion.name,
                "required": criterion.required,
                "figure": criterion.figure,
                "missing": criterion.missing,
                "is_met": criterion.is_met,
            }
            for criterion in report.criteria
        ],
    }
