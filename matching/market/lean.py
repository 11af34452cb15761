"""Read recorded days in LEAN's folder format: zipped CSV, one file per symbol, day and kind.

    equity/usa/{tick,second,minute}/{symbol, lower case}/{YYYYMMDD}_{quote,trade}.zip

Prices are in 1/10,000 dollar, sizes in shares, times in milliseconds since midnight in New York.
How rows become items, and why, stands in matching/decisions/0002-tape.md.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import SHARE
from matching.market.columns import Table
from matching.market.conditions import LEAN_INELIGIBLE_TRADE, LEAN_NOT_A_QUOTE
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.times import HOUR, MILLISECOND, new_york

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

RESOLUTIONS = ("tick", "second", "minute")  # finest first
_BAR_MS = {"second": 1_000, "minute": 60_000}

_QUOTE_TICK_COLUMNS = 8  # ms, bid, bid size, ask, ask size, exchange, condition, suspicious
_TRADE_TICK_COLUMNS = 6  # ms, price, size, exchange, condition, suspicious
_QUOTE_BAR_COLUMNS = 11  # ms, bid o h l c, bid size, ask o h l c, ask size
_TRADE_BAR_COLUMNS = 6  # ms, o h l c, volume


@dataclass(frozen=True, slots=True)
class Quotes:
    """Full two-sided states in file order; price and size 0 mean that the side is absent."""

    at: NDArray[np.int64]
    bid: NDArray[np.int64]
    bid_size: NDArray[np.int64]
    ask: NDArray[np.int64]
    ask_size: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Prints:
    """Prints in file order; `eligible` is 1 or 0."""

    at: NDArray[np.int64]
    price: NDArray[np.int64]
    size: NDArray[np.int64]
    eligible: NDArray[np.int64]


def is_lean(folder: Path) -> bool:
    """Return whether a folder is laid out as LEAN's."""
    return (folder / "equity" / "usa").is_dir()


def symbols_in(folder: Path) -> list[str]:
    """Return the symbols with any intraday file, sorted."""
    root = folder / "equity" / "usa"
    return sorted({path.name.upper() for name in RESOLUTIONS for path in (root / name).glob("*/")})


def dates_in(folder: Path, symbol: str, resolution: str) -> list[str]:
    """Return the days (YYYYMMDD) with a quote or trade file at this resolution, sorted."""
    files = _symbol_folder(folder, symbol, resolution).glob("*_*.zip")
    return sorted({path.name.split("_")[0] for path in files if path.stem.endswith(("_quote", "_trade"))})


def finest(folder: Path, symbol: str, day: date) -> str | None:
    """Return the finest resolution at which this symbol has this day, None when it has none."""
    stamp = f"{day:%Y%m%d}"
    return next((name for name in RESOLUTIONS if stamp in dates_in(folder, symbol, name)), None)


def read_quotes(folder: Path, symbol: str, day: date, resolution: str) -> Quotes | None:
    """Return a day's quotes, None when it has no quote file. Raises TapeInvalid."""
    path = _symbol_folder(folder, symbol, resolution) / f"{day:%Y%m%d}_quote.zip"
    if not path.is_file():
        return None
    if resolution == "tick":
        return _quote_ticks(Table(_only_file(path), columns=_QUOTE_TICK_COLUMNS, name=str(path)), day)
    table = Table(_only_file(path), columns=_QUOTE_BAR_COLUMNS, name=str(path))
    return _quote_bars(table, day, _BAR_MS[resolution])


def read_prints(folder: Path, symbol: str, day: date, resolution: str) -> Prints | None:
    """Return a day's prints, None when it has no trade file. Raises TapeInvalid."""
    path = _symbol_folder(folder, symbol, resolution) / f"{day:%Y%m%d}_trade.zip"
    if not path.is_file():
        return None
    if resolution == "tick":
        return _trade_ticks(Table(_only_file(path), columns=_TRADE_TICK_COLUMNS, name=str(path)), day)
    table = Table(_only_file(path), columns=_TRADE_BAR_COLUMNS, name=str(path))
    return _trade_bars(table, day, _BAR_MS[resolution])


def _symbol_folder(folder: Path, symbol: str, resolution: str) -> Path:
    return folder / "equity" / "usa" / resolution / symbol.lower()


def _only_file(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise TapeInvalid(f"{path}: {len(names)} files instead of one")
            return archive.read(names[0])
    except zipfile.BadZipFile as error:
        raise TapeInvalid(f"{path}: {error}") from error
    except OSError as error:
        raise TapeMissing(f"{path}: {error.strerror}") from error


def _times(table: Table, day: date, *, later_ms: int = 0) -> NDArray[np.int64]:
    """Return the instants of the rows; the file's times are what New York's clocks show.

    The offset is that of noon: on the two Sundays when clocks change they do so at 02:00,
    two hours before the first session.
    """
    milliseconds = table.integers(0)
    if (milliseconds[1:] < milliseconds[:-1]).any():
        row = int((milliseconds[1:] < milliseconds[:-1]).argmax()) + 1
        raise TapeInvalid(f"{table.name}, line {row + 1}: the time is earlier than the line before")
    if len(table) and int(milliseconds[-1]) > 24 * HOUR // MILLISECOND:
        raise TapeInvalid(f"{table.name}: {int(milliseconds[-1])} ms is more than a day")
    midnight = new_york(day, 12) - 12 * HOUR
    return midnight + (milliseconds + later_ms) * MILLISECOND


def _quote_ticks(table: Table, day: date) -> Quotes:
    at = _times(table, day)
    bid, bid_size, ask, ask_size = (table.integers(column) for column in (1, 2, 3, 4))
    is_kept = (table.integers(7) == 0) & (table.integers(6, base=16) & LEAN_NOT_A_QUOTE == 0)
    at, bid, bid_size, ask, ask_size = (column[is_kept] for column in (at, bid, bid_size, ask, ask_size))
    has_bid, has_ask = bid != 0, ask != 0
    return Quotes(
        at=at,
        bid=_last_of(bid, has_bid),
        bid_size=_last_of(bid_size, has_bid) * SHARE,
        ask=_last_of(ask, has_ask),
        ask_size=_last_of(ask_size, has_ask) * SHARE,
    )


def _last_of(values: NDArray[np.int64], is_given: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Carry each given value forward over the rows that give none; 0 before the first."""
    places = np.maximum.accumulate(np.where(is_given, np.arange(len(values)), -1))
    return np.where(places >= 0, values[places], 0)


def _trade_ticks(table: Table, day: date) -> Prints:
    at, price, size = _times(table, day), table.integers(1), table.integers(2)
    is_kept = (table.integers(5) == 0) & (price != 0) & (size != 0)
    eligible = (table.integers(4, base=16) & LEAN_INELIGIBLE_TRADE == 0).astype(np.int64)
    return Prints(
        at=at[is_kept], price=price[is_kept], size=size[is_kept] * SHARE, eligible=eligible[is_kept]
    )


def _quote_bars(table: Table, day: date, length_ms: int) -> Quotes:
    at = _times(table, day, later_ms=length_ms)
    # A side that nobody quoted in the whole bar is written as empty fields.
    bid, bid_size, ask, ask_size = (table.integers(column, empty=0) for column in (4, 5, 9, 10))
    return Quotes(
        at=at,
        bid=bid,
        bid_size=np.where(bid != 0, bid_size, 0) * SHARE,
        ask=ask,
        ask_size=np.where(ask != 0, ask_size, 0) * SHARE,
    )


def _trade_bars(table: Table, day: date, length_ms: int) -> Prints:
    """Expand each bar by rule B1: open, the nearer extreme, the farther extreme, close."""
    at = _times(table, day, later_ms=length_ms)
    opened, high, low, closed, volume = (table.integers(column) for column in (1, 2, 3, 4, 5))
    is_low_farther = opened - low >= high - opened
    path = (
        opened,
        np.where(is_low_farther, high, low),
        np.where(is_low_farther, low, high),
        closed,
    )
    quarter = volume // 4
    sizes = (quarter, quarter, quarter, volume - 3 * quarter)
    price, size = np.column_stack(path).ravel(), np.column_stack(sizes).ravel()
    is_kept = (size != 0) & (price != 0)
    return Prints(
        at=np.repeat(at, len(path))[is_kept],
        price=price[is_kept],
        size=size[is_kept] * SHARE,
        eligible=np.ones(int(is_kept.sum()), dtype=np.int64),
    )
