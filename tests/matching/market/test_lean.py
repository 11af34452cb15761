from __future__ import annotations

import zipfile
from datetime import date
from typing import TYPE_CHECKING

import pytest

from matching.engine.types import SHARE, Kind
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.tape import load_day
from matching.market.times import new_york
from tests.matching.market.tapes import write_zip

if TYPE_CHECKING:
    from pathlib import Path

    from matching.engine.types import Items

DAY = date(2013, 10, 8)
MS = 1_000_000
OPEN_MS = 34_200_000  # 09:30


def states(items: Items) -> list[tuple[int, ...]]:
    columns = (items.kind, items.bid, items.bid_size, items.ask, items.ask_size, items.price, items.size)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_one_sided_rows_become_full_states(tmp_path: Path) -> None:
    rows = [
        f"{OPEN_MS},100000,3,0,0,N,1,0",
        f"{OPEN_MS},0,0,100200,5,Q,1,0",
        f"{OPEN_MS + 7},100100,2,0,0,N,1,0",
    ]
    write_zip(tmp_path, "tick", "IBM", "20131008_quote", rows)
    items = load_day(tmp_path, "IBM", DAY)
    assert states(items) == [
        (Kind.QUOTE, 100000, 3 * SHARE, 0, 0, 0, 0),
        (Kind.QUOTE, 100000, 3 * SHARE, 100200, 5 * SHARE, 0, 0),
        (Kind.QUOTE, 100100, 2 * SHARE, 100200, 5 * SHARE, 0, 0),
    ]
    opened_at = new_york(DAY, 9, 30)
    assert items.at.tolist() == [opened_at, opened_at, opened_at + 7 * MS]
    assert items.seq.tolist() == [1, 2, 3]
    assert items.eligible.tolist() == [1, 1, 1]


def test_suspicious_rows_and_indications_are_left_out(tmp_path: Path) -> None:
    quotes = [
        f"{OPEN_MS},100000,3,0,0,N,1,0",
        f"{OPEN_MS + 1},50000,9,0,0,N,1,1",  # suspicious
        f"{OPEN_MS + 2},70000,9,0,0,N,40,0",  # a trading range indication
        f"{OPEN_MS + 3},0,0,100200,5,N,800,0",  # an opening quote is a quote
    ]
    trades = [f"{OPEN_MS + 4},100200,7,N,1,0", f"{OPEN_MS + 5},999900,7,N,1,1"]
    write_zip(tmp_path, "tick", "IBM", "20131008_quote", quotes)
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", trades)
    assert states(load_day(tmp_path, "IBM", DAY)) == [
        (Kind.QUOTE, 100000, 3 * SHARE, 0, 0, 0, 0),
        (Kind.QUOTE, 100000, 3 * SHARE, 100200, 5 * SHARE, 0, 0),
        (Kind.TRADE, 100000, 3 * SHARE, 100200, 5 * SHARE, 100200, 7 * SHARE),
    ]


def test_quotes_come_before_prints_of_the_same_time_and_files_keep_their_order(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_quote", ["5,100,1,0,0,N,1,0", "5,200,2,0,0,N,1,0"])
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", ["4,90,1,N,1,0", "5,91,1,N,1,0", "5,92,1,N,1,0"])
    assert [
        (kind, bid, price) for kind, bid, _, _, _, price, _ in states(load_day(tmp_path, "IBM", DAY))
    ] == [
        (Kind.TRADE, 0, 90),
        (Kind.QUOTE, 100, 0),
        (Kind.QUOTE, 200, 0),
        (Kind.TRADE, 200, 91),
        (Kind.TRADE, 200, 92),
    ]


@pytest.mark.parametrize(
    ("condition", "eligible"),
    [
        pytest.param("1", 1, id="regular"),
        pytest.param("20000020", 1, id="sweep, trade-through exempt"),
        pytest.param("2000", 1, id="extended hours"),
        pytest.param("40", 1, id="opening print"),
        pytest.param("80", 0, id="closing print"),
        pytest.param("20000200", 0, id="derivatively priced"),
        pytest.param("20100200", 0, id="average price"),
        pytest.param("6004", 0, id="out of sequence, next day"),
        pytest.param("20040200", 0, id="stock-option trade"),
        pytest.param("4800", 0, id="sold late, out of sequence"),
        pytest.param("1000000", 0, id="official close"),
        pytest.param("4000000", 0, id="official open"),
        pytest.param("2000000", 0, id="prior reference price"),
        pytest.param("80000000", 0, id="odd lot"),
    ],
)
def test_a_prints_condition_decides_whether_it_may_fill(
    tmp_path: Path, condition: str, eligible: int
) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", [f"5,100,1,N,{condition},0"])
    assert load_day(tmp_path, "IBM", DAY).eligible.tolist() == [eligible]


def test_a_quote_bar_becomes_one_quote_at_its_end(tmp_path: Path) -> None:
    rows = [f"{OPEN_MS},1,2,3,100,7,11,12,13,110,8", f"{OPEN_MS + 60_000},,,,,0,11,12,13,120,9"]
    write_zip(tmp_path, "minute", "GOOG", "20131008_quote", rows)
    items = load_day(tmp_path, "GOOG", DAY)
    assert states(items) == [
        (Kind.QUOTE, 100, 7 * SHARE, 110, 8 * SHARE, 0, 0),
        (Kind.QUOTE, 0, 0, 120, 9 * SHARE, 0, 0),  # nobody bid in the second minute
    ]
    assert items.at.tolist() == [new_york(DAY, 9, 31), new_york(DAY, 9, 32)]


@pytest.mark.parametrize(
    ("bar", "prints"),
    [
        pytest.param(
            "100,110,95,105,40", [(100, 10), (95, 10), (110, 10), (105, 10)], id="the high is farther"
        ),
        pytest.param("100,105,80,90,40", [(100, 10), (105, 10), (80, 10), (90, 10)], id="the low is farther"),
        pytest.param(
            "100,110,90,105,40", [(100, 10), (110, 10), (90, 10), (105, 10)], id="a tie takes the low last"
        ),
        pytest.param(
            "100,110,95,105,43", [(100, 10), (95, 10), (110, 10), (105, 13)], id="the rest is the close's"
        ),
        pytest.param("100,110,95,105,3", [(105, 3)], id="prints of nothing are dropped"),
    ],
)
def test_a_trade_bar_becomes_prints_by_rule_b1(
    tmp_path: Path, bar: str, prints: list[tuple[int, int]]
) -> None:
    write_zip(tmp_path, "second", "SPY", "20131008_trade", [f"{OPEN_MS},{bar}"])
    items = load_day(tmp_path, "SPY", DAY)
    assert list(zip(items.price.tolist(), (items.size // SHARE).tolist(), strict=True)) == prints
    assert set(items.at.tolist()) == {new_york(DAY, 9, 30) + 1000 * MS}
    assert set(items.eligible.tolist()) == {1}


def test_the_finest_resolution_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "SPY", "20131008_trade", ["5,100,1,N,1,0"])
    write_zip(tmp_path, "minute", "SPY", "20131008_trade", [f"{OPEN_MS},100,110,95,105,40"])
    assert len(load_day(tmp_path, "SPY", DAY)) == 1
    assert len(load_day(tmp_path, "SPY", DAY, "minute")) == 4


@pytest.mark.parametrize(
    ("symbol", "day", "resolution", "text"),
    [
        pytest.param("XYZ", DAY, None, "XYZ has no tape in", id="unknown symbol"),
        pytest.param("IBM", date(2013, 10, 9), None, "it has 20131008 (tick)", id="unknown day"),
        pytest.param("IBM", DAY, "second", "it has 20131008 (tick)", id="unknown at this resolution"),
        pytest.param(
            "IBM", DAY, "hour", "resolution 'hour' is not one of tick, second, minute", id="bad resolution"
        ),
        pytest.param("../IBM", DAY, None, "'../IBM' is not a symbol", id="a way out of the folder"),
    ],
)
def test_what_is_missing_is_named_with_what_is_there(
    tmp_path: Path, symbol: str, day: date, resolution: str | None, text: str
) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", ["5,100,1,N,1,0"])
    with pytest.raises(TapeMissing) as caught:
        load_day(tmp_path, symbol, day, resolution)
    assert text in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TapeMissing, match="nowhere is not a folder"):
        load_day(tmp_path / "nowhere", "IBM", DAY)


def test_a_row_that_goes_back_in_time_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", ["5,100,1,N,1,0", "4,100,1,N,1,0"])
    with pytest.raises(TapeInvalid, match="line 2: the time is earlier than the line before"):
        load_day(tmp_path, "IBM", DAY)


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path, "tick", "IBM", "20131008_trade", [])
    path.write_bytes(b"not a zip")
    with pytest.raises(TapeInvalid, match=r"20131008_trade\.zip"):
        load_day(tmp_path, "IBM", DAY)


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, "tick", "IBM", "20131008_trade", [])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("another.csv", "")
    with pytest.raises(TapeInvalid, match="2 files instead of one"):
        load_day(tmp_path, "IBM", DAY)


def test_times_follow_daylight_saving(tmp_path: Path) -> None:
    for stamp in ("20130308", "20130311"):
        write_zip(tmp_path, "tick", "IBM", f"{stamp}_trade", [f"{OPEN_MS},100,1,N,1,0"])
    friday, monday = (load_day(tmp_path, "IBM", date(2013, 3, day)).at[0] for day in (8, 11))
    assert monday - friday == (3 * 24 - 1) * 3600 * 10**9
