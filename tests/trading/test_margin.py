"""Margin figures, by the rates of the spec of the wire, 3.13. No database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trading.margin import Holding, initial_margin, maintenance_margin, multiplier_of, power

D = Decimal


def holding(quantity: str, price: str, *, is_marginable: bool = True) -> Holding:
    return Holding(quantity=D(quantity), price=D(price), is_marginable=is_marginable)


RATES = {
    "long at 2.49": (holding("100", "2.49"), "249"),
    "long at 2.50": (holding("100", "2.50"), "125"),
    "long at 6": (holding("100", "6"), "180"),
    "long at 100": (holding("100", "100"), "3000"),
    "short at 1": (holding("-100", "1"), "250"),
    "short at 4.99": (holding("-100", "4.99"), "499"),
    "short at 5": (holding("-100", "5"), "500"),
    "short at 10": (holding("-100", "10"), "500"),
    "short at 100": (holding("-100", "100"), "3000"),
    "not marginable": (holding("100", "100", is_marginable=False), "10000"),
}


@pytest.mark.parametrize(("held", "margin"), RATES.values(), ids=RATES)
def test_what_a_position_needs_follows_from_its_price_and_side(held: Holding, margin: str) -> None:
    assert maintenance_margin([held], equity=D(50_000)) == D(margin)


@pytest.mark.parametrize(("equity", "margin"), [("100000", 35_500), ("99999.99", 21_300), ("101429", 21_300)])
def test_a_position_that_is_most_of_a_large_account_needs_half(equity: str, margin: int) -> None:
    assert maintenance_margin([holding("710", "100")], equity=D(equity)) == margin


def test_to_have_opened_a_position_needs_half_of_it_or_all_where_nothing_is_lent() -> None:
    held = [holding("10", "100"), holding("-10", "50"), holding("1", "70", is_marginable=False)]

    assert initial_margin(held) == 500 + 250 + 70


def test_nothing_is_lent_below_2000_dollars() -> None:
    assert [multiplier_of(4, D(equity)) for equity in ("2000", "1999.99")] == [4, 1]


@pytest.mark.parametrize(
    ("multiplier", "expected"), [(1, "8500"), (2, "18500"), (4, "38500")], ids=["own", "overnight", "day"]
)
def test_power_is_the_multiple_of_equity_less_all_that_is_held(multiplier: int, expected: str) -> None:
    assert power(multiplier, D(10_000), gross=D(1_000), cash_held=D(500)) == D(expected)


def test_power_is_never_negative() -> None:
    assert power(1, D(1_000), gross=D(5_000), cash_held=D(0)) == 0
