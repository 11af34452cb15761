"""When opg and cls orders can be sent, in New York time. No database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from matching.market.calendar import Calendar, Day
from matching.market.times import new_york, to_datetime
from trading.errors import OrderDenied
from trading.services.auctions import cut_off_of

EARLY = date(2013, 11, 29)  # the Friday after Thanksgiving closes at 13:00
HOLIDAYS = {date(2013, 11, 28)}


def _day(on: date) -> Day:
    close = 13 if on == EARLY else 16
    return Day(
        date=on,
        session_open=new_york(on, 4),
        open=new_york(on, 9, 30),
        close=new_york(on, close),
        session_close=new_york(on, close + 4),
        settlement_date=on,
    )


DATES = [date(2013, 11, 25) + timedelta(days=n) for n in range(12)]
CALENDAR = Calendar(_day(on) for on in DATES if on.weekday() < 5 and on not in HOLIDAYS)

# (day, hour, minute) -> the cut-off of opg and of cls as (day, hour, minute); None: refused
WINDOWS = {
    "in the night": ((26, 0, 0), (26, 9, 28), (26, 15, 50)),
    "just in time for the open": ((26, 9, 27), (26, 9, 28), (26, 15, 50)),
    "too late for the open": ((26, 9, 28), None, (26, 15, 50)),
    "just in time for the close": ((26, 15, 49), None, (26, 15, 50)),
    "too late for both": ((26, 15, 50), None, None),
    "before the evening": ((26, 18, 59), None, None),
    "in the evening": ((26, 19, 0), (27, 9, 28), (27, 15, 50)),
    "the evening before a holiday": ((27, 19, 0), (29, 9, 28), (29, 12, 50)),
    "on a holiday": ((28, 12, 0), (29, 9, 28), (29, 12, 50)),
    "before an early close": ((29, 12, 49), None, (29, 12, 50)),
    "too late for an early close": ((29, 12, 50), None, None),
    "on a Saturday": ((30, 12, 0), (32, 9, 28), (32, 15, 50)),
}


def _at(moment: tuple[int, int, int]) -> int:
    day, hour, minute = moment
    return new_york(date(2013, 11, 1) + timedelta(days=day - 1), hour, minute)


@pytest.mark.parametrize(("now", "opg", "cls"), WINDOWS.values(), ids=WINDOWS)
def test_an_order_for_an_auction_is_taken_from_the_evening_before_to_its_cut_off(
    now: tuple[int, int, int], opg: tuple[int, int, int] | None, cls: tuple[int, int, int] | None
) -> None:
    for time_in_force, expected in (("opg", opg), ("cls", cls)):
        if expected is None:
            with pytest.raises(OrderDenied, match=f"{time_in_force} orders are accepted"):
                cut_off_of(time_in_force, CALENDAR, _at(now))
        else:
            assert cut_off_of(time_in_force, CALENDAR, _at(now)) == to_datetime(_at(expected))


@pytest.mark.parametrize(
    ("time_in_force", "moment", "said"),
    [
        ("opg", (26, 12, 0), "from 19:00 to 9:28, two minutes before the open"),
        ("cls", (26, 16, 0), "from 19:00 to 15:50, ten minutes before the close"),
        ("cls", (29, 13, 0), "from 19:00 to 12:50, ten minutes before the close"),
    ],
    ids=["opening", "closing", "early close"],
)
def test_a_refusal_names_the_cut_off_of_its_own_day(
    time_in_force: str, moment: tuple[int, int, int], said: str
) -> None:
    with pytest.raises(OrderDenied, match=said):
        cut_off_of(time_in_force, CALENDAR, _at(moment))


def test_where_the_market_never_closes_the_cut_off_is_before_its_midnight() -> None:
    whole_days = Calendar(
        Day(date=on, session_open=at, open=at, close=end, session_close=end, settlement_date=on)
        for on in DATES
        for at, end in [(new_york(on), new_york(on + timedelta(days=1)))]
    )
    with pytest.raises(OrderDenied, match="from 19:00 to 23:58, two minutes before the open"):
        cut_off_of("opg", whole_days, _at((26, 12, 0)))
    assert cut_off_of("opg", whole_days, _at((26, 19, 0))) == to_datetime(_at((26, 23, 58)))
    assert cut_off_of("cls", whole_days, _at((26, 23, 49))) == to_datetime(_at((26, 23, 50)))
    assert cut_off_of("cls", whole_days, _at((26, 23, 50))) == to_datetime(_at((27, 23, 50)))


@pytest.mark.parametrize("time_in_force", ["day", "gtc", "ioc", "fok"])
def test_any_other_order_has_no_cut_off(time_in_force: str) -> None:
    assert cut_off_of(time_in_force, CALENDAR, _at((26, 16, 0))) is None


def test_where_the_calendar_ends_there_is_no_auction() -> None:
    with pytest.raises(OrderDenied, match="no opg auction"):
        cut_off_of("opg", CALENDAR, new_york(date(2013, 12, 7)))
