"""How much a page of a synthetic market's past may cost, and that what it tells does not depend on it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import fields
from datetime import date, timedelta
from typing import Any, cast

import numpy as np
import pytest
import redis

from matching.engine.types import DOLLAR, SHARE
from matching.market import day_store, synthetic_history
from matching.market.calendar import Calendar, Day
from matching.market.candles import MINUTE, Bars
from matching.market.day_store import SharedDays
from matching.market.sessions import always_open_sessions
from matching.market.synthetic import SyntheticMarket
from matching.market.synthetic_history import SyntheticHistory
from matching.market.times import HOUR, new_york
from trading.marketdata import work
from trading.marketdata.adjustment import Adjustment
from trading.marketdata.entitlement import Window
from trading.marketdata.markets import MarketView
from trading.marketdata.paging import Cursor, page
from trading.marketdata.series import AuctionSeries, BarSeries
from trading.marketdata.timeframes import Timeframe

FIRST, LAST = date(2025, 12, 22), date(2026, 2, 6)
NOW = new_york(LAST, 24)
MINUTES = 4
TICKS_A_DAY = MINUTES * 60 * 4
MARKET = SyntheticMarket(1, ("AAPL", "IBM"))


def short_days() -> Calendar:
    """Return days of four minutes, over the edge of two parts of a day, so that they cost little."""
    found = []
    for number in range((LAST - FIRST).days + 1):
        on = FIRST + timedelta(days=number)
        begin = new_york(on) + 4 * HOUR - 2 * MINUTE
        end = begin + MINUTES * MINUTE
        hours = {"session_open": begin, "open": begin, "close": end, "session_close": end}
        found.append(Day(date=on, settlement_date=on, **hours))
    return Calendar(found)


CALENDAR = short_days()
DAYS = len(CALENDAR)


@pytest.fixture
def made(monkeypatch):
    """Return how many ticks have been made for bars, a figure each time."""
    found: list[int] = []
    prints = synthetic_history.prints

    def counted(symbol, numbers):
        found.append(len(numbers))
        return prints(symbol, numbers)

    monkeypatch.setattr(synthetic_history, "prints", counted)
    return found


def view(history):
    return MarketView(market_id=1, is_tape=False, now=NOW, symbols=frozenset(MARKET.symbols), history=history)


def bars(history, timeframe="1Day", *, newest_first=False, window=None):
    return BarSeries(
        market=view(history),
        window=window or Window(new_york(FIRST), NOW - 1),
        until=NOW,
        timeframe=Timeframe.of(timeframe),
        adjustment=Adjustment.of("raw"),
        newest_first=newest_first,
    )


def one_page(series, token=None, limit=10_000):
    cursor = Cursor.of_token(token or "")
    return page(series, MARKET.symbols, limit=limit, cursor=cursor, until=NOW - 1)


def all_pages(series, limit=10_000):
    """Return every page's rows by symbol."""
    found: list[Any] = []
    token = None
    while len(found) < 500:
        rows, token = one_page(series, token, limit)
        found.append(rows)
        if token is None:
            return found
    message = "the pages do not end"
    raise AssertionError(message)


def joined(pages):
    return {name: [row for rows in pages for row in rows.get(name, [])] for name in MARKET.symbols}


def test_a_page_of_day_bars_ends_when_enough_was_made_and_the_pages_are_the_whole(made, monkeypatch):
    [whole] = all_pages(bars(SyntheticHistory(MARKET, CALENDAR)))
    assert [len(rows) for rows in whole.values()] == [DAYS, DAYS]
    assert sum(made) == 2 * DAYS * TICKS_A_DAY
    monkeypatch.setattr(work, "TICKS_A_PAGE", 5 * TICKS_A_DAY)
    series = bars(SyntheticHistory(MARKET, CALENDAR))

    found: list[Any] = []
    token = None
    while token is not None or not found:
        made.clear()
        rows, token = one_page(series, token)
        found.append(rows)
        assert sum(made) <= 5 * TICKS_A_DAY

    assert joined(found) == whole
    assert len(found) == -(-2 * DAYS // 5)
    made.clear()
    assert all_pages(series) == [whole]  # of what is kept, a page is as long as was asked for
    assert made == []


@pytest.mark.parametrize("timeframe", ["1Week", "3Month"])
@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_a_bar_that_costs_more_than_a_page_is_gathered_over_pages(made, monkeypatch, timeframe, newest_first):
    [whole] = all_pages(bars(SyntheticHistory(MARKET, CALENDAR), timeframe, newest_first=newest_first))
    made.clear()
    monkeypatch.setattr(work, "TICKS_A_PAGE", 3 * TICKS_A_DAY)
    series = bars(SyntheticHistory(MARKET, CALENDAR), timeframe, newest_first=newest_first)

    pages = all_pages(series, limit=2)

    assert joined(pages) == whole
    assert sum(made) == 2 * DAYS * TICKS_A_DAY
    assert {} in pages


@pytest.mark.parametrize("newest_first", [False, True], ids=["oldest first", "newest first"])
def test_hours_of_days_are_told_a_day_a_page_where_that_is_enough(made, monkeypatch, newest_first):
    window = Window(new_york(LAST) - HOUR, new_york(LAST) + 6 * HOUR - 1)
    series = bars(SyntheticHistory(MARKET, CALENDAR), "1Hour", newest_first=newest_first, window=window)
    [whole] = all_pages(series)
    made.clear()
    monkeypatch.setattr(work, "TICKS_A_PAGE", 1)

    pages = all_pages(series)

    assert joined(pages) == whole
    assert [len(rows) for rows in whole.values()] == [7, 7]
    assert len(pages) > 2


def test_pages_that_are_made_at_once_share_what_one_may_cost(made, monkeypatch):
    monkeypatch.setattr(work, "TICKS_A_PAGE", 12 * TICKS_A_DAY)
    lone, _ = one_page(bars(SyntheticHistory(MARKET, CALENDAR)))
    made.clear()
    with ExitStack() as others:
        for _ in range(5):
            others.enter_context(work.Work()).add(1)
        crowded, token = one_page(bars(SyntheticHistory(MARKET, CALENDAR)))
        assert sum(made) == 2 * TICKS_A_DAY
    after, _ = one_page(bars(SyntheticHistory(MARKET, CALENDAR)))

    assert token is not None
    assert [len(rows["AAPL"]) for rows in (lone, crowded, after)] == [11, 1, 11]  # the last waits for its end
    assert not work._pages


def test_days_that_one_process_has_made_are_told_by_all(made, valkey):
    first, second = (SyntheticHistory(MARKET, CALENDAR, valkey) for _ in range(2))
    [told] = all_pages(bars(first))
    made.clear()

    assert all_pages(bars(second)) == [told]
    assert made == []
    another = SyntheticHistory(SyntheticMarket(2, ("AAPL", "IBM")), CALENDAR, valkey)
    assert all_pages(bars(another)) != [told]
    assert made != []


def test_a_kept_day_has_every_digit_and_every_column(valkey):
    shared = SharedDays(valkey, {"X": "x"})
    day, empty, unknown = CALENDAR.days(FIRST, FIRST + timedelta(days=2))
    [bar] = [piece.rows for piece in SyntheticHistory(MARKET, CALENDAR).days("IBM", day.date, day.date, NOW)]
    shared.write("X", day, bar)
    shared.write("X", empty, bar.rows(slice(0, 0)))

    found, nothing, missing = shared.read("X", [day, empty, unknown])

    for column in fields(Bars):
        expected, value = getattr(bar, column.name), getattr(found, column.name)
        assert (value.dtype, value.tolist()) == (expected.dtype, expected.tolist())
    assert missing is None
    assert nothing is not None
    assert len(nothing) == 0
    [key] = valkey.keys("raxx:days:*")
    assert 0 < valkey.ttl(key) <= day_store.EXPIRES_S


class AwayClient:
    """A Valkey that does not answer, and counts who asks."""

    def __init__(self):
        self.asked = 0

    def hmget(self, *_):
        self.asked += 1
        raise redis.exceptions.TimeoutError

    def pipeline(self, **_):
        return self

    def hset(self, *_):
        """Take note of nothing."""

    expire = hset

    def execute(self):
        self.hmget()


def test_a_valkey_that_is_away_is_left_alone_for_a_while():
    now, client = [0.0], AwayClient()
    shared = SharedDays(cast("Any", client), {"X": "x"}, clock=lambda: now[0])
    days = CALENDAR.days(FIRST, LAST)
    columns: list[Any] = [np.zeros(0)] * len(fields(Bars))
    nothing = Bars(*columns)

    for moment in (1.0, 1.0, 5.9, 6.1, 6.1):
        now[0] = moment
        assert shared.read("X", days) == [None] * DAYS
        shared.write("X", days[0], nothing)

    assert client.asked == 2


def test_a_day_bar_is_made_of_the_steps_of_the_market():
    day = CALENDAR.days(FIRST, FIRST)[0]
    steps = [step for step in MARKET.steps(day.open - 1, day.close - 1) if step.symbol == "IBM"]
    told = [
        (step.print_price, step.print_size / SHARE)
        for step in steps
        if step.print_price and not step.is_halted
    ]
    prices = [price for price, _ in told]

    [bar] = [piece.rows for piece in SyntheticHistory(MARKET, CALENDAR).days("IBM", FIRST, FIRST, NOW)]

    columns = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.count)
    assert [column[0] for column in columns] == [
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        sum(size for _, size in told),
        len(told),
    ]
    assert bar.turnover[0] == pytest.approx(sum(price / DOLLAR * size for price, size in told), rel=1e-12)


def test_what_is_kept_under_one_name_is_what_the_seed_has_always_given():
    """Where this fails, `synthetic_columns.ALGORITHM` has to grow: kept bars are those of other numbers."""
    on = date(2026, 1, 2)
    history = SyntheticHistory(SyntheticMarket(1, ("AAPL",)), Calendar(always_open_sessions(on, on)))

    [bar] = [piece.rows for piece in history.days("AAPL", on, on, new_york(on, 24))]

    assert [getattr(bar, column.name)[0].item() for column in fields(Bars)] == [
        1767330000000000000,
        2298300,
        2346800,
        2296500,
        2298600,
        34585700.0,
        8026656975.0,
        173204,
    ]


def test_of_the_day_that_goes_on_only_the_last_part_is_made_again(made):
    on = date(2026, 1, 2)
    history = SyntheticHistory(MARKET, Calendar(always_open_sessions(on, on)))
    until = new_york(on) + 5 * HOUR

    [first] = [piece.rows for piece in history.days("AAPL", on, on, until)]
    made.clear()
    [second] = [piece.rows for piece in history.days("AAPL", on, on, until + MINUTE)]

    assert sum(made) == 61 * 60 * 4
    assert second.count[0] > first.count[0]


def test_the_newest_auctions_come_first_however_many_there_are(monkeypatch):
    monkeypatch.setattr("trading.marketdata.series._DATES_AT_ONCE", 3)
    history = SyntheticHistory(MARKET, CALENDAR)
    window = Window(new_york(FIRST), NOW - 1)

    forwards, backwards = (
        append_days(AuctionSeries(market=view(history), window=window, until=NOW, newest_first=newest_first))
        for newest_first in (False, True)
    )

    assert len(forwards) == DAYS
    assert backwards == forwards[::-1]


def append_days(series):
    return [piece.first for piece in series.pieces("IBM", None)]
