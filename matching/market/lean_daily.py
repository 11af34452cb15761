"""Read LEAN's day bars, and compare prices of two days by its factor files.

    equity/usa/daily/{symbol, lower case}.zip  YYYYMMDD 00:00,open,high,low,close,volume

A file's factors (`matching.market.factors`) lead from a price of their time to the file's last row,
which lies in the future of most tapes: only the ratio of two dates is used. Files that are missing
or cannot be read tell nothing.
"""

from __future__ import annotations

import logging
import zipfile
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import DOLLAR
from matching.market import factors
from matching.market.candles import Bars, no_bars
from matching.market.errors import TapeInvalid
from matching.market.times import new_york

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

_UNREADABLE = (OSError, ValueError, IndexError, zipfile.BadZipFile)


def read(folder: Path, symbol: str) -> Bars:
    """Return a symbol's day bars, none where the folder has no file of them; their prints were not counted."""
    path = folder / "equity" / "usa" / "daily" / f"{symbol.lower()}.zip"
    if not path.is_file():
        return no_bars()
    try:
        with zipfile.ZipFile(path) as archive:
            lines = archive.read(archive.namelist()[0]).decode().split("\n")
        rows = [line.split(",") for line in lines if line.strip()]
        at = np.array([new_york(_date(row[0])) for row in rows], dtype=np.int64)
        columns = np.array([row[1:6] for row in rows], dtype=np.int64).reshape(-1, 5).T
    except _UNREADABLE as error:
        logger.warning("%s is not used: %s", path, error)
        return no_bars()
    opened, high, low, closed, volume = columns
    shares = volume.astype(np.float64)
    typical = (high + low + closed) / (3 * DOLLAR)  # the nearest to an average price that a bar can tell
    return Bars(at, opened, high, low, closed, shares, typical * shares, np.zeros_like(volume))


@dataclass(frozen=True, slots=True)
class Factors:
    """How prices of one symbol's dates compare, after dividends and after splits."""

    dates: tuple[date, ...] = ()
    dividends: tuple[float, ...] = ()
    splits: tuple[float, ...] = ()

    def split(self, on: date, today: date) -> float:
        """Return by how much a price of `on` is multiplied to be one of `today`, for splits alone."""
        return self._ratio(self.splits, on, today)

    def dividend(self, on: date, today: date) -> float:
        """Return the same for dividends alone."""
        return self._ratio(self.dividends, on, today)

    def _ratio(self, of: tuple[float, ...], on: date, today: date) -> float:
        if not self.dates:
            return 1.0
        then, now = (min(bisect_left(self.dates, day), len(self.dates) - 1) for day in (on, max(on, today)))
        return of[then] / of[now]


def read_factors(folder: Path, symbol: str) -> Factors:
    """Return a symbol's factors; without a file every price stays as it is."""
    try:
        rows = sorted(factors.factors_in(folder, symbol), key=lambda row: row.until)
    except TapeInvalid as error:
        logger.warning("%s", error)
        return Factors()
    dates = tuple(row.until for row in rows)
    return Factors(dates, tuple(float(row.price) for row in rows), tuple(float(row.split) for row in rows))


def _date(stamp: str) -> date:
    return date(int(stamp[:4]), int(stamp[4:6]), int(stamp[6:8]))
