"""/v3/clock and /v3/calendar/{market}, and the option contracts that nobody trades yet."""

from __future__ import annotations

import pytest

from matching.market.calendar import ALWAYS_OPEN
from matching.market.sessions import always_open_sessions
from matching.models import CalendarDay, Market
from tests.api.conftest import FIRST_DAY, refusal
from trading import reference

NYSE = {"mic": "XNYS", "acronym": "NYSE", "name": "New York Stock Exchange", "timezone": "America/New_York"}


@pytest.fixture
def always(market):
    days = [day for day in always_open_sessions() if day.date.year == FIRST_DAY.year]
    CalendarDay.objects.bulk_create(CalendarDay(calendar=ALWAYS_OPEN, **day.as_row()) for day in days)
    Market.objects.update(calendar=ALWAYS_OPEN)
    reference.forget()


def test_the_clock_tells_the_phase_of_the_market(bot):
    assert bot.get("/v3/clock").json() == {
        "clocks": [
            {
                "market": NYSE,
                "timestamp": "2013-10-08T12:00:00-04:00",
                "is_market_day": True,
                "next_market_open": "2013-10-09T09:30:00-04:00",
                "next_market_close": "2013-10-08T16:00:00-04:00",
                "phase": "core",
                "phase_until": "2013-10-08T16:00:00-04:00",
            }
        ]
    }


@pytest.mark.parametrize(
    ("time", "phase", "until", "is_day"),
    [
        ("2013-10-08T07:59:59Z", "closed", "2013-10-08T04:00:00-04:00", True),
        ("2013-10-08T08:00:00Z", "pre", "2013-10-08T09:30:00-04:00", True),
        ("2013-10-08T20:00:00Z", "post", "2013-10-08T20:00:00-04:00", True),
        ("2013-10-12T16:00:00Z", "closed", "2013-10-14T04:00:00-04:00", False),
    ],
)
def test_the_clock_may_be_asked_for_another_time(bot, time, phase, until, is_day):
    [clock] = bot.get("/v3/clock", time=time).json()["clocks"]

    assert (clock["phase"], clock["phase_until"], clock["is_market_day"]) == (phase, until, is_day)


def test_a_time_before_there_were_time_zones_is_told_in_utc(bot):
    [clock] = bot.get("/v3/clock", time="1883-11-18T12:00:00Z").json()["clocks"]

    assert clock["timestamp"] == "1883-11-18T12:00:00+00:00"  # New York was 4 h, 56 min and 2 s behind


def test_markets_are_named_by_acronym_or_mic(bot):
    clocks = bot.get("/v3/clock", markets="NYSE,XNAS,arca").json()["clocks"]

    assert [clock["market"]["acronym"] for clock in clocks] == ["NYSE", "NASDAQ", "ARCA"]


@pytest.mark.parametrize("path", ["/v3/clock?markets=LSE", "/v3/calendar/LSE", "/v3/calendar/%00"])
def test_a_market_that_is_not_there_is_a_bad_request(bot, path):
    assert refusal(bot.get(path)) == (400, 40010000)


def test_a_day_is_told_with_all_of_its_sessions(bot):
    answer = bot.get("/v3/calendar/NYSE", start="2013-10-08", end="2013-10-08").json()

    assert answer == {
        "market": NYSE,
        "calendar": [
            {
                "date": "2013-10-08",
                "pre_start": "2013-10-08T04:00:00-04:00",
                "pre_end": "2013-10-08T09:30:00-04:00",
                "core_start": "2013-10-08T09:30:00-04:00",
                "core_end": "2013-10-08T16:00:00-04:00",
                "post_start": "2013-10-08T16:00:00-04:00",
                "post_end": "2013-10-08T20:00:00-04:00",
                "settlement_date": "2013-10-11",
            }
        ],
    }


def test_a_calendar_begins_today_and_lasts_a_week_unless_asked_otherwise(bot):
    days = [day["date"] for day in bot.get("/v3/calendar/XNYS").json()["calendar"]]

    assert (days[0], days[-1], len(days)) == ("2013-10-08", "2013-10-15", 6)


def test_times_may_be_asked_for_in_utc(bot):
    [day] = bot.get("/v3/calendar/NYSE", start="2013-10-08", end="2013-10-08", timezone="UTC").json()[
        "calendar"
    ]

    assert day["core_start"] == "2013-10-08T13:30:00+00:00"


@pytest.mark.parametrize(
    "query", [{"start": "2013-10-09", "end": "2013-10-08"}, {"timezone": "CET"}, {"start": "x"}]
)
def test_a_bad_parameter_is_refused(bot, query):
    assert refusal(bot.get("/v3/calendar/NYSE", **query)) == (400, 40010000)


@pytest.mark.parametrize(
    "query",
    [{"time": "2030-01-01T00:00:00Z"}, {"time": "soon"}, {"markets": ",".join(["NYSE"] * 21)}],
)
def test_a_bad_question_about_the_time_is_refused(bot, query):
    assert refusal(bot.get("/v3/clock", **query)) == (400, 40010000)


def test_a_calendar_may_be_asked_for_up_to_the_end_of_days(bot):
    assert bot.get("/v3/calendar/NYSE", start="9999-12-31").json()["calendar"] == []


def test_a_market_that_never_closes_has_one_phase(bot, always):
    [clock] = bot.get("/v3/clock").json()["clocks"]
    assert (clock["phase"], clock["market"]["acronym"]) == ("core", "RAXX")

    [day, *_] = bot.get("/v3/calendar/RAXX").json()["calendar"]
    assert not any(name.startswith(("pre", "post")) for name in day)
    assert refusal(bot.get("/v3/calendar/NYSE")) == (400, 40010000)


def test_there_is_no_option_contract_yet(bot):
    asked = {
        "status": "active",
        "underlying_symbols": "IBM",
        "strike_price_gte": "0",
        "strike_price_lte": "180.5",
    }
    assert bot.get("/v2/options/contracts", **asked).json() == {
        "option_contracts": [],
        "next_page_token": None,
    }
    answer = bot.get("/v2/options/contracts/IBM131019C00180000")
    assert refusal(answer) == (404, 40410000)
    assert answer.json()["message"] == "option contract IBM131019C00180000 not found"


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "10001"},
        {"type": "swap"},
        {"expiration_date": "soon"},
        {"status": "x"},
        {"strike_price_gte": "dear"},
    ],
)
def test_a_bad_question_about_contracts_is_refused(bot, query):
    assert refusal(bot.get("/v2/options/contracts", **query)) == (422, 40010001)
