from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from matching.market.times import new_york, new_york_date, parse_rfc3339, rfc3339, to_datetime, to_ns


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch"),
        pytest.param("2013-10-08T14:00:00Z", 1381240800 * 10**9, id="UTC"),
        pytest.param("2013-10-08T10:00:00-04:00", 1381240800 * 10**9, id="with an offset"),
        pytest.param("2013-10-08T14:00:00.000000001Z", 1381240800 * 10**9 + 1, id="a nanosecond"),
        pytest.param(
            "2013-10-08T14:00:00.5z", 1381240800 * 10**9 + 5 * 10**8, id="half a second, small letters"
        ),
    ],
)
def test_rfc3339_is_read_to_the_nanosecond(text: str, ns: int) -> None:
    assert parse_rfc3339(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2013-10-08",
        "2013-10-08T14:00:00",
        "2013-10-08T14:00:00.0000000001Z",
        "2013-13-08T14:00:00Z",
        "now",
    ],
)
def test_an_instant_without_a_zone_or_beyond_nanoseconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the texts differ
        parse_rfc3339(text)


@pytest.mark.parametrize(
    "text", ["2013-10-08T14:00:00Z", "2013-10-08T14:00:00.25Z", "1970-01-01T00:00:00.000000001Z"]
)
def test_writing_an_instant_gives_what_was_read(text: str) -> None:
    assert rfc3339(parse_rfc3339(text)) == text


def test_nanoseconds_and_datetimes_agree_to_the_microsecond() -> None:
    moment = datetime(2026, 11, 23, 4, 5, 6, 789012, tzinfo=UTC)
    assert to_datetime(to_ns(moment)) == moment


@pytest.mark.parametrize(
    ("day", "text"),
    [
        pytest.param(date(2013, 10, 8), "2013-10-08T13:30:00Z", id="summer time"),
        pytest.param(date(2013, 12, 10), "2013-12-10T14:30:00Z", id="winter time"),
        pytest.param(date(2013, 3, 8), "2013-03-08T14:30:00Z", id="the Friday before clocks change"),
        pytest.param(date(2013, 3, 11), "2013-03-11T13:30:00Z", id="the Monday after"),
    ],
)
def test_new_yorks_half_past_nine_follows_daylight_saving(day: date, text: str) -> None:
    assert rfc3339(new_york(day, 9, 30)) == text


def test_hour_24_is_the_next_midnight_also_when_the_day_has_23_hours() -> None:
    sunday = date(2013, 3, 10)
    assert new_york(sunday, 24) - new_york(sunday) == 23 * 3600 * 10**9
    assert new_york_date(new_york(sunday, 24)) == date(2013, 3, 11)
