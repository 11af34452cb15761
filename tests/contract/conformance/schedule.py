"""One tape for all cases: when each has its turn, and the files.

All cases are placed, whichever are run, so that a case has the same instants alone and among others.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.contract.conformance.registry import Case

NEW_YORK = ZoneInfo("America/New_York")
# Trading days; from one to the next is a single night where a case needs that. The last one closes at 13:00.
DAYS = tuple(
    date.fromisoformat(day)
    for day in (
        "2013-10-08",
        "2013-10-09",
        "2013-10-10",
        "2013-10-11",
        "2013-10-14",
        "2013-10-15",
        "2013-10-16",
        "2013-10-17",
        "2013-10-18",
        "2013-11-29",
    )
)
DATES = ",".join(day.isoformat() for day in DAYS)
HEADER = "time,kind,bid,bid_size,ask,ask_size,price,size,conditions"
ANY_TIME_FROM, ANY_TIME_UNTIL = time(9, 31), time(15, 30)
MARK = "MARK"  # orders in it find out how far the stream has come


def plan(cases: Sequence[Case]) -> dict[str, datetime]:
    """Return when each case begins: those that do not care one after the other on the first day, then the others."""
    starts: dict[str, datetime] = {}
    free_at = datetime.combine(DAYS[0], ANY_TIME_FROM, NEW_YORK)
    last = datetime.combine(DAYS[0], ANY_TIME_UNTIL, NEW_YORK)
    for each in cases:
        if each.begins is None:
            starts[each.number] = free_at
            free_at += _length(each)
    assert free_at < last, "the first day is full"
    for each in sorted(cases, key=lambda one: one.on or ""):
        if each.begins is not None:
            start = _next(each, free_at)
            starts[each.number] = start
            free_at = start + _length(each)
    return {number: start.astimezone(UTC) for number, start in starts.items()}


def _next(each: Case, free_at: datetime) -> datetime:
    assert each.begins is not None
    for day in DAYS:
        start = datetime.combine(day, time.fromisoformat(each.begins), NEW_YORK)
        ends_on = (start + _length(each)).date()
        if start >= free_at and ends_on in DAYS and each.on in {None, day.isoformat()}:
            return start
    raise AssertionError(f"no day is left for case {each.number}")


def _length(each: Case) -> timedelta:
    """Return whole minutes, so that no case begins where another one's last quote still counts as fresh."""
    return timedelta(minutes=each.lasts_s // 60 + 2)


def write(folder: Path, cases: Sequence[Case]) -> None:
    """Write the tape: each symbol has a file for every day, empty where it has nothing."""
    for each in cases:
        start = plan(cases)[each.number]
        _write(folder / each.symbol, start, each.tape)
        if each.other:
            _write(folder / each.other_symbol, start, each.other)
    _write(
        folder / MARK, datetime.combine(DAYS[0], ANY_TIME_FROM, NEW_YORK), ("0 quote,5.00,100,5.02,100,,,",)
    )


def _write(folder: Path, start: datetime, lines: Sequence[str]) -> None:
    folder.mkdir(parents=True)
    of_day: dict[date, list[str]] = defaultdict(list)
    for line in lines:
        second, _, row = line.partition(" ")
        at = start + timedelta(seconds=float(second))
        stamp = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        of_day[at.astimezone(NEW_YORK).date()].append(f"{stamp},{row}")
    for day in DAYS:
        (folder / f"{day}.csv").write_text("\n".join([HEADER, *of_day[day]]) + "\n", encoding="utf-8")
