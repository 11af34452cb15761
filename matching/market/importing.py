"""Import recorded days into the folder of plain CSV that a replay reads.

A day is written whole beside the folder's days, read back by the very reader of replays, and then put in its place by
one rename: killed at any instant, the folder has days that are whole, or as they were, and a second run goes on.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.market import plain_csv
from matching.market.errors import MarketError, TapeInvalid
from matching.market.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    from matching.market.sheets import Day

STAGING = ".importing"  # no symbol, and no day lies right in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a day: written, same, differs (there is another one, which stays), or refused, and why.

    `duplicates` are lines that say again what the line before them says, which prints may; `crossed` are quotes whose
    bid is above their ask. Both are kept.
    """

    symbol: str
    date: date
    outcome: str
    rows: int = 0
    duplicates: int = 0
    crossed: int = 0
    notes: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        return self.outcome in {"written", "same"}


def import_days(
    days: Iterable[Day],
    folder: Path,
    *,
    is_sorted_first: bool = False,
    may_replace: bool = False,
    is_dry: bool = False,
) -> Iterator[Outcome]:
    """Check each day and write it to `folder`; yield what became of it. May be stopped and run again.

    `is_sorted_first`: put the lines into the order of their times, those of one time as they were; else a line that is
    earlier than the one before is refused. A dry run writes nothing that stays. Raises OSError.
    """
    staging = folder / f"{STAGING}.{os.getpid()}"
    try:
        for day in days:
            if is_sorted_first:
                day.lines.sort(key=lambda line: line[0])
            try:
                yield _imported(day, folder, staging, may_replace=may_replace, is_dry=is_dry)
            except MarketError as error:
                words = str(error).replace(str(staging), day.source)
                yield Outcome(
                    symbol=day.symbol, date=day.date, outcome="refused", rows=len(day.lines), notes=(words,)
                )
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if is_dry and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def leftovers(folder: Path) -> list[Path]:
    """Return the drafts that runs have left which were killed, and are no more."""
    return [path for path in folder.glob(f"{STAGING}.*") if not _lives(path.suffix[1:])]


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True


def _imported(day: Day, folder: Path, staging: Path, *, may_replace: bool, is_dry: bool) -> Outcome:
    _require_order(day)
    _require_symbol(day.symbol)
    draft = staging / day.symbol / f"{day.date}.csv"
    draft.parent.mkdir(parents=True, exist_ok=True)
    text = _text(day)
    with draft.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    recorded = plain_csv.read(staging, day.symbol, day.date)
    quotes = recorded.quotes
    crossed = int(((quotes.bid > quotes.ask) & (quotes.ask > 0)).sum())
    place = folder / day.symbol / draft.name
    outcome, notes = "written", list(day.notes)
    if place.exists():
        if place.read_bytes() == text:
            outcome = "same"
        elif not may_replace:
            outcome = "differs"
            notes.append(f"{place} is there already and says otherwise: --replace writes over it")
    if outcome == "written" and not is_dry:
        place.parent.mkdir(exist_ok=True)
        draft.replace(place)
        _sync(place.parent)
    else:
        draft.unlink()
    duplicates = sum(one == other for one, other in zip(day.lines, day.lines[1:], strict=False))
    return Outcome(
        symbol=day.symbol,
        date=day.date,
        outcome=outcome,
        rows=len(day.lines),
        duplicates=duplicates,
        crossed=crossed,
        notes=tuple(notes),
    )


def _text(day: Day) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(day.header)
    writer.writerows(fields for _, fields in day.lines)
    return out.getvalue().encode()


def _require_order(day: Day) -> None:
    for (earlier, _), (at, _) in zip(day.lines, day.lines[1:], strict=False):
        if at < earlier:
            raise TapeInvalid(
                f"{day.source}: {day.symbol} has {rfc3339(at)} after {rfc3339(earlier)}; --sort puts lines in order"
            )


def _require_symbol(symbol: str) -> None:
    """Refuse what is no folder's name. Raises TapeInvalid."""
    if not symbol or not symbol.isascii() or symbol.startswith(".") or set(symbol) & set("/\\\0"):
        raise TapeInvalid(f"{symbol!r} is not a symbol")


def _sync(folder: Path) -> None:
    """Have a rename outlive the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
