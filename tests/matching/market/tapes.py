"""Tiny recorded days for the tests, and a slow, obvious reader of the raw files to compare with."""

from __future__ import annotations

import os
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

NEW_YORK = ZoneInfo("America/New_York")


def recorded_lean() -> Path:
    """Return the folder of real recorded days, or skip the test loudly."""
    folder = Path(os.environ.get("RAXX_LEAN_DATA", "../shared/data/lean"))
    if not (folder / "equity").is_dir():
        pytest.skip(
            f"NO RECORDED TAPE in {folder}: set RAXX_LEAN_DATA to a LEAN data folder to run this test"
        )
    return folder


def write_zip(folder: Path, resolution: str, symbol: str, name: str, lines: Iterable[str]) -> Path:
    """Write one file of LEAN's layout, e.g. name "20131008_quote"."""
    path = folder / "equity" / "usa" / resolution / symbol.lower() / f"{name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.csv", "\n".join(lines))
    return path


def write_map(folder: Path, *lines: str) -> Path:
    """Write IBM's map file: last day, symbol, listing exchange."""
    path = folder / "equity" / "usa" / "map_files" / "ibm.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def naive_ticks(folder: Path, symbol: str, day: date) -> list[tuple[int, ...]]:
    """Read a tick day row by row: (at, kind, bid, bid size, ask, ask size, price, size) in tape order.

    Written from the format's description, without a look at the code under test; eligibility is left out.
    The listing exchange is NYSE, "N", whose opening and closing prints (bits 6 and 7) are the auctions.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)

    def instant(ms: str) -> int:
        return int((midnight + timedelta(milliseconds=int(ms))).timestamp() * 1000) * 1_000_000

    def lines(kind: str) -> list[list[str]]:
        path = folder / "equity" / "usa" / "tick" / symbol.lower() / f"{day:%Y%m%d}_{kind}.zip"
        with zipfile.ZipFile(path) as archive:
            return [line.split(",") for line in archive.read(archive.namelist()[0]).decode().split()]

    events = [(int(row[0]), 1, number, row) for number, row in enumerate(lines("quote")) if row[-1] == "0"]
    events += [(int(row[0]), 2, number, row) for number, row in enumerate(lines("trade")) if row[-1] == "0"]
    for kind, bit in ((3, 6), (4, 7)):
        marked = [row for row in lines("trade") if row[3] == "N" and int(row[4], 16) >> bit & 1]
        events += [(int(row[0]), kind, number, row) for number, row in enumerate(marked[:1])]
    bid = bid_size = ask = ask_size = 0
    found: list[tuple[int, ...]] = []
    for _, kind, _, row in sorted(events, key=lambda event: event[:3]):
        price = size = 0
        if kind == 1:
            if row[1] != "0":
                bid, bid_size = int(row[1]), int(row[2]) * 10**9
            if row[3] != "0":
                ask, ask_size = int(row[3]), int(row[4]) * 10**9
        else:
            price, size = int(row[1]), int(row[2]) * 10**9
        found.append((instant(row[0]), kind, bid, bid_size, ask, ask_size, price, size))
    return found
