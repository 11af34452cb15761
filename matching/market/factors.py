"""Splits and cash dividends of a recorded market, from LEAN's factor files.

    equity/usa/factor_files/{symbol, lower case}.csv: date, price factor, split factor, reference price

A row holds for its date and the days before it, back to the row above; the last price of its date is
the reference. So the trading day after a row's date is an ex-date: the split factor changes there by
old / new shares, and the price factor by 1 - dividend / reference price. The factors have seven
decimals, so that a dividend is known to about four: the roundest amount that fits is taken.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from matching.market.errors import TapeInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable

_COLUMNS = 4
_SHARES_MAX = 100  # of either side of a split's ratio: finer ones are the factors' noise
_CASH_STEPS = (Decimal("0.01"), Decimal("0.001"), Decimal("0.0001"))
_FACTOR_NOISE = Fraction(
    2, 10**7
)  # of the reference price: half a unit in the last place of both factors, and room


@dataclass(frozen=True, slots=True)
class Factor:
    """What prices up to and on `until` are multiplied with; `reference` is that day's close in dollars."""

    until: date
    price: Decimal
    split: Decimal
    reference: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A dividend of `cash` dollars a share, or a split of `old_shares` into `new_shares`.

    It holds from the trading day after `last_date` on. A dividend leaves the shares one for one.
    """

    symbol: str
    last_date: date
    cash: Decimal = Decimal(0)
    old_shares: int = 1
    new_shares: int = 1


def actions_in(folder: str | Path, symbol: str) -> tuple[Action, ...]:
    """Return a symbol's dividends and splits, oldest first; none where there is no file.

    Raises TapeInvalid.
    """
    return _file(folder, symbol)[1]


def factors_in(folder: str | Path, symbol: str) -> tuple[Factor, ...]:
    """Return the rows of a symbol's file, none where there is no file. Raises TapeInvalid."""
    return _file(folder, symbol)[0]


def _file(folder: str | Path, symbol: str) -> tuple[tuple[Factor, ...], tuple[Action, ...]]:
    path = Path(folder).expanduser() / "equity" / "usa" / "factor_files" / f"{symbol.lower()}.csv"
    try:
        changed_at = path.stat().st_mtime_ns
    except OSError:
        return (), ()
    return _read(path, symbol, changed_at)


def actions_of(symbol: str, factors: Iterable[Factor]) -> tuple[Action, ...]:
    """Return what the steps from row to row say."""
    found = []
    for before, after in pairwise(factors):
        ratio = Fraction(before.split) / Fraction(after.split)
        is_merge = ratio > 1
        shares = (1 / ratio if is_merge else ratio).limit_denominator(_SHARES_MAX)
        old_shares, new_shares = sorted((shares.numerator, shares.denominator), reverse=is_merge)
        cash = (1 - Fraction(before.price) / Fraction(after.price)) * Fraction(before.reference)
        dollars = _dollars(cash, noise=Fraction(before.reference) * _FACTOR_NOISE)
        if dollars > 0:
            found.append(Action(symbol=symbol, last_date=before.until, cash=dollars))
        if old_shares != new_shares:
            found.append(
                Action(
                    symbol=symbol,
                    last_date=before.until,
                    old_shares=old_shares,
                    new_shares=new_shares,
                )
            )
    return tuple(found)


@lru_cache(maxsize=1_000)
def _read(path: Path, symbol: str, _changed_at: int) -> tuple[tuple[Factor, ...], tuple[Action, ...]]:
    factors = []
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), start=1):
            try:
                factors.append(_factor(row))
            except (ValueError, ArithmeticError):
                raise TapeInvalid(f"{path}, line {number}: {row} is not a row of factors") from None
    return tuple(factors), actions_of(symbol, factors)


def _factor(row: list[str]) -> Factor:
    if len(row) != _COLUMNS:
        raise ValueError
    until = datetime.strptime(row[0], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    price, split, reference = map(Decimal, row[1:])
    if price <= 0 or split <= 0:
        raise ValueError
    return Factor(until, price, split, reference)


def _dollars(amount: Fraction, *, noise: Fraction) -> Decimal:
    """Return the roundest number of dollars within the noise, to 1/10,000 at the finest."""
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    rounded = [exact.quantize(step, rounding=ROUND_HALF_EVEN) for step in _CASH_STEPS]
    return next((dollars for dollars in rounded if abs(Fraction(dollars) - amount) <= noise), rounded[-1])
