from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec
import pytest

from matching.engine.types import Chunk, Kind, Quote, Session, SessionChange, Trade
from matching.market import keys, latest
from matching.market.batch import items_of
from matching.market.latest import Latest, LatestBook, LatestReader
from matching.market.valkey import connect

if TYPE_CHECKING:
    from pathlib import Path

    import redis

QUOTE = Quote(seq=7, at=8, bid=100, bid_size=1, ask=101, ask_size=2)
TRADE = Trade(seq=9, at=10, price=100, size=3)


def session(name: Session, seq: int) -> Chunk:
    return Chunk(seq=seq, at=seq, session=SessionChange(seq=seq, at=seq, session=name))


def items(*rows: tuple[int, ...]) -> Chunk:
    return Chunk(seq=rows[-1][0], at=rows[-1][1], items={"IBM": items_of(rows)})


def quote_row(seq: int, bid: int) -> tuple[int, ...]:
    return (seq, seq, Kind.QUOTE, bid, 1, bid + 1, 2, 0, 0, 1)


def print_row(seq: int, price: int, eligible: int = 1) -> tuple[int, ...]:
    return (seq, seq, Kind.TRADE, 1, 1, 2, 2, price, 3, eligible)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Latest(), id="nothing"),
        pytest.param(Latest(quote=QUOTE), id="a quote"),
        pytest.param(Latest(trade=TRADE, previous_close=99), id="a print"),
        pytest.param(Latest(quote=QUOTE, trade=TRADE, previous_close=99, is_halted=True), id="all"),
    ],
)
def test_latest_values_arrive_as_they_were_sent(value: Latest) -> None:
    assert latest.decode(latest.encode(value)) == value


def test_a_value_of_an_older_hub_is_read_as_not_halted() -> None:
    assert latest.decode(msgspec.msgpack.encode((None, (9, 10, 100, 3), 99))) == Latest(
        trade=TRADE, previous_close=99
    )


def test_the_book_knows_which_symbol_is_halted_until_it_resumes() -> None:
    halt, resume = ((seq, seq, kind, 0, 0, 0, 0, 0, 0, 0) for seq, kind in ((2, Kind.HALT), (4, Kind.RESUME)))
    book = LatestBook()

    book.apply(items(quote_row(1, 100), halt))
    during = book.symbols["IBM"]
    book.apply(items(quote_row(3, 101)))
    still = book.symbols["IBM"]
    book.apply(items(resume))

    assert [during.is_halted, still.is_halted, book.symbols["IBM"].is_halted] == [True, True, False]


def test_the_book_keeps_the_last_quote_and_the_last_eligible_print() -> None:
    book = LatestBook()
    book.apply(items(quote_row(1, 100), print_row(2, 101), quote_row(3, 110), print_row(4, 999, eligible=0)))
    assert book.symbols == {
        "IBM": Latest(
            quote=Quote(seq=3, at=3, bid=110, bid_size=1, ask=111, ask_size=2),
            trade=Trade(seq=2, at=2, price=101, size=3),
        )
    }


def test_what_a_chunk_does_not_tell_stays() -> None:
    book = LatestBook()
    book.apply(items(quote_row(1, 100), print_row(2, 101)))
    assert book.apply(items(print_row(3, 102))) == ["IBM"]
    known = book.symbols["IBM"]
    assert known.quote is not None
    assert known.trade is not None
    assert (known.quote.bid, known.trade.price) == (100, 102)


def test_the_last_price_of_a_day_is_the_next_days_previous_close() -> None:
    book = LatestBook()
    changes = [Session.PRE, Session.REGULAR, Session.POST, Session.CLOSED]
    book.apply(session(changes[0], 1))
    book.apply(items(print_row(2, 101)))
    for seq, name in enumerate(changes[1:], start=3):
        assert book.apply(session(name, seq)) == []
    assert book.symbols["IBM"].previous_close == 0
    assert book.apply(session(Session.PRE, 9)) == ["IBM"]
    assert book.symbols["IBM"].previous_close == 101


def test_readers_get_many_symbols_at_once_and_nothing_for_unknown_ones(valkey: redis.Redis) -> None:
    known = Latest(quote=QUOTE, trade=TRADE)
    valkey.hset(keys.latest(3), mapping={"IBM": latest.encode(known), "BAC": latest.encode(Latest())})
    reader = LatestReader(valkey)
    assert reader.many(3, ["IBM", "XYZ", "BAC"]) == {"IBM": known, "BAC": Latest()}
    assert reader.many(4, ["IBM"]) == reader.many(3, []) == {}


def test_without_valkey_everything_is_unknown_and_that_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = LatestReader(connect(f"unix://{tmp_path}/nowhere.sock", timeout=0.2))
    with caplog.at_level(logging.WARNING):
        assert [reader.many(1, ["IBM"]) for _ in range(3)] == [{}, {}, {}]
    assert [record.message.split(" (")[0] for record in caplog.records] == ["Valkey does not answer"]
