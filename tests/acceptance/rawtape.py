"""Read one recorded day straight from its zip files, with the standard library alone.

This is the acceptance tests' own eye on the tape. It shares nothing with the product on purpose:
where the two differ, one of them is wrong.

Quote rows: ms, bid, bid size, ask, ask size, exchange, flags, suspicious; a side of 0 did not change.
Trade rows: ms, price, size, exchange, flags, suspicious. Prices are in 1/10,000 dollar, times in
milliseconds since midnight in New York, flags in hexadecimal.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

DAY, SYMBOL = "20131008", "IBM"
ROOT = Path(__file__).resolve().parents[2]

NOT_FIRM = sum(1 << bit for bit in (2, 6, 10, 18, 19))  # gap, trading range, non-firm, two price bands
# Cash, next day, seller, closing print, derivatively priced, sold late, stopped, out of sequence,
# stock option, average price, price variation, official close, prior reference, official open,
# cap election, odd lot: none of these prices was made in the market of its moment.
NO_PRINT = sum(1 << bit for bit in (1, 2, 3, 7, 9, 11, 12, 14, 18, 20, 22, 24, 25, 26, 27, 31))


class Quote(NamedTuple):
    """An update; dollars and shares. A side of 0 did not change."""

    ms: int
    bid: Decimal
    bid_size: Decimal
    ask: Decimal
    ask_size: Decimal


class Print(NamedTuple):
    """A trade that may fill resting orders; dollars and shares."""

    ms: int
    price: Decimal
    size: Decimal


def folder() -> Path:
    """Return where the recorded days are looked for, whether they are there or not."""
    return Path(os.environ.get("RAXX_LEAN_DATA") or ROOT.parent / "shared" / "data" / "lean").resolve()


def path_of(kind: str) -> Path:
    """Return the day's file of quotes or trades."""
    return folder() / "equity" / "usa" / "tick" / SYMBOL.lower() / f"{DAY}_{kind}.zip"


def is_there() -> bool:
    return path_of("quote").is_file() and path_of("trade").is_file()


def read() -> list[Quote | Print]:
    """Return the whole day by time, quotes before prints, each in the order of its file."""
    quotes = [
        Quote(int(row[0]), _dollars(row[1]), Decimal(row[2]), _dollars(row[3]), Decimal(row[4]))
        for row in _rows("quote")
        if not int(row[6], 16) & NOT_FIRM
    ]
    prints = [
        Print(int(row[0]), _dollars(row[1]), Decimal(row[2]))
        for row in _rows("trade")
        if int(row[1]) and int(row[2]) and not int(row[4], 16) & NO_PRINT
    ]
    return sorted([*quotes, *prints], key=lambda item: item.ms)  # stable: quotes stay in front


def _rows(kind: str) -> list[list[str]]:
    with zipfile.ZipFile(path_of(kind)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return [row for row in csv.reader(io.StringIO(text)) if row[-1] == "0"]  # 1: suspicious


def _dollars(text: str) -> Decimal:
    return Decimal(text) / 10_000
