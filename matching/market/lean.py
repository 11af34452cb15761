"""Read recorded days in LEAN's folder format: zipped CSV, one file per symbol, day and kind.

    equity/usa/{tick,second,minute}/{symbol, lower case}/{YYYYMMDD}_{quote,trade}.zip

Prices are in 1/10,000 dollar, sizes in shares, times in milliseconds since midnight in New York.
How rows become items, and why, stands in matching/decisions/0002-tape.md.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import SHARE, Kind
from matching.market import bars
from matching.market.columns import Table
from matching.market.conditions import (
    LEAN_CLOSING,
    LEAN_INELIGIBLE_TRADE,
    LEAN_NOT_A_QUOTE,
    LEAN_OFFICIAL_CLOSE,
    LEAN_OFFICIAL_OPEN,
    LEAN_OPENING,
)
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.times import HOUR, MILLISECOND, new_york
from matching.market.tracks import NO_EVENTS, NO_PRINTS, NO_QUOTES, Events, Prints, Quotes, Recorded

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

# The auction's trade; a market center's official value only where there was none.
_AUCTION_MARKS = (
    (Kind.OPENING_AUCTION, (LEAN_OPENING, LEAN_OFFICIAL_OPEN)),
    (Kind.CLOSING_AUCTION, (LEAN_CLOSING, LEAN_OFFICIAL_CLOSE)),
)


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


def read(folder: Path, symbol: str, day: date, resolution: str) -> Recorded:
    """Return a symbol's day; a file that is not there tells nothing. Raises TapeInvalid."""
    quotes, prints, events = NO_QUOTES, NO_PRINTS, NO_EVENTS
    path = _symbol_folder(folder, symbol, resolution)
    is_ticks = resolution == "tick"
    if (file := path / f"{day:%Y%m%d}_quote.zip").is_file():
        columns = _QUOTE_TICK_COLUMNS if is_ticks else _QUOTE_BAR_COLUMNS
        table = Table(_only_file(file), columns=columns, name=str(file))
        quotes = _quote_ticks(table, day) if is_ticks else _quote_bars(table, day, _BAR_MS[resolution])
    if (file := path / f"{day:%Y%m%d}_trade.zip").is_file():
        columns = _TRADE_TICK_COLUMNS if is_ticks else _TRADE_BAR_COLUMNS
        table = Table(_only_file(file), columns=columns, name=str(file))
        if is_ticks:
            prints, events = _trade_ticks(table, day, primary_exchange(folder, symbol, day))
        else:
            prints = _trade_bars(table, day, _BAR_MS[resolution])
    return Recorded(quotes=quotes, prints=prints, events=events, is_bars=not is_ticks)


def bar_file(folder: Path, symbol: str, day: date, resolution: str, kind: str) -> bytes | None:
    """Return the text of a day's file, `kind` quote or trade; None where there is none. Raises TapeInvalid."""
    file = _symbol_folder(folder, symbol, resolution) / f"{day:%Y%m%d}_{kind}.zip"
    return _only_file(file) if file.is_file() else None


def midnight(day: date) -> int:
    """Return the instant from which a file counts its milliseconds.

    The offset is that of noon: on the two Sundays when clocks change they do so at 02:00,
    two hours before the first session.
    """
    return new_york(day, 12) - 12 * HOUR


def primary_exchange(folder: Path, symbol: str, day: date) -> str | None:
    """Return the letter of the exchange that lists a symbol, None when no map file says so.

    Each line of a map file, `last day, symbol, exchange`, holds up to its day. Raises TapeInvalid.
    """
    in_force = [line for line in _listings(folder, symbol) if line[0] >= f"{day:%Y%m%d}"]
    return (in_force[0][2] or None) if in_force else None


def listed_last(folder: Path, symbol: str) -> str | None:
    """Return the letter of the exchange that lists a symbol by its map file's last line, None without. As above."""
    lines = _listings(folder, symbol)
    return (lines[-1][2] or None) if lines else None


def _listings(folder: Path, symbol: str) -> list[list[str]]:
    path = folder / "equity" / "usa" / "map_files" / f"{symbol.lower()}.csv"
    if not path.is_file():
        return []
    try:
        return [(line + ",").split(",") for line in path.read_text(encoding="utf-8").split()]
    except UnicodeDecodeError as error:
        raise TapeInvalid(f"{path}: {error}") from error


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
    """Return the instants of the rows; the file's times are what New York's clocks show."""
    milliseconds = table.integers(0)
    if (milliseconds[1:] < milliseconds[:-1]).any():
        row = int((milliseconds[1:] < milliseconds[:-1]).argmax()) + 1
        raise TapeInvalid(f"{table.name}, line {row + 1}: the time is earlier than the line before")
    if len(table) and int(milliseconds[-1]) > 24 * HOUR // MILLISECOND:
        raise TapeInvalid(f"{table.name}: {int(milliseconds[-1])} ms is more than a day")
    return midnight(day) + (milliseconds + later_ms) * MILLISECOND


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


def _trade_ticks(table: Table, day: date, primary: str | None) -> tuple[Prints, Events]:
    at, price, size = _times(table, day), table.integers(1), table.integers(2) * SHARE
    conditions = table.integers(4, base=16)
    is_kept = (table.integers(5) == 0) & (price != 0) & (size != 0)
    eligible = (conditions & LEAN_INELIGIBLE_TRADE == 0).astype(np.int64)
    prints = Prints.all_trades(at[is_kept], price[is_kept], size[is_kept], eligible[is_kept])
    is_official = is_kept if primary is None else is_kept & table.equals(3, primary)
    found = [
        (int(at[row]), kind, int(price[row]), int(size[row]))
        for kind, marks in _AUCTION_MARKS
        if (row := _first_marked(conditions, is_official, marks)) is not None
    ]
    return prints, Events.of(found)


def _first_marked(
    conditions: NDArray[np.int64], is_official: NDArray[np.bool_], marks: tuple[int, ...]
) -> int | None:
    """Return the first official row with the first mark that any has, None when none has one."""
    for mark in marks:
        is_marked = is_official & (conditions & mark != 0)
        if is_marked.any():
            return int(is_marked.argmax())
    return None


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
    opened, high, low, closed, volume = (table.integers(column) for column in (1, 2, 3, 4, 5))
    at = _times(table, day, later_ms=length_ms)
    return bars.expand(at, opened, high, low, closed, volume * SHARE, lot=SHARE)
