from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from matching.engine.types import SHARE, Kind
from matching.market.errors import TapeInvalid, TapeMissing
from matching.market.plain_csv import BAR_HEADER, HEADER
from matching.market.tape import load_day, symbols_in, symbols_on
from matching.market.times import parse_rfc3339

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2013, 10, 8)
QUOTE = "2013-10-08T13:30:00.000000001Z,quote,181.02,300,181.05,0.5,,,"


def write(folder: Path, *lines: str, symbol: str = "IBM", header: str = ",".join(HEADER)) -> Path:
    path = folder / symbol / "2013-10-08.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def test_quotes_and_prints_are_read_exactly(tmp_path: Path) -> None:
    write(
        tmp_path,
        QUOTE,
        "2013-10-08T09:30:00.25-04:00,trade,,,,,181.0501,0.000000001,regular sweep",
        "2013-10-08T13:30:01Z,quote,,,181.06,100,,,",
        "2013-10-08T13:30:01Z,trade,,,,,181,7,odd_lot",
    )
    items = load_day(tmp_path, "IBM", DAY)
    assert items.at.tolist() == [
        parse_rfc3339(text)
        for text in (
            "2013-10-08T13:30:00.000000001Z",
            "2013-10-08T13:30:00.25Z",
            "2013-10-08T13:30:01Z",
            "2013-10-08T13:30:01Z",
        )
    ]
    assert items.kind.tolist() == [Kind.QUOTE, Kind.TRADE, Kind.QUOTE, Kind.TRADE]
    assert items.bid.tolist() == [1810200, 1810200, 0, 0]
    assert items.bid_size.tolist() == [300 * SHARE, 300 * SHARE, 0, 0]
    assert items.ask.tolist() == [1810500, 1810500, 1810600, 1810600]
    assert items.ask_size.tolist() == [SHARE // 2, SHARE // 2, 100 * SHARE, 100 * SHARE]
    assert items.price.tolist() == [0, 1810501, 0, 1810000]
    assert items.size.tolist() == [0, 1, 0, 7 * SHARE]
    assert items.eligible.tolist() == [1, 1, 1, 0]


def test_auctions_halts_and_their_ends_are_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        QUOTE,
        "2013-10-08T13:30:01Z,trade,,,,,181.03,900,opening",
        "2013-10-08T13:30:01Z,auction,,,,,181.03,900,opening",
        "2013-10-08T14:00:00Z,halt,,,,,,,",
        "2013-10-08T14:05:00Z,resume,,,,,,,",
        "2013-10-08T20:00:00Z,auction,,,,,181.2,0.5,closing",
    )
    items = load_day(tmp_path, "IBM", DAY)
    assert items.kind.tolist() == [
        Kind.QUOTE,
        Kind.TRADE,
        Kind.OPENING_AUCTION,
        Kind.HALT,
        Kind.RESUME,
        Kind.CLOSING_AUCTION,
    ]
    assert items.price.tolist() == [0, 1810300, 1810300, 0, 0, 1812000]
    assert items.size.tolist() == [0, 900 * SHARE, 900 * SHARE, 0, 0, SHARE // 2]
    assert items.bid.tolist() == [1810200] * 6
    assert items.eligible.tolist() == [1, 1, 0, 0, 0, 0]


def test_bars_become_prints_by_rule_b1(tmp_path: Path) -> None:
    bars = ("2013-10-08T13:31:00Z,100,110,95,105,43", "2013-10-08T13:32:00Z,105,105,105,105,0")
    write(tmp_path, *bars, header=",".join(BAR_HEADER))
    items = load_day(tmp_path, "IBM", DAY)
    assert items.price.tolist() == [1000000, 950000, 950000, 1100000, 1050000]
    assert items.size.tolist() == [SHARE * 43 // 4, 1100000, *[SHARE * 43 // 4] * 3]
    assert set(items.at.tolist()) == {parse_rfc3339("2013-10-08T13:31:00Z")}
    assert items.kind.tolist() == [Kind.TRADE, Kind.BAR, Kind.TRADE, Kind.TRADE, Kind.TRADE]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param("2013-10-08T13:31:00Z,100,99,95,98,4", "is not between 95 and 99", id="open too high"),
        pytest.param("2013-10-08T13:31:00Z,100,101,95,94,4", "is not between 95 and 101", id="close too low"),
        pytest.param("2013-10-08T13:31:00Z,100,101,95,100,", "volume ''", id="no volume"),
        pytest.param("2013-10-08T13:31:00Z,0,101,95,100,4", "price '0' is not positive", id="no price"),
        pytest.param("2013-10-08T13:31:00Z,100,101,95,100", "5 fields instead of 6", id="fields"),
    ],
)
def test_a_bad_bar_is_named_with_its_file(tmp_path: Path, line: str, text: str) -> None:
    path = write(tmp_path, line, header=",".join(BAR_HEADER))
    with pytest.raises(TapeInvalid) as caught:
        load_day(tmp_path, "IBM", DAY)
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param("2013-10-08T13:30:01Z,halt,,,,,1,1,", "a halt has no price", id="a halt with a price"),
        pytest.param("2013-10-08T13:30:01Z,halt,,,,,,,late", "a halt has no conditions", id="a halt's word"),
        pytest.param(
            "2013-10-08T13:30:01Z,auction,,,,,1,1,", "an auction is opening or closing, not ''", id="which"
        ),
        pytest.param(
            "2013-10-08T13:30:01Z,auction,,,,,,,opening", "price ''", id="an auction without a price"
        ),
        pytest.param("2013-10-08T13:30:01Z,quote,1,1", "4 fields instead of 9", id="fields"),
        pytest.param("2013-10-08,quote,1,1,2,1,,,", "'2013-10-08' is not an RFC 3339 instant", id="time"),
        pytest.param("2013-10-08T13:29:00Z,quote,1,1,2,1,,,", "earlier than the line before", id="order"),
        pytest.param("2013-10-09T13:30:00Z,quote,1,1,2,1,,,", "not on the file's day", id="another day"),
        pytest.param(
            "2013-10-08T13:30:01Z,bar,1,1,2,1,,,", "kind 'bar' is none of quote, trade, auction", id="kind"
        ),
        pytest.param("2013-10-08T13:30:01Z,quote,1.00001,1,2,1,,,", "price '1.00001'", id="five decimals"),
        pytest.param("2013-10-08T13:30:01Z,quote,-1,1,2,1,,,", "price '-1'", id="negative"),
        pytest.param("2013-10-08T13:30:01Z,quote,nan,1,2,1,,,", "price 'nan'", id="not a number"),
        pytest.param("2013-10-08T13:30:01Z,quote,1e3,1,2,1,,,", "price '1e3'", id="exponent"),
        pytest.param("2013-10-08T13:30:01Z,quote,1,,2,1,,,", "size ''", id="a price without a size"),
        pytest.param(
            "2013-10-08T13:30:01Z,quote,1,0,2,1,,,", "size '0' is not positive", id="a size of nothing"
        ),
        pytest.param(
            "2013-10-08T13:30:01Z,quote,1,1,2,1,5,,", "a quote has no price", id="a quote with a price"
        ),
        pytest.param("2013-10-08T13:30:01Z,trade,,,,,,1,", "price ''", id="a print without a price"),
        pytest.param("2013-10-08T13:30:01Z,trade,,,,,1,1,weird", "condition 'weird'", id="condition"),
    ],
)
def test_a_bad_line_is_named_with_its_file(tmp_path: Path, line: str, text: str) -> None:
    path = write(tmp_path, QUOTE, line)
    with pytest.raises(TapeInvalid) as caught:
        load_day(tmp_path, "IBM", DAY)
    assert str(caught.value).startswith(f"{path}, line 3: ")
    assert text in str(caught.value)


def test_another_header_is_refused(tmp_path: Path) -> None:
    write(tmp_path, header="time,price")
    with pytest.raises(TapeInvalid, match="line 1: the header is not time,kind"):
        load_day(tmp_path, "IBM", DAY)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    write(tmp_path, QUOTE).write_bytes(",".join(HEADER).encode() + b"\n\xff\xfe\n")
    with pytest.raises(TapeInvalid, match=r"2013-10-08\.csv"):
        load_day(tmp_path, "IBM", DAY)


def test_a_day_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    write(tmp_path, QUOTE)
    with pytest.raises(TapeMissing, match=r"IBM has no tape of 2013-10-09 .* it has 2013-10-08"):
        load_day(tmp_path, "IBM", date(2013, 10, 9))
    with pytest.raises(TapeMissing, match=r"XYZ has no tape .* has IBM"):
        load_day(tmp_path, "XYZ", DAY)


def test_symbols_are_found_by_their_folders(tmp_path: Path) -> None:
    write(tmp_path, QUOTE)
    write(tmp_path, QUOTE, symbol="BRK.B")
    (tmp_path / "NOTES").mkdir()
    assert symbols_in(tmp_path) == ["BRK.B", "IBM"]
    assert symbols_on(tmp_path, [DAY]) == ["BRK.B", "IBM"]
    assert symbols_on(tmp_path, [DAY, date(2013, 10, 9)]) == []
