"""Growth, falls and months, against slow and obvious references."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate
from operator import mul

import pytest
from hypothesis import given, strategies as st

from trading.review.figures import Mark, by_month, chained, deepest_fall, falls, growth, total_return
from trading.review.months import Month
from trading.review.performance import months_before

D = Decimal
cents = st.integers(1, 10**9).map(lambda units: D(units) / 100)
factors = st.decimals(D("0.5"), D("1.6"), places=4)
# What the money was multiplied by from mark to mark, and what came (or went) at its end.
stretches = st.lists(
    st.tuples(factors, st.sampled_from([D(0), D(0), D(5000), D("-0.37"), D("123.45")])), max_size=40
)


def marks_of(opening, steps, first=date(2026, 1, 20), scale=1):
    """Return the marks of money that grows so, three days apart; `scale` is how much of the flows comes."""
    equity, found = opening, [Mark(at=0, day=first, equity=opening)]
    for number, (factor, flow) in enumerate(steps, start=1):
        equity = equity * factor + flow * scale
        found.append(
            Mark(at=number, day=first + timedelta(days=3 * number), equity=equity, flow=flow * scale)
        )
    return found


def return_of(marks):
    """Return the marks' return, of which there is one."""
    found = total_return(marks)
    assert found is not None
    return found


@given(cents.map(lambda amount: amount + 10_000), stretches)
def test_deposits_and_withdrawals_change_no_return(opening, steps):
    grown = return_of(marks_of(opening, steps, scale=0))
    with_flows = marks_of(opening, steps)
    if all(mark.equity > 0 for mark in with_flows):
        assert abs(return_of(with_flows) - grown) <= D("1e-9")
        assert [each.month for each in by_month(with_flows)] == [
            each.month for each in by_month(marks_of(opening, steps))
        ]


@given(cents, st.lists(factors, min_size=1, max_size=40))
def test_growth_is_the_product_of_its_stretches(opening, steps):
    marks = marks_of(opening, [(factor, D(0)) for factor in steps])
    expected = list(accumulate((Fraction(factor) for factor in steps), mul, initial=Fraction(1)))

    found = growth(marks)
    assert all(
        abs(Fraction(one or 0) - right) < Fraction(1, 10**20)
        for one, right in zip(found, expected, strict=True)
    )
    assert abs(Fraction(return_of(marks)) - (expected[-1] - 1)) <= Fraction(1, 2 * 10**9)


@given(cents, stretches)
def test_months_come_to_the_whole(opening, steps):
    marks = marks_of(opening + 10**6, steps)
    if all(mark.equity > 0 for mark in marks) and len(marks) > 1:
        months = by_month(marks)
        assert abs(chained([each.growth for each in months]) - return_of(marks)) < D("1e-6")
        assert [each.month for each in months] == sorted({Month.of(mark.day) for mark in marks[1:]})


@given(st.lists(cents, min_size=1, max_size=40))
def test_the_deepest_fall_is_the_largest_of_all_pairs(values):
    pairs = [1 - later / high for place, high in enumerate(values) for later in values[place:]]
    found = deepest_fall(values)

    assert max(falls(values)) == max(pairs)
    if found is None:
        assert values == sorted(values)
    else:
        assert found.depth == max(pairs) == 1 - values[found.low] / values[found.high]
        assert found.high < found.low


@pytest.mark.parametrize(
    ("equities", "told"),
    [([], []), ([100], [1]), ([100, -5, 20], [1, D("-0.05"), None]), ([0, 50], [1, None])],
    ids=["nothing", "one mark", "less than nothing", "from nothing"],
)
def test_growth_is_told_as_far_as_there_was_money(equities, told):
    marks = [Mark(at=at, day=date(2026, 1, 1), equity=D(equity)) for at, equity in enumerate(equities)]
    assert growth(marks) == told
    if None in told or not told:
        assert total_return(marks) is None


def test_a_period_of_months_begins_the_day_after_the_same_date():
    assert months_before(date(2026, 3, 31), 1) == date(2026, 3, 1)  # after February's last
    assert months_before(date(2026, 1, 15), 12) == date(2025, 1, 16)
    assert months_before(date(2026, 1, 31), 1) == date(2026, 1, 1)


@pytest.mark.parametrize("name", ["2026-3", "2026-00", "2026-13", "0000-01", "9999-12", "x", "2026-03 "])
def test_what_is_no_month_is_refused(name):
    with pytest.raises(ValueError, match="not a month"):
        Month.named(name)
