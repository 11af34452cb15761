"""The lengths of bars, and where each begins: counted from midnight in New York. Spec of the wire: 6.2."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from matching.market.candles import MINUTE
from matching.market.times import HOUR, new_york, new_york_date
from trading.marketdata.errors import ParameterInvalid

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TEXT = re.compile(r"(\d{1,2})(T|Min|H|Hour|D|Day|W|Week|M|Month)", re.ASCII)
_MONTHS_A_YEAR = 12


class Unit(Enum):
    """What a length is counted in."""

    MINUTE = "Min"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


_UNITS = {word: unit for unit in Unit for word in (unit.value, unit.value[0])} | {
    "T": Unit.MINUTE,
    "M": Unit.MONTH,
}
_ALLOWED = {
    Unit.MINUTE: range(1, 60),
    Unit.HOUR: range(1, 24),
    Unit.DAY: (1,),
    Unit.WEEK: (1,),
    Unit.MONTH: (1, 2, 3, 4, 6, 12),
}


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A length of bars. Minutes and hours begin anew each day, months each year; a week begins on Monday."""

    amount: int
    unit: Unit

    @classmethod
    def of(cls, text: str) -> Timeframe:
        """Read "5Min", "1Hour", "1D", "3Month". Raises ParameterInvalid."""
        match = _TEXT.fullmatch(text)
        unit = _UNITS[match[2]] if match else None
        if match is None or unit is None or int(match[1]) not in _ALLOWED[unit]:
            raise ParameterInvalid(f"invalid timeframe: {text[:20]}")
        return cls(int(match[1]), unit)

    @property
    def is_of_days(self) -> bool:
        """Whether the bars are made of whole days, not of minutes."""
        return self.unit in {Unit.DAY, Unit.WEEK, Unit.MONTH}

    def starts(self, at: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the beginning of the bar that each of these instants, never falling, belongs to."""
        if not len(at):
            return at
        first, last = new_york_date(int(at[0])), new_york_date(int(at[-1]))
        dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        place = np.array([new_york(on) for on in dates], dtype=np.int64).searchsorted(at, side="right") - 1
        begins = np.array([new_york(self._first_date(on)) for on in dates], dtype=np.int64)[place]
        if self.is_of_days:
            return begins
        length = self.amount * (HOUR if self.unit is Unit.HOUR else MINUTE)
        return begins + (at - begins) // length * length

    def end(self, at: int) -> int:
        """Return the last instant of the bar that `at` lies in."""
        begins = int(self.starts(np.array([at], dtype=np.int64))[0])
        on = new_york_date(at)
        if not self.is_of_days:
            length = self.amount * (HOUR if self.unit is Unit.HOUR else MINUTE)
            return min(begins + length, new_york(on, 24)) - 1
        if self.unit is Unit.DAY:
            return new_york(on, 24) - 1
        first = self._first_date(on)
        if self.unit is Unit.WEEK:
            return new_york(first + timedelta(days=7)) - 1
        month = first.month - 1 + self.amount
        return new_york(date(first.year + month // _MONTHS_A_YEAR, month % _MONTHS_A_YEAR + 1, 1)) - 1

    def _first_date(self, on: date) -> date:
        """Return the first date of the bar of a date."""
        if self.unit is Unit.WEEK:
            return on - timedelta(days=on.weekday())
        if self.unit is Unit.MONTH:
            return date(on.year, (on.month - 1) // self.amount * self.amount + 1, 1)
        return on
