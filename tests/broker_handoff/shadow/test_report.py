"""The figures of a parity report, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from broker_handoff.models import ShadowOrder
from broker_handoff.shadow.report import OUTCOMES, order_parity, report_of
from broker_handoff.shadow.showing import as_json, as_lines

AT = datetime(2026, 3, 2, 15, tzinfo=UTC)


def row(**fields: Any) -> ShadowOrder:
    """Return ten bought at 100 dollars here after a second, by L2, and not there."""
    defaults: dict[str, Any] = {
        "id": uuid4(),
        "terms": {"symbol": "IBM", "side": "buy", "type": "market", "time_in_force": "day", "qty": "10"},
        "placed_at": AT,
        "sent_at": AT + timedelta(seconds=3),
        "status": "working",
        "paper_submitted_at": AT,
        "paper_status": "filled",
        "paper_filled_quantity": Decimal(10),
        "paper_filled_money": Decimal(1000),
        "paper_filled_at": AT + timedelta(seconds=1),
        "paper_rules": {"L2": ["10", "1000"]},
    }
    return ShadowOrder(**{**defaults, **fields})


def there(price: str, *, quantity: int = 10, after_ms: int = 1_500) -> dict[str, Any]:
    submitted_at = AT + timedelta(seconds=3)
    return {
        "status": "filled",
        "shadow_status": "filled",
        "shadow_filled_quantity": Decimal(quantity),
        "shadow_filled_average_price": Decimal(price),
        "shadow_submitted_at": submitted_at,
        "shadow_filled_at": submitted_at + timedelta(milliseconds=after_ms),
    }


@pytest.mark.parametrize(
    ("side", "price", "bps"),
    [
        ("buy", "100.5", "50.00"),
        ("buy", "99.5", "-50.00"),
        ("sell", "100.5", "-50.00"),
        ("sell", "99.5", "50.00"),
    ],
)
def test_a_price_that_is_worse_for_the_trader_there_is_above_nought(side: str, price: str, bps: str) -> None:
    terms = {"symbol": "IBM", "side": side, "type": "market", "time_in_force": "day", "qty": "10"}

    told = order_parity(row(terms=terms, **there(price)))

    assert told.price_difference_bps == Decimal(bps)
    assert (told.here.filled_after_ms, told.there.filled_after_ms, told.time_difference_ms) == (
        1_000,
        1_500,
        500,
    )
    assert told.lag_ms == 3_000


@pytest.mark.parametrize(
    ("fields", "outcome", "is_open"),
    [
        (there("100"), "both", False),
        ({}, "only_here", True),
        ({"status": "expired"}, "only_here", False),
        (
            {**there("100"), "paper_filled_quantity": Decimal(0), "paper_status": "canceled"},
            "only_there",
            False,
        ),
        ({"status": "canceled", "paper_filled_quantity": Decimal(0), "paper_status": "new"}, "neither", True),
        ({"status": "refused", "reason": "broker"}, "refused", False),
        ({"status": "blocked", "reason": "order_class"}, "not_sent", False),
        ({"status": "canceled", "reason": "not_sent"}, "not_sent", False),
        ({"status": "sending"}, "waiting", True),
    ],
    ids=[
        "both",
        "works there",
        "expired there",
        "only there",
        "neither",
        "refused",
        "left out",
        "unsent",
        "doubt",
    ],
)
def test_an_order_has_one_outcome(fields: dict[str, Any], outcome: str, is_open: bool) -> None:
    told = order_parity(row(**fields))

    assert (told.outcome, told.is_open) == (outcome, is_open)
    assert told.outcome in OUTCOMES


def test_rules_and_sums_are_weighted_by_what_was_filled() -> None:
    two_rules = row(
        id=UUID(int=1),
        paper_filled_money=Decimal(1004),
        paper_rules={"L2": ["6", "600"], "R2": ["4", "404"]},
        **there("101"),
    )
    one = row(id=UUID(int=2), **there("100.5", quantity=4, after_ms=500))
    neither = row(id=UUID(int=3), status="expired", paper_rules={"L2": ["10", "1000"]})

    report = report_of([order_parity(each) for each in (two_rules, one, neither)])

    assert [(r.rule, r.orders, r.filled_there, r.quantity, r.price_difference_bps) for r in report.rules] == [
        # (600 x 100 + 1000 x 50) / 1600
        ("L2", 3, 2, 26, Decimal("68.75")),
        ("R2", 1, 1, 4, Decimal("0.00")),
    ]
    assert (report.sums.orders, report.sums.quantity_here, report.sums.quantity_there) == (3, 30, 14)
    assert {name: count for name, count in report.sums.outcomes.items() if count} == {
        "both": 2,
        "only_here": 1,
    }
    # 59.76 bps of 10 x 100.4 and 50 bps of 4 x 100
    assert report.sums.dollars == Decimal("8.00")
    assert report.sums.time_difference_ms == 0
    assert as_json(report)["orders"][0]["order_id"] == str(UUID(int=1))
    assert len(list(as_lines(report))) == 2 + 1 + 1 + 2 + 1 + 1 + 3


def test_nothing_mirrored_is_an_empty_report() -> None:
    report = report_of([])

    assert (report.sums.orders, report.sums.price_difference_bps, report.sums.dollars) == (0, None, 0)
    assert next(as_lines(report)) == "0 orders: none"
