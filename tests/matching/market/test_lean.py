from __future__ import annotations

import zipfile
from datetime import date
from typing import TYPE_CHECKING

import pytest

from matching.engine.types import SHARE, Kind
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.tape import load_day
from matching.market.times import new_york
from tests.matching.market.tapes import recorded_lean, write_map, write_zip

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
    assert load_day(tmp_path, "IBM", DAY).eligible.tolist()[0] == eligible


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
    is_print = items.kind == Kind.TRADE
    shares = (items.size[is_print] // SHARE).tolist()
    assert list(zip(items.price[is_print].tolist(), shares, strict=True)) == prints
    assert set(items.at.tolist()) == {new_york(DAY, 9, 30) + 1000 * MS}
    assert items.eligible.tolist() == is_print.astype(int).tolist()


def test_a_bar_tells_its_extremes_before_the_nearer_one(tmp_path: Path) -> None:
    bars = [f"{OPEN_MS},100,110,95,105,40", f"{OPEN_MS + 1000},9,9,9,9,40", f"{OPEN_MS + 2000},5,6,4,5,3"]
    write_zip(tmp_path, "second", "SPY", "20131008_trade", bars)
    items = load_day(tmp_path, "SPY", DAY)
    told = [row for row in states(items) if row[0] == Kind.BAR]
    assert told == [(Kind.BAR, 0, 0, 0, 0, 95, 110)]  # none of a flat bar, none where extremes have no print
    assert items.kind.tolist()[:5] == [Kind.TRADE, Kind.BAR, Kind.TRADE, Kind.TRADE, Kind.TRADE]


def auctions(items: Items) -> list[tuple[int, int, int]]:
    """Return (kind, price, shares) of the auctions."""
    rows = zip(items.kind.tolist(), items.price.tolist(), (items.size // SHARE).tolist(), strict=True)
    return [row for row in rows if row[0] > Kind.TRADE]


@pytest.mark.parametrize(
    ("trades", "expected"),
    [
        pytest.param(
            ["5,101,7,Q,4000000,0", "6,100,900,N,40,0", "7,99,1,N,1,0", "8,98,800,N,80,0"],
            [(Kind.OPENING_AUCTION, 100, 900), (Kind.CLOSING_AUCTION, 98, 800)],
            id="the listing exchange's own trades",
        ),
        pytest.param(
            ["5,101,7,N,4000000,0", "6,100,900,N,40,0", "8,98,8,N,1000000,0", "9,97,800,N,80,0"],
            [(Kind.OPENING_AUCTION, 100, 900), (Kind.CLOSING_AUCTION, 97, 800)],
            id="the trade rather than the official value",
        ),
        pytest.param(
            ["5,101,7,N,4000000,0", "6,100,9,N,4000000,0", "8,98,8,N,1000000,0"],
            [(Kind.OPENING_AUCTION, 101, 7), (Kind.CLOSING_AUCTION, 98, 8)],
            id="the first official value where nothing was traded",
        ),
        pytest.param(["5,101,7,Q,40,0", "8,98,8,P,80,0"], [], id="other exchanges' are none"),
        pytest.param(["5,101,7,N,40,1", "6,101,0,N,40,0"], [], id="suspicious, and of nothing"),
        pytest.param(["6,100,900,N,100,0"], [], id="a reopening is none"),
    ],
)
def test_official_prices_are_the_listing_exchanges(
    tmp_path: Path, trades: list[str], expected: list[tuple[int, int, int]]
) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", trades)
    write_map(tmp_path, "19980102,ibm,N", "20131007,ibm,P", "20501231,ibm,N")

    assert auctions(load_day(tmp_path, "IBM", DAY)) == expected


def test_without_a_map_any_exchanges_auction_counts(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", ["5,101,7,Q,4000000,0", "6,100,900,P,40,0"])
    assert auctions(load_day(tmp_path, "IBM", DAY)) == [(Kind.OPENING_AUCTION, 100, 900)]


def test_an_auctions_trade_is_also_a_print_and_comes_before_it(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_quote", ["6,90,3,0,0,N,1,0"])
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", ["6,100,9,N,40,0", "6,101,1,N,1,0"])
    items = load_day(tmp_path, "IBM", DAY)
    assert states(items) == [
        (Kind.QUOTE, 90, 3 * SHARE, 0, 0, 0, 0),
        (Kind.TRADE, 90, 3 * SHARE, 0, 0, 100, 9 * SHARE),
        (Kind.TRADE, 90, 3 * SHARE, 0, 0, 101, SHARE),
        (Kind.OPENING_AUCTION, 90, 3 * SHARE, 0, 0, 100, 9 * SHARE),
    ]
    assert items.eligible.tolist() == [1, 1, 1, 0]


def test_a_map_that_is_no_text_is_refused(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "IBM", "20131008_trade", ["5,100,1,N,1,0"])
    write_map(tmp_path).write_bytes(b"\xff\xfe")
    with pytest.raises(TapeInvalid, match=r"ibm\.csv"):
        load_day(tmp_path, "IBM", DAY)


# The open and close that LEAN's own daily bars have of these days; IBM's open of the 8th is another
# exchange's official value there, so it is left out.
@pytest.mark.parametrize(
    ("symbol", "day", "opened", "closed"),
    [
        ("BAC", 8, (138200, 970_078), (136900, 2_631_493)),
        ("IBM", 7, (1820000, 138_862), (1820100, 151_665)),
        ("IBM", 9, (1795200, 74_329), (1813200, 170_650)),
    ],
)
def test_recorded_official_prices_are_those_of_the_daily_bars(
    symbol: str, day: int, opened: tuple[int, int], closed: tuple[int, int]
) -> None:
    items = load_day(recorded_lean(), symbol, date(2013, 10, day))
    assert auctions(items) == [(Kind.OPENING_AUCTION, *opened), (Kind.CLOSING_AUCTION, *closed)]


def test_the_finest_resolution_is_taken_unless_one_is_named(tmp_path: Path) -> None:
    write_zip(tmp_path, "tick", "SPY", "20131008_trade", ["5,100,1,N,1,0"])
    write_zip(tmp_path, "minute", "SPY", "20131008_trade", [f"{OPEN_MS},100,110,95,105,40"])
    assert len(load_day(tmp_path, "SPY", DAY)) == 1
    assert len(load_day(tmp_path, "SPY", DAY, "minute")) == 5


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
