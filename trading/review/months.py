"""A calendar month of New York's, in which accounts are judged and statements are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

_NAME = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Month:
    """A calendar month."""

    year: int
    month: int  # 1 to 12

    @classmethod
    def of(cls, day: date) -> Month:
        """Return the month of a day."""
        return cls(year=day.year, month=day.month)

    @classmethod
    def named(cls, name: str) -> Month:
        """Return the month that is written so: 2026-03. Raises ValueError."""
        found = _NAME.fullmatch(name)
        if found is None or not 0 < int(found[1]) < date.max.year:
            raise ValueError(f"not a month: {name}")
        return cls(year=int(found[1]), month=int(found[2]))

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(year=self.year + self.month // 12, month=self.month % 12 + 1)

    @property
    def previous(self) -> Month:
        """The month before it."""
        return Month(year=self.year - (self.month == 1), month=(self.month - 2) % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"
