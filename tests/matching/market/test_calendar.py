from __future__ import annotations

from datetime import date
from itertools import pairwise
from types import SimpleNamespace

import pytest

from matching.engine.types import Session
from matching.market.calendar import Calendar, Change
from matching.market.errors import CalendarExhausted
from matching.market.sessions import always_open_sessions, compute_sessions
from matching.market.times import new_york, parse_rfc3339, rfc3339

SATURDAY = date(2013, 10, 12)


@pytest.mark.parametrize(
    ("instant", "session"),
    [
        ("2013-10-08T07:59:59Z", Session.CLOSED),
        ("2013-10-08T08:00:00Z", Session.PRE),
        ("2013-10-08T13:29:59.999999999Z", Session.PRE),
        ("2013-10-08T13:30:00Z", Session.REGULAR),
        ("2013-10-08T20:00:00Z", Session.POST),
        ("2013-10-09T00:00:00Z", Session.CLOSED),
        ("2013-10-12T15:00:00Z", Session.CLOSED),  # Saturday
        ("2013-12-25T15:00:00Z", Session.CLOSED),  # Christmas
        ("2013-11-04T14:29:59Z", Session.PRE),  # winter time begins
        ("2013-11-04T14:30:00Z", Session.REGULAR),
        ("2015-12-24T17:59:59Z", Session.REGULAR),
        ("2015-12-24T18:00:00Z", Session.POST),  # early close
        ("2015-12-24T22:00:00Z", Session.CLOSED),
    ],
)
def test_an_instant_lies_in_one_session(instant: str, session: Session, xnys: Calendar) -> None:
    assert xnys.session_at(parse_rfc3339(instant)) is session
    assert xnys.change_in_force(parse_rfc3339(instant)).session is session


@pytest.mark.parametrize(
    ("instant", "next_open", "next_close"),
    [
        pytest.param(
            "2013-10-08T12:00:00Z", "2013-10-08T13:30:00Z", "2013-10-08T20:00:00Z", id="before the open"
        ),
        pytest.param(
            "2013-10-08T13:30:00Z", "2013-10-09T13:30:00Z", "2013-10-08T20:00:00Z", id="at the open"
        ),
        pytest.param(
            "2013-10-08T20:00:00Z", "2013-10-09T13:30:00Z", "2013-10-09T20:00:00Z", id="at the close"
        ),
        pytest.param(
            "2013-10-11T21:00:00Z", "2013-10-14T13:30:00Z", "2013-10-14T20:00:00Z", id="over a weekend"
        ),
        pytest.param(
            "2015-12-24T15:00:00Z", "2015-12-28T14:30:00Z", "2015-12-24T18:00:00Z", id="an early close"
        ),
    ],
)
def test_the_next_open_and_close_are_those_of_the_clock(
    instant: str, next_open: str, next_close: str, xnys: Calendar
) -> None:
    at = parse_rfc3339(instant)
    assert (rfc3339(xnys.next_open(at)), rfc3339(xnys.next_close(at))) == (next_open, next_close)


def test_changes_are_those_after_one_instant_and_up_to_another(xnys: Calendar) -> None:
    after, until = parse_rfc3339("2013-10-11T20:00:00Z"), parse_rfc3339("2013-10-14T13:30:00Z")
    assert xnys.changes(after, until) == [
        Change(
            at=new_york(date(2013, 10, 11), 20),
            session=Session.CLOSED,
            ends_at=new_york(date(2013, 10, 14), 4),
        ),
        Change(
            at=new_york(date(2013, 10, 14), 4),
            session=Session.PRE,
            ends_at=new_york(date(2013, 10, 14), 9, 30),
        ),
        Change(
            at=new_york(date(2013, 10, 14), 9, 30),
            session=Session.REGULAR,
            ends_at=new_york(date(2013, 10, 14), 16),
        ),
    ]


def test_the_change_in_force_on_a_weekend_is_fridays_close(xnys: Calendar) -> None:
    change = xnys.change_in_force(new_york(SATURDAY, 12))
    assert (change.session, change.at) == (Session.CLOSED, new_york(date(2013, 10, 11), 20))
    assert change.ends_at == new_york(date(2013, 10, 14), 4)


def test_an_always_open_market_closes_and_opens_at_one_midnight(always_open: Calendar) -> None:
    midnight = new_york(date(2026, 11, 23))
    assert always_open.session_at(midnight - 1) is Session.REGULAR
    assert always_open.session_at(midnight) is Session.REGULAR
    assert always_open.changes(midnight - 1, midnight) == [
        Change(at=midnight, session=Session.CLOSED, ends_at=midnight),
        Change(at=midnight, session=Session.REGULAR, ends_at=new_york(date(2026, 11, 24))),
    ]
    assert always_open.changes(midnight, midnight + 10**9) == []
    assert always_open.change_in_force(midnight).session is Session.REGULAR


def test_an_always_open_day_has_23_or_25_hours_when_clocks_change() -> None:
    days = always_open_sessions(date(2026, 3, 8), date(2026, 11, 1))
    assert [(day.close - day.open) // (3600 * 10**9) for day in (days[0], days[1], days[-1])] == [23, 24, 25]


def test_beyond_its_rows_a_calendar_says_so(xnys: Calendar) -> None:
    with pytest.raises(CalendarExhausted, match="2017-06-01"):
        xnys.next_open(parse_rfc3339("2017-06-01T00:00:00Z"))
    with pytest.raises(CalendarExhausted):
        xnys.session_at(parse_rfc3339("2017-06-01T00:00:00Z"))


def test_a_day_survives_storage(xnys: Calendar) -> None:
    days = xnys.days(date(2013, 10, 8), date(2013, 10, 9))
    rows = [SimpleNamespace(**day.as_row()) for day in days]
    assert Calendar.of_rows(rows).days(date.min, date.max) == days


@pytest.mark.parametrize(
    ("traded_on", "settled_on"),
    [
        pytest.param(date(1995, 6, 5), date(1995, 6, 12), id="five days before June 1995"),
        pytest.param(date(1995, 10, 5), date(1995, 10, 11), id="three days, over Columbus Day"),
        pytest.param(date(1995, 10, 9), date(1995, 10, 12), id="traded on Columbus Day"),
        pytest.param(date(1992, 11, 10), date(1992, 11, 18), id="over Veterans Day"),
        pytest.param(date(2017, 9, 1), date(2017, 9, 7), id="the last three-day trade"),
        pytest.param(date(2017, 9, 5), date(2017, 9, 7), id="the first two-day trade"),
        pytest.param(date(2024, 5, 24), date(2024, 5, 29), id="the last two-day trade"),
        pytest.param(date(2024, 5, 28), date(2024, 5, 29), id="the first one-day trade"),
        pytest.param(date(2024, 7, 3), date(2024, 7, 5), id="over Independence Day"),
        pytest.param(date(2029, 12, 31), date(2030, 1, 2), id="the last row"),
    ],
)
def test_settlement_follows_the_cycle_of_its_time(traded_on: date, settled_on: date) -> None:
    assert compute_sessions(traded_on, traded_on)[0].settlement_date == settled_on


def test_the_whole_calendar_reaches_from_1970_to_2029() -> None:
    days = compute_sessions()
    assert (days[0].date, days[-1].date) == (date(1970, 1, 2), date(2029, 12, 31))
    assert all(day.session_open < day.open < day.close <= day.session_close for day in days)
    assert all(earlier.session_close < later.session_open for earlier, later in pairwise(days))
