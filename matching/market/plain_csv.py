"""Read recorded days from plain CSV, for tapes that people make themselves.

    {folder}/{SYMBOL}/{YYYY-MM-DD}.csv, UTF-8, the first line being the header

    time,kind,bid,bid_size,ask,ask_size,price,size,conditions
    2013-10-08T13:30:00.000000001Z,quote,181.02,300,181.05,200,,,
    2013-10-08T13:30:00.25Z,trade,,,,,181.05,100,regular

`time` is RFC 3339 with up to nine fractional digits, never earlier than the line before, on that
day in New York. `kind` is quote, trade, auction, halt or resume; a halt has no further fields. Prices are
dollars with up to four decimals, sizes shares with up to nine. A quote is the full state: a side left empty
is absent. `conditions` are words of `matching.market.conditions.PLAIN_WORDS`, separated by spaces; none
means regular. Those of an auction, the official print, are `opening` or `closing`, and nothing else; its
trade is a line of its own. What happened in a certain order has times that say so: at one time quotes come
first, then prints, auctions, halts and resumptions.

A day of bars has another header, and `time` is when the bar is complete:

    time,open,high,low,close,volume
    2013-10-08T13:31:00Z,181.02,181.30,180.90,181.05,120300
"""

from __future__ import annotations

import csv
import re
from datetime import date
from typing import TYPE_CHECKING

from matching.engine.types import DOLLAR, SHARE, Kind
from matching.market.bars import expand
from matching.market.conditions import PLAIN_AUCTIONS, PLAIN_WORDS
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.times import new_york, parse_rfc3339
from matching.market.tracks import Events, Prints, Quotes, Recorded, columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEADER = ["time", "kind", "bid", "bid_size", "ask", "ask_size", "price", "size", "conditions"]
BAR_HEADER = ["time", "open", "high", "low", "close", "volume"]

_NUMBER = re.compile(r"(\d{1,9})(?:\.(\d{1,9}))?", re.ASCII)
_DAY_FILE = re.compile(r"(\d{4}-\d{2}-\d{2})\.csv", re.ASCII)


def symbols_in(folder: Path) -> list[str]:
    """Return the symbols with a day file, sorted."""
    return sorted({path.parent.name for path in folder.glob("*/*.csv") if _DAY_FILE.fullmatch(path.name)})


def dates_in(folder: Path, symbol: str) -> list[date]:
    """Return the days with a file, sorted."""
    names = (_DAY_FILE.fullmatch(path.name) for path in (folder / symbol).glob("*.csv"))
    return sorted(date.fromisoformat(match[1]) for match in names if match)


def read(folder: Path, symbol: str, day: date) -> Recorded:
    """Return a day's rows. Raises TapeMissing, and TapeInvalid with file and line."""
    path = folder / symbol / f"{day}.csv"
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = csv.reader(lines)
            header = next(rows, None)
            if header not in (HEADER, BAR_HEADER):
                raise TapeInvalid(
                    f"{path}, line 1: the header is not {','.join(HEADER)} nor {','.join(BAR_HEADER)}"
                )
            try:
                timed = _timed(rows, day, len(header))
                return _bars(timed) if header == BAR_HEADER else _ticks(timed)
            except ValueError as error:
                raise TapeInvalid(f"{path}, line {rows.line_num}: {error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TapeInvalid(f"{path}: {error}") from error
    except OSError as error:
        raise TapeMissing(f"{path}: {error.strerror}") from error


def _timed(rows: Iterator[list[str]], day: date, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each line with its instant. Raises ValueError for a wrong line."""
    midnights, latest_at = (new_york(day), new_york(day, 24)), 0
    for row in rows:
        if len(row) != width:
            raise ValueError(f"{len(row)} fields instead of {width}")
        at = parse_rfc3339(row[0])
        if not midnights[0] <= at < midnights[1]:
            raise ValueError(f"{row[0]} is not on the file's day in New York")
        if at < latest_at:
            raise ValueError(f"{row[0]} is earlier than the line before")
        latest_at = at
        yield at, row


def _ticks(rows: Iterator[tuple[int, list[str]]]) -> Recorded:
    quotes: list[tuple[int, ...]] = []
    prints: list[tuple[int, ...]] = []
    events: list[tuple[int, int, int, int]] = []
    for at, row in rows:
        match row[1]:
            case "quote":
                quotes.append((at, *_quote(row)))
            case "trade":
                prints.append((at, *_print(row)))
            case "auction":
                events.append((at, *_auction(row)))
            case "halt" | "resume":
                _check_empty(row, (2, 3, 4, 5, 6, 7, 8))
                events.append((at, Kind.HALT if row[1] == "halt" else Kind.RESUME, 0, 0))
            case kind:
                raise ValueError(f"kind {kind!r} is none of quote, trade, auction, halt, resume")
    return Recorded(
        quotes=Quotes(*columns_of(quotes, 5)),
        prints=Prints.all_trades(*columns_of(prints, 4)),
        events=Events.of(events),
    )


def _bars(rows: Iterator[tuple[int, list[str]]]) -> Recorded:
    bars: list[tuple[int, ...]] = []
    for at, row in rows:
        opened, high, low, closed = (_price(text) for text in row[1:5])
        if not low <= min(opened, closed) <= max(opened, closed) <= high:
            raise ValueError(f"a bar from {row[1]} to {row[4]} is not between {row[3]} and {row[2]}")
        bars.append((at, opened, high, low, closed, _volume(row[5])))
    return Recorded(prints=expand(*columns_of(bars, 6)), is_bars=True)


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


def _auction(row: list[str]) -> tuple[int, int, int]:
    _check_empty(row, (2, 3, 4, 5))
    if (kind := PLAIN_AUCTIONS.get(row[8].strip())) is None:
        raise ValueError(f"an auction is {' or '.join(PLAIN_AUCTIONS)}, not {row[8]!r}")
    return kind, _price(row[6]), _size(row[7])


def _check_empty(row: list[str], columns: tuple[int, ...]) -> None:
    for column in columns:
        if row[column]:
            raise ValueError(f"a {row[1]} has no {HEADER[column]}, but the line says {row[column]!r}")


def _scaled(unit: int, name: str, decimals: int, *, least: int = 1) -> Callable[[str], int]:
    wanted = "positive number" if least else "number"

    def read_number(text: str) -> int:
        match = _NUMBER.fullmatch(text)
        fraction = (match[2] or "").rstrip("0") if match else ""
        if match is None or len(fraction) > decimals:
            raise ValueError(f"{name} {text!r} is not a {wanted} with at most {decimals} decimals")
        value = int(match[1]) * unit + int(fraction.ljust(decimals, "0"))
        if value < least:
            raise ValueError(f"{name} {text!r} is not positive")
        return value

    return read_number


_price = _scaled(DOLLAR, "price", 4)
_size = _scaled(SHARE, "size", 9)
_volume = _scaled(SHARE, "volume", 9, least=0)
