"""The pasts of a recorded day, of a synthetic market and of a live one, each compared with where it comes from."""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any, cast

import numpy as np
import pytest
from django.db import OperationalError, ProgrammingError, connection

from matching.engine.types import Chunk, Kind
from matching.market import keys, lean_daily
from matching.market.batch import concatenate, items_of
from matching.market.calendar import Calendar
from matching.market.candles import MINUTE, append
from matching.market.feeds import TapeConfig
from matching.market.recorded_history import RecordedHistory
from matching.market.recorder import Recorder, RecordingPublisher
from matching.market.sessions import always_open_sessions
from matching.market.sources import LiveWriter, SyntheticSource
from matching.market.synthetic import SyntheticMarket
from matching.market.synthetic_history import SyntheticHistory
from matching.market.tape_history import TapeHistory
from matching.market.times import SECOND, new_york, to_datetime
from matching.models import RecordedMinute
from raxx import roles
from tests.factories.rows import make_market
from tests.matching.market.tapes import recorded_lean
from trading.marketdata.adjustment import Adjustment

JUNE_6, JUNE_9 = date(2014, 6, 6), date(2014, 6, 9)


def weekdays(first, last):
    """Return New York's plain days between two dates, as no holiday lies among those of the tests."""
    from matching.market.calendar import Day

    found = []
    for number in range(first.toordinal(), last.toordinal() + 1):
        on = date.fromordinal(number)
        if on.weekday() < 5:
            hours = (new_york(on, 4), new_york(on, 9, 30), new_york(on, 16), new_york(on, 20))
            names = ("session_open", "open", "close", "session_close")
            found.append(Day(date=on, settlement_date=on, **dict(zip(names, hours, strict=True))))
    return Calendar(found)


def lines_of(path):
    with zipfile.ZipFile(path) as archive:
        return [line.split(",") for line in archive.read(archive.namelist()[0]).decode().split("\n") if line]


@pytest.fixture(scope="module")
def aapl():
    """Return the recorded minutes of AAPL over its split, seven for one, and the folder."""
    folder = recorded_lean()
    config = TapeConfig(folder=str(folder), dates=(JUNE_6, JUNE_9), symbols=("AAPL",))
    return TapeHistory(config, weekdays(date(2014, 5, 1), date(2014, 7, 1))), folder


def test_recorded_minute_bars_are_told_as_they_were_recorded(aapl):
    history, folder = aapl
    raw = lines_of(folder / "equity/usa/minute/aapl/20140606_trade.zip")
    expected = [
        (new_york(JUNE_6) + int(ms) * 1_000_000, *map(int, prices), float(volume))
        for ms, *prices, volume in raw
        if int(volume) >= 4  # the prints of fewer shares are not enough for four prices
    ]

    bars = append(
        [piece.rows for piece in history.minutes("AAPL", new_york(JUNE_6), new_york(JUNE_6, 24) - 1)]
    )

    columns = (bars.at, bars.open, bars.high, bars.low, bars.close, bars.volume)
    found = list(zip(*(column.tolist() for column in columns), strict=True))
    assert len(found) == len(raw)
    assert set(expected) <= set(found)


def test_a_split_is_taken_back_once_it_has_happened(aapl):
    history, _ = aapl
    factors, adjustment = history.factors("AAPL"), Adjustment.of("split")
    [friday] = [
        piece.rows for piece in history.days("AAPL", JUNE_6, JUNE_6, new_york(JUNE_9, 20)) if len(piece.rows)
    ]

    before, after = (adjustment.apply(friday, factors, today) for today in (JUNE_6, JUNE_9))

    assert before.close.tolist() == friday.close.tolist()
    assert after.close.tolist() == [round(friday.close[0] / 7)]
    assert after.volume[0] == pytest.approx(7 * friday.volume[0], rel=1e-6)
    assert after.turnover[0] == pytest.approx(friday.turnover[0])
    assert 0.9 < after.close[0] / 937_000 < 1.1


def test_dividends_are_taken_back_as_they_happen(aapl):
    factors = aapl[0].factors("AAPL")

    assert factors.dividend(date(2014, 8, 6), date(2014, 8, 6)) == 1
    assert factors.dividend(date(2014, 8, 6), date(2014, 8, 7)) == pytest.approx(0.9011818 / 0.9056639)
    assert Adjustment.of("all") == Adjustment(splits=True, dividends=True)


def test_the_daily_file_is_told_up_to_the_tape_and_no_further(aapl):
    history, folder = aapl
    raw = lines_of(folder / "equity/usa/daily/aapl.zip")

    pieces = history.days("AAPL", date(2014, 6, 2), date(2014, 6, 30), new_york(JUNE_6, 9, 0))
    bars = append([piece.rows for piece in pieces])

    june = [int(row[4]) for row in raw if "20140602" <= row[0][:8] < "20140606"]
    assert bars.close.tolist() == june
    assert to_datetime(int(bars.at[-1])) == datetime(2014, 6, 5, 4, tzinfo=UTC)


def test_files_that_cannot_be_read_tell_nothing(tmp_path):
    for folder, name in (("daily", "x.zip"), ("factor_files", "x.csv")):
        path = tmp_path / "equity" / "usa" / folder / name
        path.parent.mkdir(parents=True)
        path.write_text("not,what,it should be\n")

    assert len(lean_daily.read(tmp_path, "X")) == 0
    assert lean_daily.read_factors(tmp_path, "X") == lean_daily.Factors()
    assert len(lean_daily.read(tmp_path, "Y")) == 0


class Listener(LiveWriter):
    """Notes down what a source publishes: (at, kind, price, size) and a quote's sides, by symbol."""

    def __init__(self, market, at):
        self.told: dict[str, list[Any]] = {name: [] for name in market.symbols}
        self._halted = {name for name in market.symbols if market.step(name, at * 4 // SECOND - 1).is_halted}

    def tell_sessions(self, *_):
        """Say nothing: auctions are told apart."""

    def halted(self):
        return set(self._halted)

    def publish(self, updates, _wall):
        for one in updates:
            sides = (one.bid, one.bid_size, one.ask, one.ask_size) if one.kind is Kind.QUOTE else (0, 0, 0, 0)
            self.told[one.symbol].append((one.at, int(one.kind), one.price, one.size, *sides))
            if one.kind in (Kind.HALT, Kind.RESUME):
                self._halted ^= {one.symbol}


@pytest.mark.parametrize("odds", [0, 1], ids=["never halted", "often halted"])
def test_a_synthetic_past_is_what_the_hub_published(odds):
    market = SyntheticMarket(7, ("AAPL", "IBM", "ODD"), halt_odds=odds)
    history = SyntheticHistory(market, Calendar(()))
    first, last = 1_700_000_000 * SECOND, 1_700_004_200 * SECOND  # more than a stretch of halts
    listener = Listener(market, first)
    source = SyntheticSource(listener, market, wall_ns=first)
    for wall in range(first + SECOND, last + 1, SECOND):
        source.pump(cast("Any", None), wall)

    for name, told in listener.told.items():
        items = concatenate([piece.rows for piece in history.ticks(name, first + 1, last)])
        is_quote = items.kind == Kind.QUOTE
        sides = (items.bid, items.bid_size, items.ask, items.ask_size)
        columns = (
            items.at,
            items.kind,
            items.price,
            items.size,
            *(np.where(is_quote, side, 0) for side in sides),
        )
        assert list(zip(*(column.tolist() for column in columns), strict=True)) == told
        assert (Kind.HALT in {row[1] for row in told}) == bool(odds)


def test_a_synthetic_past_has_the_same_bars_in_parts_and_whole():
    market = SyntheticMarket(1, ("AAPL",))
    history = SyntheticHistory(market, Calendar(always_open_sessions(date(2026, 1, 1), date(2026, 1, 3))))
    first, last = new_york(date(2026, 1, 2)), new_york(date(2026, 1, 2), 24) - MINUTE

    parts = [
        piece.rows
        for hour in range(24)
        for piece in history.minutes(
            "AAPL", first + hour * 60 * MINUTE, first + hour * 60 * MINUTE + 59 * MINUTE
        )
    ]
    [whole] = [piece.rows for piece in history.minutes("AAPL", first, last)]
    [day] = [piece.rows for piece in history.days("AAPL", date(2026, 1, 2), date(2026, 1, 2), last + MINUTE)]
    [again] = [piece.rows for piece in history.minutes("AAPL", first, last)]

    for column in ("at", "open", "high", "low", "close", "volume", "count"):
        expected = getattr(append(parts), column)
        assert np.array_equal(getattr(whole, column), expected)
        assert np.array_equal(getattr(again, column), expected)
    assert (day.high[0], day.low[0], day.count[0]) == (whole.high.max(), whole.low.min(), whole.count.sum())


def test_a_synthetic_minute_is_whole_or_not_told():
    market = SyntheticMarket(1, ("AAPL",))
    history = SyntheticHistory(market, Calendar(()))
    begin = new_york(date(2026, 1, 2), 12)

    [some] = [piece.rows for piece in history.minutes("AAPL", begin + 1, begin + 5 * MINUTE - 1)]
    [all_of_them] = [piece.rows for piece in history.minutes("AAPL", begin, begin + 9 * MINUTE)]

    assert some.at.tolist() == [begin + number * MINUTE for number in range(1, 5)]
    assert some.count.tolist() == all_of_them.count.tolist()[1:5]


def test_the_auctions_of_a_synthetic_market_are_told_when_they_were():
    on = date(2026, 1, 2)
    market = SyntheticMarket(1, ("AAPL",))
    history = SyntheticHistory(market, Calendar(always_open_sessions(on, on)))

    [before] = [piece.rows for piece in history.auctions("AAPL", on, on, new_york(on, 24) - 1)]
    [after] = [piece.rows for piece in history.auctions("AAPL", on, on, new_york(on, 24))]

    assert before.kind.tolist() == [Kind.OPENING_AUCTION]
    assert after.kind.tolist() == [Kind.OPENING_AUCTION, Kind.CLOSING_AUCTION]
    assert int(after.price[0]) == market.official("AAPL", new_york(on))[0]


START = 1_700_000_000 * SECOND // MINUTE * MINUTE


def chunk(*rows):
    """Return a batch of prints of X: (seconds after START, price), numbered by time."""
    items = items_of(
        [
            (second * 10, START + int(second * SECOND), Kind.TRADE, 1, 1, 2, 2, price, SECOND, 1)
            for second, price in rows
        ]
    )
    return Chunk(seq=int(items.seq[-1]), at=int(items.at[-1]), items={"X": items})


@pytest.fixture
def live(transactional_db, valkey):
    """Return a live market's recorder, and a function that makes its history."""
    market = make_market(feed="alpaca", config={"symbols": ["X"]})
    calendar = Calendar(always_open_sessions(date(2023, 11, 14), date(2023, 11, 16)))
    return Recorder(valkey, market.pk), lambda: RecordedHistory(valkey, market.pk, calendar), market


def prices(history, *, newest_first=False, first=START, last=START + 10 * MINUTE):
    pieces = history.ticks("X", first, last, newest_first=newest_first)
    return [price for piece in pieces for price in piece.rows.price.tolist()]


def closes(history, *, newest_first=False):
    pieces = history.minutes("X", START, START + 10 * MINUTE, newest_first=newest_first)
    return [price for piece in pieces for price in piece.rows.close.tolist()]


def test_a_live_market_remembers_what_it_showed_in_the_minute_that_goes_on_too(live):
    recorder, history, _ = live
    for piece in (chunk((1, 10), (2, 11)), chunk((59, 12), (61, 13)), chunk((130, 14))):
        recorder.take(piece)
        recorder.turn(piece.at)

    assert RecordedMinute.objects.count() == 2
    assert prices(history()) == [10, 11, 12, 13, 14]
    assert prices(history(), newest_first=True) == [14, 13, 10, 11, 12]
    assert prices(history(), first=START + 2 * SECOND, last=START + 61 * SECOND) == [11, 12, 13]
    assert closes(history()) == [12, 13, 14]
    assert closes(history(), newest_first=True) == [14, 12, 13]  # the minute that goes on, then the rows


def test_a_hub_that_begins_again_goes_on_with_its_minute(live, valkey):
    recorder, history, market = live
    recorder.take(chunk((1, 10)))
    another = Recorder(valkey, market.pk)
    another.resume(START + SECOND)

    another.take(chunk((30, 11)))
    another.turn(START + MINUTE)
    valkey.flushall()

    assert prices(history()) == [10, 11]
    assert closes(history()) == [11]


def test_a_lost_valkey_costs_the_minute_that_goes_on_alone(live, valkey):
    recorder, history, market = live
    recorder.take(chunk((1, 10)))
    recorder.turn(START + MINUTE)
    recorder.take(chunk((61, 11)))
    assert valkey.exists(keys.minute(market.pk, START + MINUTE))
    valkey.flushall()

    assert prices(history()) == [10]
    recorder.turn(START + 2 * MINUTE)
    assert prices(history()) == [10, 11]


def test_a_recording_publisher_records_what_it_publishes(live, valkey):
    _, history, market = live
    publisher = RecordingPublisher(valkey, market.pk, feed="alpaca")
    publisher.publish(chunk((1, 10), (61, 11)))

    another = RecordingPublisher(valkey, market.pk, feed="alpaca")
    another.resume()
    another.publish(chunk((62, 12)))
    assert prices(history()) == [10, 11, 12]
    another.beat()  # by the wall those minutes are long over, and so old that their bars alone are kept

    assert (prices(history()), closes(history())) == ([], [10, 12])
    assert sorted(RecordedMinute.objects.values_list("at", "count")) == [(START, 1), (START + MINUTE, 2)]


def test_a_recorder_without_a_database_waits_for_it(live, monkeypatch):
    recorder, history, _ = live
    recorder.take(chunk((1, 10)))
    with monkeypatch.context() as away:
        away.setattr(RecordedMinute.objects, "bulk_create", _raise_away)
        recorder.turn(START + MINUTE)
    recorder.take(chunk((61, 11)))
    recorder.turn(START + 2 * MINUTE)

    assert RecordedMinute.objects.count() == 2
    assert prices(history()) == [10, 11]


def _raise_away(*_, **__):
    raise OperationalError


@contextmanager
def serving_as(role):
    """Run the block as a database role that commits, unlike the tests' own."""
    with connection.cursor() as cursor:
        cursor.execute(f"set role {role}")
        try:
            yield
        finally:
            cursor.execute("reset role")


def test_the_hub_writes_minutes_and_people_only_read_them(live):
    recorder, history, market = live
    with serving_as(roles.WORKER):
        recorder.take(chunk((1, 10)))
        recorder.turn(START + MINUTE)
    with serving_as(roles.APP):
        assert closes(history()) == [10]
        with pytest.raises(ProgrammingError):
            RecordedMinute.objects.filter(market=market).delete()


def test_the_days_of_a_live_market_are_made_of_its_minutes(live):
    recorder, history, _ = live
    recorder.take(chunk((1, 10), (61, 30), (121, 20)))
    recorder.turn(START + 3 * MINUTE)
    on = date(2023, 11, 14)

    [day] = [piece.rows for piece in history().days("X", on, on, START + 3 * MINUTE)]

    assert (day.open[0], day.high[0], day.close[0], day.count[0]) == (10, 30, 20, 3)
    assert day.at[0] == new_york(on)
