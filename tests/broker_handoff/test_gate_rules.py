"""The gate's verdict on a record: each criterion with its figure, and nothing from outside improves it."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from broker_handoff.gate.record import Month, MonthRecord
from broker_handoff.gate.rules import Rules, drawdown_of, judge, return_of

RULES = Rules()
MARCH = Month(year=2026, month=3)


def month(number: int) -> Month:
    """Return the month so many after March 2026."""
    found = MARCH
    for _ in range(number):
        found = found.next
    return found


def good(which: Month = MARCH, **changes: Any) -> MonthRecord:
    """Return a record that meets every criterion by the least."""
    closes = (Decimal(75001), Decimal("100000.01"))
    defaults: dict[str, Any] = {
        "month": which,
        "is_nominated": True,
        "opening": Decimal(100_000),
        "closes": closes,
        "sessions": 2,
        "flows": 0,
        "closed_trades": 20,
        "trading_days": 15,
    }
    return MonthRecord(**{**defaults, **changes})


def missing_of(record: MonthRecord) -> dict[str, str | None]:
    (report,) = judge([record], RULES).months
    return {criterion.name: criterion.missing for criterion in report.criteria if not criterion.is_met}


def test_three_good_months_in_a_row_open_the_gate() -> None:
    report = judge([good(month(number)) for number in (1, 0, 2)], RULES)

    assert (report.is_open, report.in_a_row) == (True, 3)
    assert [each.month for each in report.months] == [month(2), month(1), month(0)]


@pytest.mark.parametrize(
    ("changes", "name", "missing"),
    [
        (
            {"is_nominated": False},
            "account named before",
            "a whole month since the account was named",
        ),
        ({"opening": None}, "whole month", "2 daily closes"),
        ({"sessions": 3}, "whole month", "1 daily closes"),
        ({"flows": 1}, "no reset or transfer", "a month without one"),
        ({"closed_trades": 19}, "closed trades", "1 more"),
        ({"trading_days": 0}, "trading days", "15 more"),
        ({"closes": (Decimal(99_000), Decimal(100_000))}, "return", "a month that earns more than its costs"),
        (
            {"closes": (Decimal(75_000), Decimal(100_001))},
            "maximum drawdown",
            "a month that falls less from its high",
        ),
    ],
    ids=["not named", "young account", "missing close", "flow", "trades", "days", "return", "drawdown"],
)
def test_a_criterion_that_is_not_met_says_what_is_missing(
    changes: dict[str, Any], name: str, missing: str
) -> None:
    assert missing_of(good(**changes))[name] == missing


def test_what_stands_just_on_the_right_side_is_met() -> None:
    assert missing_of(good()) == {}


def test_a_figure_is_shown_as_it_is_and_not_rounded_up() -> None:
    (report,) = judge([good(closes=(Decimal("75000.000001"), Decimal("100000.000001")))], RULES).months
    shown = {criterion.name: criterion.figure for criterion in report.criteria}

    assert (shown["maximum drawdown"], shown["return"]) == ("24.9999 %", "0.0000 %")
    assert report.counts


@pytest.mark.parametrize(
    ("records", "in_a_row"),
    [
        ([], 0),
        ([good(month(0)), good(month(1), flows=1), good(month(2)), good(month(3))], 2),
        ([good(month(0)), good(month(2)), good(month(3))], 2),
        ([good(month(0)), good(month(1)), good(month(2)), good(month(3), closed_trades=0)], 0),
    ],
    ids=["nothing", "a reset between", "a month that is not there", "a bad newest"],
)
def test_only_the_newest_months_in_a_row_count(records: list[MonthRecord], in_a_row: int) -> None:
    report = judge(records, RULES)

    assert (report.in_a_row, report.is_open) == (in_a_row, False)


def test_a_month_is_given_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        judge([good(), good()], RULES)


def test_months_follow_each_other_over_a_year_s_end() -> None:
    december = Month(year=2026, month=12)

    assert (str(december.next), december.next.previous) == ("2027-01", december)


money = st.decimals(0, 1_000_000, places=2)
records = st.builds(
    MonthRecord,
    month=st.just(MARCH),
    is_nominated=st.booleans(),
    opening=st.none() | money,
    closes=st.lists(money, max_size=6).map(tuple),
    sessions=st.integers(1, 6),
    flows=st.integers(0, 1),
    closed_trades=st.sampled_from([19, 20]),
    trading_days=st.sampled_from([14, 15]),
)
rows = st.lists(records, max_size=6).map(
    lambda row: [replace(record, month=month(number)) for number, record in enumerate(row)]
)


@given(records)
def test_return_and_drawdown_agree_with_the_slow_and_exact_reckoning(record: MonthRecord) -> None:
    path = [] if not record.opening else [Fraction(record.opening), *map(Fraction, record.closes)]
    falls = [1 - low / high for place, high in enumerate(path) for low in path[place:] if high]

    drawdown, grown = drawdown_of(record), return_of(record)

    assert (drawdown is None) == (not path)
    assert (grown is None) == (len(path) < 2)
    if drawdown is not None:
        assert abs(Fraction(drawdown) - max(falls)) < Fraction(1, 10**20)
    if grown is not None:
        assert abs(Fraction(grown) - (path[-1] / path[0] - 1)) < Fraction(1, 10**20)


@given(rows, st.integers(0, 5))
def test_money_from_outside_never_improves_a_record(row: list[MonthRecord], place: int) -> None:
    before = judge(row, RULES).in_a_row
    touched = [
        replace(record, flows=record.flows + 1, closes=tuple(close * 2 for close in record.closes))
        if number == place
        else record
        for number, record in enumerate(row)
    ]

    assert judge(touched, RULES).in_a_row <= before


@given(rows, st.integers(0, 5))
def test_to_name_another_account_never_improves_a_record(row: list[MonthRecord], place: int) -> None:
    named_later = [
        replace(record, is_nominated=record.is_nominated and number > place)
        for number, record in enumerate(row)
    ]

    assert judge(named_later, RULES).in_a_row <= judge(row, RULES).in_a_row


@given(rows, st.randoms(use_true_random=False))
def test_a_verdict_is_recomputed_from_what_was_stored(row: list[MonthRecord], chance: Any) -> None:
    stored = json.loads(json.dumps([record.as_inputs() for record in row]))
    chance.shuffle(stored)

    assert judge([MonthRecord.of_inputs(each) for each in stored], RULES) == judge(row, RULES)
