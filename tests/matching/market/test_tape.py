from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from matching.engine.types import SHARE, Kind, Session
from matching.market.calendar import Day, changes_of
from matching.market.errors import DateInvalid, TapeMissing
from matching.market.sessions import always_open_sessions
from matching.market.tape import TapeFeed, load_day, parse_dates
from matching.market.times import new_york, rfc3339
from tests.matching.market.tapes import naive_ticks, recorded_lean, write_zip

if TYPE_CHECKING:
    from pathlib import Path

    from matching.engine.types import Chunk
    from matching.market.calendar import Calendar

DAY = date(2013, 10, 8)
OPEN_MS = 34_200_000
SESSION_DAYS = [
    *always_open_sessions(date(2026, 3, 7), date(2026, 3, 9)),
    Day(
        date=date(2026, 3, 10),
        session_open=new_york(date(2026, 3, 10), 4),
        open=new_york(date(2026, 3, 10), 9, 30),
        close=new_york(date(2026, 3, 10), 16),
        session_close=new_york(date(2026, 3, 10), 20),
        settlement_date=date(2026, 3, 11),
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two symbols whose rows meet at the open, in one millisecond."""
    for symbol, price in (("IBM", 1800), ("BAC", 140)):
        quotes = [f"{OPEN_MS - 5},{price},1,0,0,N,1,0", f"{OPEN_MS},0,0,{price + 9},1,N,1,0"]
        write_zip(tmp_path, "tick", symbol, "20131008_quote", quotes)
        write_zip(tmp_path, "tick", symbol, "20131008_trade", [f"{OPEN_MS},{price + 5},1,N,1,0"])
    return tmp_path


def rows(chunks: list[Chunk]) -> list[tuple[int, int, str, int]]:
    """Return what a tape tells, in its order: (seq, at, symbol or session, kind)."""
    told = []
    for chunk in chunks:
        if chunk.session is not None:
            told.append((chunk.session.seq, chunk.session.at, chunk.session.session.value, 0))
        for symbol, items in chunk.items.items():
            told += zip(
                items.seq.tolist(), items.at.tolist(), [symbol] * len(items), items.kind.tolist(), strict=True
            )
    return sorted(told)


def read_all(tape: TapeFeed, *, limit: int, until: int | None = None, after: int = 0) -> list[Chunk]:
    chunks = []
    while (chunk := tape.read(after, tape.ends_at if until is None else until, limit)) is not None:
        chunks.append(chunk)
        after = chunk.seq
    return chunks


def test_a_market_is_ordered_by_time_then_sessions_quotes_prints_then_symbol(
    folder: Path, xnys: Calendar
) -> None:
    tape = TapeFeed.open(folder, [DAY], ["IBM", "BAC"], xnys)
    assert [(name, kind) for _, _, name, kind in rows(read_all(tape, limit=100))] == [
        ("pre", 0),
        ("BAC", 1),
        ("IBM", 1),
        ("regular", 0),
        ("BAC", 1),
        ("IBM", 1),
        ("BAC", 2),
        ("IBM", 2),
        ("post", 0),
        ("closed", 0),
    ]
    assert [seq for seq, *_ in rows(read_all(tape, limit=100))] == list(range(1, 11))
    assert tape.last_seq == 10
    assert (rfc3339(tape.starts_at), rfc3339(tape.ends_at)) == (
        "2013-10-08T08:00:00Z",
        "2013-10-09T00:00:00Z",
    )


def test_a_chunk_has_one_session_change_at_most_and_it_comes_first(folder: Path, xnys: Calendar) -> None:
    tape = TapeFeed.open(folder, [DAY], ["IBM"], xnys)
    chunks = read_all(tape, limit=100)
    assert [(chunk.session.session if chunk.session else None, chunk.seq) for chunk in chunks] == [
        (Session.PRE, 2),
        (Session.REGULAR, 5),
        (Session.POST, 6),
        (Session.CLOSED, 7),
    ]
    assert [chunk.session.ends_at for chunk in chunks if chunk.session] == [
        new_york(DAY, 9, 30),
        new_york(DAY, 16),
        new_york(DAY, 20),
        new_york(date(2013, 10, 9), 4),
    ]


def test_a_chunk_tells_how_far_the_market_is_known_to_have_come(folder: Path, xnys: Calendar) -> None:
    tape = TapeFeed.open(folder, [DAY], ["IBM"], xnys)
    eight = new_york(DAY, 8)
    first = tape.read(0, eight, 100)
    assert first is not None
    assert (first.seq, first.at) == (1, eight)
    assert tape.read(1, eight, 100) is None
    nearly = new_york(DAY, 9, 30) - 1
    second = tape.read(1, nearly, 100)
    assert second is not None
    assert (second.seq, second.at) == (2, nearly)
    third = tape.read(2, tape.ends_at, 1)
    assert third is not None
    assert (third.seq, third.at) == (3, new_york(DAY, 9, 30))


def test_before_its_start_a_tape_has_nothing(folder: Path, xnys: Calendar) -> None:
    tape = TapeFeed.open(folder, [DAY], ["IBM"], xnys)
    assert tape.read(0, tape.starts_at - 1, 100) is None
    assert tape.next_at(0) == tape.starts_at
    assert tape.next_at(tape.last_seq) is None


@given(limit=st.integers(1, 12), stops=st.lists(st.integers(0, 16 * 3600), max_size=5))
def test_a_tape_is_the_same_however_it_is_read(limit: int, stops: list[int]) -> None:
    changes = list(changes_of(SESSION_DAYS))
    tape = TapeFeed([], changes)
    told: list[Chunk] = []
    after = 0
    for until in [tape.starts_at + seconds * 10**9 for seconds in sorted(stops)] + [tape.ends_at]:
        chunks = read_all(tape, limit=limit, until=until, after=after)
        assert all(chunk.at <= until for chunk in chunks)
        assert not chunks or chunks[-1].at == until
        after = chunks[-1].seq if chunks else after
        told += chunks
    assert rows(told) == rows(read_all(tape, limit=1000))


def test_a_shard_sees_the_numbers_of_the_whole_market(folder: Path, xnys: Calendar) -> None:
    whole = TapeFeed.open(folder, [DAY], ["IBM", "BAC"], xnys)
    part = TapeFeed.open(folder, [DAY], ["IBM", "BAC"], xnys, only=["IBM"])
    mine = [row for row in rows(read_all(whole, limit=100)) if row[2] != "BAC"]
    assert rows(read_all(part, limit=3)) == mine
    assert part.last_seq == whole.last_seq


def test_days_follow_one_another(folder: Path, xnys: Calendar) -> None:
    write_zip(folder, "tick", "IBM", "20131010_trade", [f"{OPEN_MS},1900,1,N,1,0"])
    write_zip(folder, "tick", "IBM", "20131010_quote", [f"{OPEN_MS + 9},0,0,1950,1,N,1,0"])
    tape = TapeFeed.open(folder, [date(2013, 10, 10), DAY], ["IBM"], xnys)
    told = rows(read_all(tape, limit=100))
    assert [name for _, _, name, _ in told] == [
        *("pre", "IBM", "regular", "IBM", "IBM", "post", "closed"),
        *("pre", "IBM", "regular", "IBM", "IBM", "post", "closed"),
    ]
    closed = next(chunk.session for chunk in read_all(tape, limit=100) if chunk.session and chunk.seq == 7)
    assert closed.ends_at == new_york(date(2013, 10, 10), 4)
    last = read_all(tape, limit=100)[-3]
    # What stood on the first night is gone by the morning, before the second day's first quote.
    assert last.items["IBM"].bid.tolist() == [0, 0]
    assert last.items["IBM"].ask.tolist() == [0, 1950]


def test_an_early_close_moves_the_sessions(tmp_path: Path, xnys: Calendar) -> None:
    day = date(2015, 12, 24)
    write_zip(tmp_path, "minute", "GOOG", "20151224_trade", [f"{OPEN_MS},1,1,1,1,4"])
    tape = TapeFeed.open(tmp_path, [day], ["GOOG"], xnys)
    changes = [chunk.session for chunk in read_all(tape, limit=100) if chunk.session]
    assert [(change.session, change.at) for change in changes] == [
        (Session.PRE, new_york(day, 4)),
        (Session.REGULAR, new_york(day, 9, 30)),
        (Session.POST, new_york(day, 13)),
        (Session.CLOSED, new_york(day, 17)),
    ]
    assert changes[-1].ends_at == new_york(date(2015, 12, 28), 4)


def auctions(tape: TapeFeed) -> list[tuple[str, int, int, int]]:
    """Return (instant, kind, price, shares) of the auctions."""
    return [
        (rfc3339(at), kind, price, size // SHARE)
        for chunk in read_all(tape, limit=1_000)
        for items in chunk.items.values()
        for at, kind, price, size in zip(
            *(column.tolist() for column in (items.at, items.kind, items.price, items.size)), strict=True
        )
        if kind in (Kind.OPENING_AUCTION, Kind.CLOSING_AUCTION)
    ]


def test_a_day_of_bars_has_its_first_open_and_its_last_close_as_auctions(
    tmp_path: Path, xnys: Calendar
) -> None:
    minute = 60_000
    bars = [
        f"{OPEN_MS - minute},90,90,90,90,40",  # complete at the open: the market was not open yet
        f"{OPEN_MS},100,110,95,105,40",
        f"{OPEN_MS + 5 * minute},101,111,96,106,44",
        f"{OPEN_MS + 390 * minute},80,80,80,80,40",  # after the close
    ]
    write_zip(tmp_path, "minute", "SPY", "20131008_trade", bars)
    tape = TapeFeed.open(tmp_path, [DAY], ["SPY"], xnys)

    assert auctions(tape) == [
        ("2013-10-08T13:31:00Z", Kind.OPENING_AUCTION, 100, 10),
        ("2013-10-08T20:00:00Z", Kind.CLOSING_AUCTION, 106, 11),
    ]


def test_an_early_close_moves_the_closing_auction_of_bars(tmp_path: Path, xnys: Calendar) -> None:
    minute = 60_000
    bars = [
        f"{OPEN_MS},1,1,1,1,4",
        f"{OPEN_MS + 209 * minute},2,2,2,2,4",
        f"{OPEN_MS + 210 * minute},3,3,3,3,4",
    ]
    write_zip(tmp_path, "minute", "GOOG", "20151224_trade", bars)
    tape = TapeFeed.open(tmp_path, [date(2015, 12, 24)], ["GOOG"], xnys)

    assert auctions(tape)[1] == ("2015-12-24T18:00:00Z", Kind.CLOSING_AUCTION, 2, 1)  # 13:00 in New York


def test_a_day_whose_bars_are_all_outside_the_session_has_no_auction(tmp_path: Path, xnys: Calendar) -> None:
    write_zip(tmp_path, "minute", "SPY", "20131008_trade", [f"{OPEN_MS - 60_000},90,90,90,90,40"])
    assert auctions(TapeFeed.open(tmp_path, [DAY], ["SPY"], xnys)) == []


def test_a_tape_knows_which_symbols_it_never_prints(folder: Path, xnys: Calendar) -> None:
    write_zip(folder, "tick", "SPY", "20131008_quote", [f"{OPEN_MS},0,0,9,1,N,1,0"])
    write_zip(folder, "tick", "ODD", "20131008_trade", [f"{OPEN_MS},9,1,N,80000000,0"])  # an odd lot
    tape = TapeFeed.open(folder, [DAY], ["BAC", "IBM", "ODD", "SPY"], xnys, only=["IBM"])
    assert tape.without_prints == {"SPY", "ODD"}


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2013-10-08", (8,)),
        ("2013-10-10, 2013-10-07", (7, 10)),
        ("2013-10-04..2013-10-08", (4, 7, 8)),
        ("2013-10-07..2013-10-08,2013-10-08", (7, 8)),
    ],
)
def test_dates_are_days_lists_and_ranges(text: str, days: tuple[int, ...], xnys: Calendar) -> None:
    assert parse_dates(text, xnys) == tuple(date(2013, 10, day) for day in days)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2013-10-12", "2013-10-12..2013-10-13", "2013-10-08..2013-10-07"]
)
def test_other_dates_are_refused(text: str, xnys: Calendar) -> None:
    with pytest.raises(DateInvalid):
        parse_dates(text, xnys)


def test_a_tape_of_nothing_is_refused(folder: Path, xnys: Calendar) -> None:
    with pytest.raises(TapeMissing, match=r"no symbols were named; .* has BAC, IBM"):
        TapeFeed.open(folder, [DAY], [], xnys)
    with pytest.raises(DateInvalid, match="2013-10-12 is not a trading day"):
        TapeFeed.open(folder, [date(2013, 10, 12)], ["IBM"], xnys)


def test_a_recorded_day_equals_a_naive_reading() -> None:
    folder = recorded_lean()
    items = load_day(folder, "IBM", DAY)
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
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == naive_ticks(folder, "IBM", DAY)


def test_the_recorded_ibm_day_is_what_it_was() -> None:
    items = load_day(recorded_lean(), "IBM", DAY)
    prints = items.eligible[items.kind == 2]
    assert (int((items.kind == 1).sum()), len(prints), int((prints == 0).sum())) == (125_749, 33_381, 75)


def test_recorded_resolutions_meet_in_one_market(xnys: Calendar) -> None:
    tape = TapeFeed.open(recorded_lean(), [DAY], ["IBM", "SPY"], xnys)
    told = rows(read_all(tape, limit=10_000))
    assert [seq for seq, *_ in told] == list(range(1, tape.last_seq + 1))
    order = [(at, Kind.TRADE if kind == Kind.BAR else kind, name) for _, at, name, kind in told]
    assert order == sorted(order)
