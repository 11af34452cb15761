"""`manage.py import_tape`: days from LEAN, CSV and Parquet become what a replay reads, whole or not at all."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from pyarrow import parquet

from matching.market import lean, plain_csv
from matching.market.importing import STAGING
from matching.market.tracks import merge
from tests.commands.forks import killed_at
from tests.matching.market.tapes import write_zip

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2013, 10, 8)
TICKS = """symbol,time,bid,bid_size,ask,ask_size,price,size
IBM,2013-10-08T13:30:00Z,181.02,300,181.05,200,,
IBM,2013-10-08T13:30:01Z,,,,,181.05,100
SPY,2013-10-08T13:30:01Z,,,,,165.5,10
IBM,2013-10-08T13:30:01Z,,,,,181.05,100
IBM,2013-10-08T13:30:02Z,181.06,300,181.05,200,,
"""


def run(source: Path, to: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and what was printed."""
    out, status = StringIO(), 0
    try:
        call_command("import_tape", str(source), "--to", str(to), *options, "--json", stdout=out)
    except SystemExit as ended:
        status = int(ended.code or 0)
    return status, json.loads(out.getvalue())


def told(shown: dict[str, Any], *fields: str) -> list[tuple[Any, ...]]:
    return [tuple(day[name] for name in fields) for day in shown["days"]]


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    file = tmp_path / "ticks.csv"
    file.write_text(TICKS, encoding="utf-8")
    return file


def test_a_sheet_of_several_symbols_becomes_days_and_what_is_odd_is_counted(
    ticks: Path, tmp_path: Path
) -> None:
    status, shown = run(ticks, tmp_path / "tape")

    assert status == 0
    assert told(shown, "symbol", "outcome", "rows", "duplicates", "crossed") == [
        ("IBM", "written", 4, 1, 1),
        ("SPY", "written", 1, 0, 0),
    ]
    read = plain_csv.read(tmp_path / "tape", "IBM", DAY)
    assert read.prints.price.tolist() == [1_810_500, 1_810_500]
    assert sorted(files_of(tmp_path / "tape")) == ["IBM/2013-10-08.csv", "SPY/2013-10-08.csv"]


def test_a_dry_run_writes_nothing(ticks: Path, tmp_path: Path) -> None:
    status, shown = run(ticks, tmp_path / "tape", "--dry-run")

    assert (status, shown["dry_run"]) == (0, True)
    assert told(shown, "symbol", "outcome") == [("IBM", "written"), ("SPY", "written")]
    assert not (tmp_path / "tape").exists()


def test_twice_is_once_and_a_day_that_says_otherwise_stays_unless_told(ticks: Path, tmp_path: Path) -> None:
    run(ticks, tmp_path / "tape")
    before = files_of(tmp_path / "tape")

    assert told(run(ticks, tmp_path / "tape")[1], "outcome") == [("same",), ("same",)]
    assert files_of(tmp_path / "tape") == before

    ticks.write_text(TICKS.replace("165.5,10", "165.5,11"), encoding="utf-8")
    status, shown = run(ticks, tmp_path / "tape")
    assert (status, told(shown, "outcome")) == (1, [("same",), ("differs",)])
    assert files_of(tmp_path / "tape") == before
    assert told(run(ticks, tmp_path / "tape", "--replace")[1], "outcome") == [("same",), ("written",)]
    assert files_of(tmp_path / "tape") != before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("IBM,2013-10-08T13:29:00Z,,,,,181,5", "--sort puts lines in order", id="out of order"),
        pytest.param("IBM,2013-10-08T13:31:00Z,,,,,181,-5", "size '-5' is not", id="a negative size"),
        pytest.param("IBM,2013-10-08T13:31:00Z,181.02,,,,,", "size '' is not", id="half a side"),
        pytest.param("IBM,2013-10-08T13:31:00Z,,,,,a lot,5", "price 'a lot' is not", id="no number"),
    ],
)
def test_a_day_with_a_wrong_line_is_refused_with_its_place_and_the_others_are_written(
    ticks: Path, tmp_path: Path, line: str, words: str
) -> None:
    ticks.write_text(f"{TICKS}{line}\n", encoding="utf-8")

    status, shown = run(ticks, tmp_path / "tape")

    assert (status, told(shown, "symbol", "outcome")) == (1, [("IBM", "refused"), ("SPY", "written")])
    assert words in shown["days"][0]["notes"][0]
    assert str(ticks) in shown["days"][0]["notes"][0]
    assert sorted(files_of(tmp_path / "tape")) == ["SPY/2013-10-08.csv"]


def test_lines_are_put_in_order_when_asked(ticks: Path, tmp_path: Path) -> None:
    header, *lines = TICKS.splitlines()
    ticks.write_text("\n".join([header, *reversed(lines)]), encoding="utf-8")

    assert run(ticks, tmp_path / "tape", "--sort")[0] == 0
    read = plain_csv.read(tmp_path / "tape", "IBM", DAY)
    assert (len(read.quotes.at), len(read.prints.at)) == (2, 2)


def test_parquet_says_the_same_as_csv(ticks: Path, tmp_path: Path) -> None:
    rows = [line.split(",") for line in TICKS.splitlines()]
    columns = {name: [row[place] or None for row in rows[1:]] for place, name in enumerate(rows[0])}
    at = [datetime.fromisoformat(str(text)) for text in columns["time"]]
    numbers = {
        name: pa.array([None if text is None else float(text) for text in columns[name]], pa.float64())
        for name in rows[0][2:]
    }
    table = {"symbol": columns["symbol"], "time": pa.array(at, pa.timestamp("us", tz="UTC")), **numbers}
    parquet.write_table(pa.table(table), tmp_path / "ticks.parquet")

    assert run(tmp_path / "ticks.parquet", tmp_path / "of parquet")[0] == 0
    run(ticks, tmp_path / "of csv")

    assert files_of(tmp_path / "of parquet") == files_of(tmp_path / "of csv")


def test_without_the_package_parquet_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "x.parquet").write_bytes(b"PAR1")

    with pytest.raises(CommandError, match=r"requirements-parquet\.txt"):
        run(tmp_path / "x.parquet", tmp_path / "tape")


def test_lean_s_ticks_are_the_same_tape_and_of_bars_the_trades_are(tmp_path: Path) -> None:
    opened = 34_200_000  # 09:30 in New York
    quotes = [f"{opened},1810200,300,1810500,200,P,00000000,0", f"{opened + 5},1810300,100,0,0,P,00000000,0"]
    trades = [f"{opened},1810400,5000,N,00000040,0", f"{opened + 7},1810500,100,P,00000000,0"]
    write_zip(tmp_path / "lean", "tick", "ibm", "20131008_quote", quotes)
    write_zip(tmp_path / "lean", "tick", "ibm", "20131008_trade", trades)
    bar = f"{opened},1650000,1651000,1649000,1650500,1200"
    write_zip(tmp_path / "lean", "minute", "spy", "20131008_trade", [bar])
    write_zip(tmp_path / "lean", "minute", "spy", "20131008_quote", [f"{opened},1,1,1,1,1,2,2,2,2,1"])

    status, shown = run(tmp_path / "lean", tmp_path / "tape")

    assert (status, told(shown, "symbol", "outcome")) == (0, [("IBM", "written"), ("SPY", "written")])
    assert "quotes" in shown["days"][1]["notes"][0]
    for symbol, resolution in (("IBM", "tick"), ("SPY", "minute")):
        ours = merge(plain_csv.read(tmp_path / "tape", symbol, DAY))
        theirs = merge(lean.read(tmp_path / "lean", symbol, DAY, resolution))
        for name in ("at", "kind", "price", "size", "eligible"):
            expected = getattr(theirs, name)
            if symbol == "SPY":  # whose quotes are left out
                expected = expected[theirs.kind != 1]
            assert np.array_equal(getattr(ours, name), expected), (symbol, name)


def test_killed_anywhere_the_folder_has_whole_days_and_the_next_run_goes_on(
    ticks: Path, tmp_path: Path
) -> None:
    tape, call = tmp_path / "tape", ("import_tape", str(ticks), "--to", str(tmp_path / "tape"))
    whole = tmp_path / "whole"
    run(ticks, whole)
    boundary, seen = 1, []

    while killed_at(boundary, call).was_killed:
        days = {name: text for name, text in files_of(tape).items() if not name.startswith(STAGING)}
        assert days.items() <= files_of(whole).items()
        seen.append(len(days))
        boundary += 1

    assert {0, 1, 2} == {*seen}  # nothing, the first day, and both, which nobody has been told
    assert files_of(tape) == files_of(whole)
    assert told(run(ticks, tape)[1], "outcome") == [("same",), ("same",)]
