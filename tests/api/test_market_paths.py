"""GET /v2/assets, /v2/clock and /v2/calendar: what belongs to nobody."""

from __future__ import annotations

import gzip

import pytest
from alpaca.trading.models import Asset as SdkAsset, Calendar as SdkCalendar, Clock as SdkClock
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.market.calendar import ALWAYS_OPEN
from matching.market.sessions import always_open_sessions
from matching.models import CalendarDay, Market
from tests.api.conftest import FIRST_DAY, refusal
from tests.factories.rows import make_asset
from trading import reference
from trading.models import Asset


@pytest.fixture
def assets(ibm):
    make_asset("MSFT", exchange="NASDAQ", attributes=["has_options"])
    make_asset(
        "GONE", exchange="NASDAQ", status="inactive", tradable=False, marginable=False, easy_to_borrow=False
    )
    make_asset("BTC/USD", asset_class="crypto", exchange="CRYPTO")


def symbols(answer):
    assert answer.status_code == 200, answer.content
    return [asset["symbol"] for asset in answer.json()]


def test_an_asset_is_answered_with_every_field_of_the_wire(bot, ibm):
    answer = bot.get("/v2/assets/IBM").json()

    assert answer == {
        "id": str(ibm.pk),
        "class": "us_equity",
        "exchange": "NYSE",
        "symbol": "IBM",
        "name": "International Business Machines",
        "cusip": "459200101",
        "status": "active",
        "tradable": True,
        "marginable": True,
        "shortable": True,
        "easy_to_borrow": True,
        "borrow_status": "easy_to_borrow",
        "fractionable": True,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "attributes": [],
    }
    assert SdkAsset(**answer).symbol == "IBM"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["GONE", "MSFT", "IBM"]),
        ({"status": "active"}, ["MSFT", "IBM"]),
        ({"status": "inactive"}, ["GONE"]),
        ({"status": "all"}, ["GONE", "MSFT", "IBM"]),
        ({"asset_class": "crypto"}, ["BTC/USD"]),
        ({"exchange": "NASDAQ", "status": "active"}, ["MSFT"]),
        ({"exchange": "\x00"}, []),
        ({"attributes": "has_options,ipo"}, ["MSFT"]),
        ({"attributes": "\x00"}, []),
    ],
    ids=str,
)
def test_assets_are_listed_by_class_exchange_and_symbol(bot, assets, query, expected):
    assert symbols(bot.get("/v2/assets", **query)) == expected


def test_a_long_list_is_sent_compressed_to_who_understands_it(bot, ibm):
    plain = bot.get("/v2/assets")
    packed = bot.call("get", "/v2/assets", headers={"Accept-Encoding": "gzip, deflate"})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert "Content-Encoding" not in plain.headers


def test_assets_take_as_many_queries_for_500_as_for_one(bot, ibm):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert bot.get("/v2/assets").status_code == 200
        return len(captured)

    queries()
    for_one = queries()
    Asset.objects.bulk_create([Asset(symbol=f"A{number}") for number in range(499)])

    assert queries() == for_one
    assert len(bot.get("/v2/assets").json()) == 500


@pytest.mark.parametrize("query", [{"status": "dead"}, {"asset_class": "art"}], ids=str)
def test_a_bad_filter_is_refused(bot, assets, query):
    assert refusal(bot.get("/v2/assets", **query)) == (422, 40010001)


@pytest.mark.parametrize("name", ["BTC/USD", "BTC%2FUSD", "BTCUSD"])
def test_a_crypto_pair_is_named_with_or_without_its_slash(bot, assets, name):
    assert bot.get(f"/v2/assets/{name}").json()["symbol"] == "BTC/USD"


def test_an_asset_is_named_by_id_or_cusip_too(bot, ibm):
    assert (
        bot.get(f"/v2/assets/{ibm.pk}").json()["symbol"]
        == bot.get("/v2/assets/459200101").json()["symbol"]
        == "IBM"
    )


@pytest.mark.parametrize(
    "name", ["NOPE", "ibm", "%00", "x" * 500, "01a206b7-bd3b-75cc-90b2-57bc5c83bf58", "a/b/c"]
)
def test_an_asset_that_is_not_there_is_not_found(bot, assets, name):
    assert refusal(bot.get(f"/v2/assets/{name}")) == (404, 40410000)


def test_an_asset_that_was_changed_is_seen_when_its_time_is_over(bot, ibm, monkeypatch):
    assert bot.get("/v2/assets/IBM").json()["tradable"] is True
    type(ibm).objects.update(tradable=False)
    monkeypatch.setattr(reference.time, "monotonic", lambda: 10.0**9)

    assert bot.get("/v2/assets/IBM").json()["tradable"] is False


@pytest.mark.parametrize(
    ("now", "is_open", "next_open", "next_close"),
    [
        ("2013-10-08T16:00:00Z", True, "2013-10-09T09:30:00-04:00", "2013-10-08T16:00:00-04:00"),
        ("2013-10-08T13:29:59.999999Z", False, "2013-10-08T09:30:00-04:00", "2013-10-08T16:00:00-04:00"),
        ("2013-10-08T13:30:00Z", True, "2013-10-09T09:30:00-04:00", "2013-10-08T16:00:00-04:00"),
        ("2013-10-08T20:00:00Z", False, "2013-10-09T09:30:00-04:00", "2013-10-09T16:00:00-04:00"),
        ("2013-11-01T21:00:00Z", False, "2013-11-04T09:30:00-05:00", "2013-11-04T16:00:00-05:00"),
    ],
    ids=["noon", "before the open", "at the open", "at the close", "over the end of summer time"],
)
def test_the_clock_is_the_tapes_in_new_yorks_time(bot, now, is_open, next_open, next_close):
    Market.objects.update(anchor_at=now)

    answer = bot.get("/v2/clock").json()

    assert {name: answer[name] for name in ("is_open", "next_open", "next_close")} == {
        "is_open": is_open,
        "next_open": next_open,
        "next_close": next_close,
    }
    assert answer["timestamp"][-6:] in {"-04:00", "-05:00"}
    assert SdkClock(**answer).is_open is is_open


def test_the_calendar_is_listed_with_both_ends(bot):
    answer = bot.get("/v2/calendar", start="2013-10-11", end="2013-10-14").json()

    assert answer == [
        {
            "date": date,
            "open": "09:30",
            "close": "16:00",
            "session_open": "0400",
            "session_close": "2000",
            "settlement_date": settles,
        }
        for date, settles in (("2013-10-11", "2013-10-14"), ("2013-10-14", "2013-10-17"))
    ]
    assert str(SdkCalendar(**answer[0]).close) == "2013-10-11 16:00:00"


def test_the_calendar_may_be_asked_by_settlement_by_instant_or_for_everything(bot):
    def dates(**query):
        return [day["date"] for day in bot.get("/v2/calendar", **query).json()]

    assert dates(start="2013-10-14", end="2013-10-14", date_type="SETTLEMENT") == ["2013-10-11"]
    assert dates(start="2013-10-14T00:00:00+00:00", end="2013-10-14T00:00:00Z") == ["2013-10-14"]
    assert dates()[0] == str(FIRST_DAY)
    assert len(dates()) == CalendarDay.objects.count()


@pytest.mark.parametrize(
    "query",
    [
        {"start": "soon"},
        {"end": "2013-02-30"},
        {"date_type": "OTHER"},
        {"start": "2013-10-14", "end": "2013-10-11"},
    ],
    ids=str,
)
def test_a_bad_range_is_refused(bot, query):
    assert refusal(bot.get("/v2/calendar", **query)) == (422, 40010001)


def test_a_market_that_never_closes_ends_its_days_a_minute_before_midnight(bot):
    # Clients read the hours as of the day's own date: 24:00 is none, and 00:00 would be its beginning.
    days = always_open_sessions(FIRST_DAY, FIRST_DAY)
    CalendarDay.objects.bulk_create(CalendarDay(calendar=ALWAYS_OPEN, **day.as_row()) for day in days)
    Market.objects.update(calendar=ALWAYS_OPEN)

    [day] = bot.get("/v2/calendar").json()

    assert (day["open"], day["close"], day["session_close"]) == ("00:00", "23:59", "2359")
    assert SdkCalendar(**day).close > SdkCalendar(**day).open


def test_a_choice_is_told_with_the_words_that_there_are(bot):
    answer = bot.get("/v2/assets", status="gone")

    assert refusal(answer) == (422, 40010001)
    assert answer.json()["message"] == "status must be one of active, inactive, all"
