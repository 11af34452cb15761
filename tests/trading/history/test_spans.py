"""Which items a portfolio's history has: a pure question of calendar, market time and parameters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from matching.market.calendar import ALWAYS_OPEN, Calendar
from matching.market.sessions import always_open_sessions, compute_sessions
from matching.market.times import new_york, parse_rfc3339, rfc3339, to_datetime
from trading.errors import ValueInvalid
from trading.history.spans import Ask, plan

TUESDAY_NOON = parse_rfc3339("2013-10-08T16:00:00Z")
FIRST, LAST = date(2011, 1, 1), date(2016, 12, 31)


@pytest.fixture(scope="module")
def xnys() -> Calendar:
    return Calendar(day for day in compute_sessions() if FIRST <= day.date <= LAST)


@pytest.fixture(scope="module")
def always() -> Calendar:
    assert ALWAYS_OPEN
    return Calendar(day for day in always_open_sessions() if FIRST <= day.date <= LAST)


def stamps(found):
    return [rfc3339(each.stamp) for each in found.windows]


def dates(found):
    return [str(each.day.date) for each in found.windows]


def test_a_month_of_days_is_told_unless_asked_otherwise(xnys):
    found = plan(Ask(), xnys, TUESDAY_NOON)

    assert found.timeframe == "1D"
    assert dates(found)[0] == "2013-09-09"  # the month that ends with the 8th begins with the 9th
    assert dates(found)[-1] == "2013-10-07"  # today's item appears at 20:00
    assert len(dates(found)) == 21


def test_a_days_item_is_stamped_at_20_00_in_new_york_and_valued_at_the_close(xnys):
    summer = plan(Ask(period="1D"), xnys, new_york(date(2013, 10, 8), 20)).windows
    [winter] = plan(Ask(period="1D", timeframe="1D"), xnys, new_york(date(2013, 12, 10), 21)).windows

    assert summer[0].stamp != winter.stamp
    [daily] = plan(Ask(period="1D", timeframe="1D"), xnys, new_york(date(2013, 10, 8), 20)).windows
    assert (rfc3339(daily.stamp), rfc3339(daily.valued_at)) == (
        "2013-10-09T00:00:00Z",
        "2013-10-08T20:00:00Z",
    )
    assert rfc3339(winter.stamp) == "2013-12-11T01:00:00Z"


def test_a_days_item_is_not_there_a_nanosecond_before_20_00(xnys):
    at = new_york(date(2013, 10, 8), 20)

    assert dates(plan(Ask(period="1D", timeframe="1D"), xnys, at - 1)) == []
    assert dates(plan(Ask(period="1D", timeframe="1D"), xnys, at)) == ["2013-10-08"]


def test_an_early_close_values_its_day_then_and_stamps_it_at_20_00(xnys):
    [window] = plan(Ask(period="1D", timeframe="1D"), xnys, new_york(date(2015, 12, 24), 22)).windows

    assert rfc3339(window.valued_at) == "2015-12-24T18:00:00Z"
    assert rfc3339(window.stamp) == "2015-12-25T01:00:00Z"


def test_a_market_that_never_closes_tells_a_day_when_it_is_over(always):
    midnight = new_york(date(2013, 10, 9))

    assert dates(plan(Ask(period="1D", timeframe="1D"), always, midnight - 1)) == []
    assert dates(plan(Ask(period="2D", timeframe="1D"), always, midnight)) == ["2013-10-08"]


@pytest.mark.parametrize(
    ("period", "timeframe"),
    [("1D", "1Min"), ("6D", "1Min"), ("1W", "15Min"), ("4W", "15Min"), ("1M", "1D"), ("1A", "1D")],
)
def test_the_timeframe_follows_from_the_period(xnys, period, timeframe):
    assert plan(Ask(period=period), xnys, TUESDAY_NOON).timeframe == timeframe


@pytest.mark.parametrize(
    ("period", "first"),
    [
        ("1D", "2013-10-08"),
        ("3D", "2013-10-04"),
        ("1W", "2013-10-02"),
        ("2W", "2013-09-25"),
        ("1M", "2013-09-09"),
    ],
)
def test_days_count_trading_days_and_longer_spans_the_calendars(xnys, period, first):
    found = plan(Ask(period=period, timeframe="1H"), xnys, TUESDAY_NOON)

    assert dates(found)[0] == first


def test_a_year_begins_a_day_after_its_date_a_year_ago(xnys):
    assert dates(plan(Ask(period="1A"), xnys, TUESDAY_NOON))[0] == "2012-10-09"


def test_windows_begin_with_the_session_and_the_last_ends_now(xnys):
    windows = plan(Ask(period="1D", timeframe="1H"), xnys, TUESDAY_NOON).windows

    assert [rfc3339(each.stamp) for each in windows] == [
        "2013-10-08T13:30:00Z",
        "2013-10-08T14:30:00Z",
        "2013-10-08T15:30:00Z",
    ]
    assert [rfc3339(each.valued_at) for each in windows] == [
        "2013-10-08T14:30:00Z",
        "2013-10-08T15:30:00Z",
        "2013-10-08T16:00:00Z",
    ]


@pytest.mark.parametrize(
    ("reporting", "count", "first", "last"),
    [
        ("market_hours", 26, "2013-10-07T13:30:00Z", "2013-10-07T19:45:00Z"),
        ("extended_hours", 64, "2013-10-07T08:00:00Z", "2013-10-07T23:45:00Z"),
        ("continuous", 96, "2013-10-07T04:00:00Z", "2013-10-08T03:45:00Z"),
    ],
)
def test_the_reporting_says_which_hours_of_a_day_are_told(xnys, reporting, count, first, last):
    day = new_york(date(2013, 10, 7))
    ask = Ask(start=day, end=day + 24 * 3600 * 10**9 - 1, timeframe="15Min", reporting=reporting)

    found = stamps(plan(ask, xnys, TUESDAY_NOON))

    assert (len(found), found[0], found[-1]) == (count, first, last)


def test_round_the_clock_a_weekend_counts_to_the_friday_before_it(xnys):
    monday_noon = new_york(date(2013, 10, 7), 12)
    windows = plan(Ask(period="2D", timeframe="1H", reporting="continuous"), xnys, monday_noon).windows

    saturday = [
        each for each in windows if new_york(date(2013, 10, 5)) <= each.stamp < new_york(date(2013, 10, 6))
    ]
    assert len(saturday) == 24
    assert {str(each.day.date) for each in saturday} == {"2013-10-04"}


def test_before_the_open_the_day_before_is_the_last_one(xnys):
    at_nine = new_york(date(2013, 10, 8), 9)

    assert set(dates(plan(Ask(period="1D"), xnys, at_nine))) == {"2013-10-07"}
    extended = Ask(period="1D", timeframe="1H", reporting="extended_hours")
    assert set(dates(plan(extended, xnys, at_nine))) == {"2013-10-08"}


def test_start_and_end_bound_the_windows_and_no_window_is_of_the_future(xnys):
    start, end = parse_rfc3339("2013-10-08T14:10:00Z"), parse_rfc3339("2013-10-08T15:00:00Z")

    found = stamps(plan(Ask(start=start, end=end, timeframe="15Min"), xnys, TUESDAY_NOON))
    assert found == [f"2013-10-08T{time}:00Z" for time in ("14:00", "14:15", "14:30", "14:45", "15:00")]

    late = plan(
        Ask(start=start, end=start + timedelta(days=9) // timedelta(microseconds=1) * 1000),
        xnys,
        TUESDAY_NOON,
    )
    assert late.windows[-1].valued_at <= TUESDAY_NOON


def test_a_start_with_a_period_goes_forward(xnys):
    start = new_york(date(2013, 9, 2))

    assert dates(plan(Ask(start=start, period="1W", timeframe="1D"), xnys, TUESDAY_NOON)) == [
        f"2013-09-0{day}"
        for day in (3, 4, 5, 6)  # the 2nd was Labor Day
    ]


def test_an_end_with_a_period_goes_back(xnys):
    end = new_york(date(2013, 9, 8), 12)

    assert dates(plan(Ask(end=end, period="2D", timeframe="1D"), xnys, TUESDAY_NOON)) == [
        "2013-09-05",
        "2013-09-06",
    ]


def test_the_day_before_is_the_one_that_profits_count_from(xnys):
    assert plan(Ask(period="1D"), xnys, TUESDAY_NOON).day_before.date == date(2013, 10, 7)
    assert plan(
        Ask(start=new_york(date(2013, 10, 7)), timeframe="1H"), xnys, TUESDAY_NOON
    ).day_before.date == date(2013, 10, 4)


@pytest.mark.parametrize(
    "ask",
    [
        Ask(period="1M", start=1, end=2),
        Ask(period="M"),
        Ask(period="0D"),
        Ask(period="1Y"),
        Ask(period="1.5D"),
        Ask(period="²D"),
        Ask(period="99999D"),
        Ask(period="99A"),
        Ask(timeframe="2Min"),
        Ask(period="2M", timeframe="1H"),
        Ask(period="1A", timeframe="1Min"),
        Ask(start=TUESDAY_NOON, end=TUESDAY_NOON - 10**15),
        Ask(start=TUESDAY_NOON - 45 * 86_400 * 10**9, timeframe="15Min"),
    ],
    ids=repr,
)
def test_what_does_not_go_together_is_refused(xnys, ask):
    with pytest.raises(ValueInvalid):
        plan(ask, xnys, TUESDAY_NOON)


def test_a_span_before_the_market_began_is_empty(xnys):
    found = plan(Ask(start=new_york(date(2001, 1, 2)), end=new_york(date(2001, 1, 5))), xnys, TUESDAY_NOON)

    assert (found.windows, found.day_before) == ((), None)


def test_a_start_in_the_future_tells_nothing(xnys):
    assert plan(Ask(start=TUESDAY_NOON + 86_400 * 10**9), xnys, TUESDAY_NOON).windows == ()


def test_instants_ascend(xnys):
    windows = plan(Ask(period="4W", timeframe="5Min", reporting="continuous"), xnys, TUESDAY_NOON).windows

    assert [each.stamp for each in windows] == sorted({each.stamp for each in windows})
    assert all(each.stamp <= each.valued_at <= TUESDAY_NOON for each in windows)
    assert to_datetime(windows[-1].valued_at) == datetime(2013, 10, 8, 16, tzinfo=UTC)
