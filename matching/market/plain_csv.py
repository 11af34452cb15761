"""Read recorded days from plain CSV, for tapes that people make themselves.

    {folder}/{SYMBOL}/{YYYY-MM-DD}.csv, UTF-8, the first line being the header

    time,kind,bid,bid_size,ask,ask_size,price,size,conditions
    2013-10-08T13:30:00.000000001Z,quote,181.02,300,181.05,200,,,
    2013-10-08T13:30:00.25Z,trade,,,,,181.05,100,regular

`time` is RFC 3339 with up to nine fractional digits, never earlier than the line before, on that
day in New York. `kind` is quote or trade. Prices are dollars with up to four decimals, sizes shares
with up to nine. A quote is the full state: a side left empty is absent. `conditions` are words
of `matching.market.conditions.PLAIN_WORDS`, separated by spaces; none means regular.
"""

from __future__ import annotations

import csv
import re
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from matching.engine.types import DOLLAR, SHARE
from matching.market.conditions import PLAIN_WORDS
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.lean import Prints, Quotes
from matching.market.times import new_york, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = ["time", "kind", "bid", "bid_size", "ask", "ask_size", "price", "size", "conditions"]

_NUMBER = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
_DAY_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv", re.ASCII)


def symbols_in(folder: Path) -> list[str]:
    """Return the symbols with a day file, sorted."""
    return sorted({path.parent.name for path in folder.glob("*/*.csv") if _DAY_FILE.fullmatch(path.name)})


def dates_in(folder: Path, symbol: str) -> list[date]:
    """Return the days with a file, sorted."""
    names = (_DAY_FILE.fullmatch(path.name) for path in (folder / symbol).glob("*.csv"))
    return sorted(date.fromisoformat(match[1]) for match in names if match)


def read(folder: Path, symbol: str, day: date) -> tuple[Quotes, Prints]:
    """Return a day's quotes and prints. Raises TapeMissing, and TapeInvalid with file and line."""
    path = folder / symbol / f"{day}.csv"
    quotes: list[tuple[int, ...]] = []
    prints: list[tuple[int, ...]] = []
    midnights = new_york(day), new_york(day, 24)
    latest_at = 0
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.reader(lines)
            if next(rows, None) != HEADER:
                raise TapeInvalid(f"{path}, line 1: the header is not {','.join(HEADER)}")
            for row in rows:
                try:
                    at = _instant(row, midnights, latest_at)
                    if row[1] == "quote":
                        quotes.append((at, *_quote(row)))
                    else:
                        prints.append((at, *_print(row)))
                except ValueError as error:
                    raise TapeInvalid(f"{path}, line {rows.line_num}: {error}") from error
                latest_at = at
    except (UnicodeDecodeError, csv.Error) as error:
        raise TapeInvalid(f"{path}: {error}") from error
    except OSError as error:
        raise TapeMissing(f"{path}: {error.strerror}") from error
    return Quotes(*_columns(quotes, 5)), Prints(*_columns(prints, 4))


def _columns(rows: list[tuple[int, ...]], width: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, width).T.copy()


def _instant(row: list[str], midnights: tuple[int, int], latest_at: int) -> int:
    if len(row) != len(HEADER):
        raise ValueError(f"{len(row)} fields instead of {len(HEADER)}")
    if row[1] not in {"quote", "trade"}:
        raise ValueError(f"kind {row[1]!r} is neither quote nor trade")
    at = parse_rfc3339(row[0])
    if not midnights[0] <= at < midnights[1]:
        raise ValueError(f"{row[0]} is not on the file's day in New York")
    if at < latest_at:
        raise ValueError(f"{row[0]} is earlier than the line before")
    return at


def _quote(row: list[str]) -> tuple[int, int, int, int]:
    _check_empty(row, (6, 7, 8))
    bid, bid_size = _side(row[2], row[3])
    ask, ask_size = _side(row[4], row[5])
    return bid, bid_size, ask, ask_size


def _side(price: str, size: str) -> tuple[int, int]:
    if not price and not size:
        return 0, 0
    return _price(price), _size(size)


def _print(row: list[str]) -> tuple[int, int, int]:
    _check_empty(row, (2, 3, 4, 5))
    words = row[8].split()
    for word in words:
        if word not in PLAIN_WORDS:
            raise ValueError(f"condition {word!r} is not one of {', '.join(PLAIN_WORDS)}")
    return _price(row[6]), _size(row[7]), int(all(PLAIN_WORDS[word] for word in words))


def _check_empty(row: list[str], columns: tuple[int, ...]) -> None:
    for column in columns:
        if row[column]:
            raise ValueError(f"a {row[1]} has no {HEADER[column]}, but the line says {row[column]!r}")


def _scaled(unit: int, name: str, decimals: int) -> Callable[[str], int]:
    def read_number(text: str) -> int:
        match = _NUMBER.fullmatch(text)
        fraction = (match[2] or "").rstrip("0") if match else ""
        if match is None or len(fraction) > decimals:
            raise ValueError(f"{name} {text!r} is not a positive number with at most {decimals} decimals")
        value = int(match[1]) * unit + int(fraction.ljust(decimals, "0"))
        if value == 0:
            raise ValueError(f"{name} {text!r} is not positive")
        return value

    return read_number


_price = _scaled(DOLLAR, "price", 4)
_size = _scaled(SHARE, "size", 9)
