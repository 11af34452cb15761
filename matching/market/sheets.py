"""Read recorded rows from what people have: CSV or Parquet files with our columns, or days of a LEAN folder.

Each day comes as the lines of a file of `matching.market.plain_csv`, in the source's order. A sheet has the columns of
such a file, and `symbol` where its name does not tell it: `IBM.csv`, `IBM/2013-10-08.csv`. `kind` may be absent: what
has a price is a trade, else it is a quote. `time` is RFC 3339, nanoseconds since 1970, or a Parquet timestamp, in UTC.
A sheet may hold any number of symbols and days; it is held in memory.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matching.engine.types import DOLLAR, SHARE, Kind
from matching.market import lean, plain_csv
from matching.market.columns import Table
from matching.market.conditions import PLAIN_AUCTIONS
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.times import MILLISECOND, new_york_date, parse_rfc3339, rfc3339
from matching.market.tracks import merge

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

NS_DIGITS = re.compile(r"\d{17,19}", re.ASCII)  # an instant since 1973 in nanoseconds
BAR_MS = {"second": 1_000, "minute": 60_000}
AUCTION_WORDS = {kind: word for word, kind in PLAIN_AUCTIONS.items()}
INELIGIBLE = "odd_lot"  # stands for whatever LEAN's condition was
PARQUET_NEEDS = "Parquet needs pyarrow: pip install -r requirements-parquet.txt"


@dataclass(slots=True, kw_only=True)
class Day:
    """One symbol's day: `lines` are (instant, fields) in the source's order; `notes` tell what was left out."""

    symbol: str
    date: date
    source: str
    header: list[str]
    lines: list[tuple[int, list[str]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def lean_days(folder: Path, symbols: Iterable[str]) -> Iterator[Day]:
    """Yield each day of each symbol at its finest resolution; of second and minute bars those of the trades.

    Raises TapeInvalid.
    """
    for symbol in symbols:
        stamps = {stamp for name in lean.RESOLUTIONS for stamp in lean.dates_in(folder, symbol, name)}
        for stamp in sorted(stamps):
            day = _date(stamp)
            resolution = lean.finest(folder, symbol, day)
            assert resolution is not None
            read = _lean_ticks if resolution == "tick" else _lean_bars
            yield read(folder, symbol, day, resolution)


def sheet_days(file: Path, symbol: str | None = None) -> list[Day]:
    """Return the days of a CSV or Parquet file. Raises TapeInvalid with the line, TapeMissing."""
    rows = _parquet_rows(file) if file.suffix.lower() == ".parquet" else _csv_rows(file)
    days: dict[tuple[str, date], Day] = {}
    named = symbol or _symbol_of(file)
    for number, row in rows:
        try:
            at = _instant(row.get("time"))
            header = plain_csv.BAR_HEADER if "open" in row else plain_csv.HEADER
            who = (row.get("symbol") or named).strip().upper()
            fields = [rfc3339(at), *(row.get(name) or "" for name in header[1:])]
        except ValueError as error:
            raise TapeInvalid(f"{file}, line {number}: {error}") from None
        if header is plain_csv.HEADER and not fields[1]:
            fields[1] = "trade" if fields[header.index("price")] else "quote"
        key = (who, new_york_date(at))
        if key not in days:
            days[key] = Day(symbol=who, date=key[1], source=str(file), header=header)
        days[key].lines.append((at, fields))
    return [days[key] for key in sorted(days)]


def _symbol_of(file: Path) -> str:
    return file.parent.name if re.fullmatch(r"\d{4}-\d{2}-\d{2}", file.stem, re.ASCII) else file.stem


def _instant(text: str | None) -> int:
    if not text:
        raise ValueError("there is no time")
    return int(text) if NS_DIGITS.fullmatch(text) else parse_rfc3339(text)


def _csv_rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines, restkey="", restval=None)
            for row in reader:
                if "" in row or None in row.values():
                    wanted = len(reader.fieldnames or ())
                    raise TapeInvalid(f"{file}, line {reader.line_num}: the line has not {wanted} fields")
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise TapeInvalid(f"{file}: {error}") from None
    except OSError as error:
        raise TapeMissing(f"{file}: {error.strerror}") from None


def _parquet_rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        import pyarrow as pa  # an optional package, and slow to import
        from pyarrow import parquet
    except ImportError:
        raise TapeMissing(f"{file}: {PARQUET_NEEDS}") from None
    number = 0
    try:
        with parquet.ParquetFile(file) as opened:
            for batch in opened.iter_batches():
                columns = {name: batch.column(name) for name in batch.schema.names}
                for name, column in columns.items():
                    if pa.types.is_timestamp(column.type):
                        columns[name] = column.cast(pa.timestamp("ns")).cast(pa.int64())
                for values in zip(*(column.to_pylist() for column in columns.values()), strict=True):
                    number += 1
                    yield number, {name: _text(value) for name, value in zip(columns, values, strict=True)}
    except pa.ArrowException as error:
        raise TapeInvalid(f"{file}: {error}") from None
    except OSError as error:
        raise TapeMissing(f"{file}: {error.strerror or error}") from None


def _text(value: Any) -> str:
    """Return a cell as CSV has it; of a float the shortest decimals that are it, none where it is whole."""
    if value is None or value != value:  # noqa: PLR0124 - not a number is what differs from itself
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def _lean_ticks(folder: Path, symbol: str, day: date, resolution: str) -> Day:
    recorded = lean.read(folder, symbol, day, resolution)
    found = Day(symbol=symbol, date=day, source=f"{folder} ({resolution})", header=plain_csv.HEADER)
    items = merge(recorded)
    columns = (
        items.at,
        items.kind,
        items.bid,
        items.bid_size,
        items.ask,
        items.ask_size,
        items.price,
        items.size,
    )
    rows = zip(*(column.tolist() for column in (*columns, items.eligible)), strict=True)
    for at, kind, bid, bid_size, ask, ask_size, price, size, eligible in rows:
        traded = ["", "", "", "", _dollars(price), _shares(size)]
        if kind == Kind.QUOTE:
            sides = [*_side(bid, bid_size), *_side(ask, ask_size)]
            fields = ["quote", *sides, "", "", ""]
        elif kind == Kind.TRADE:
            fields = ["trade", *traded, "" if eligible else INELIGIBLE]
        else:
            fields = ["auction", *traded, AUCTION_WORDS[Kind(kind)]]
        found.lines.append((at, [rfc3339(at), *fields]))
    return found


def _lean_bars(folder: Path, symbol: str, day: date, resolution: str) -> Day:
    found = Day(symbol=symbol, date=day, source=f"{folder} ({resolution})", header=plain_csv.BAR_HEADER)
    raw = lean.bar_file(folder, symbol, day, resolution, "trade")
    if lean.bar_file(folder, symbol, day, resolution, "quote") is not None:
        found.notes.append(f"a file of bars has no quotes: those of the {resolution} bars are left out")
    if raw is None:
        return found
    table = Table(raw, columns=6, name=found.source)
    midnight = lean.midnight(day)
    for row in zip(*(table.integers(column).tolist() for column in range(6)), strict=True):
        at = midnight + (row[0] + BAR_MS[resolution]) * MILLISECOND
        found.lines.append((at, [rfc3339(at), *(_dollars(price) for price in row[1:5]), str(row[5])]))
    return found


def _side(price: int, size: int) -> tuple[str, str]:
    return (_dollars(price), _shares(size)) if price and size else ("", "")


def _dollars(price: int) -> str:
    return _decimal(price, DOLLAR)


def _shares(size: int) -> str:
    return _decimal(size, SHARE)


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    places = len(str(unit)) - 1
    return f"{whole}.{rest:0{places}}".rstrip("0").rstrip(".")


def _date(stamp: str) -> date:
    from datetime import date as dates

    try:
        return dates.fromisoformat(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}")
    except ValueError:
        raise TapeInvalid(f"{stamp} is not a day") from None
