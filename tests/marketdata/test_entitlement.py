"""Free, Pro and Pro+: what each may see, by every path."""

from __future__ import annotations

import pytest

from accounts.models import Tier
from matching.market.times import SECOND, new_york, parse_rfc3339
from tests.api.conftest import refusal
from tests.factories.rows import SECRET
from tests.marketdata.conftest import MONDAY, TUESDAY, WEDNESDAY
from tests.marketdata.test_history import content, pages
from trading import principal
from trading.marketdata import entitlement
from trading.marketdata.entitlement import ARCHIVE_AGE, DELAY, Window, of_tier
from trading.marketdata.errors import SubscriptionInsufficient
from trading.seen import latest_seen

NOW = new_york(TUESDAY, 12)


def instants(body):
    """Yield every instant that an answer tells, wherever it stands."""
    if isinstance(body, dict):
        for key, value in body.items():
            if key == "t":
                yield parse_rfc3339(value)
            else:
                yield from instants(value)
    elif isinstance(body, list):
        for value in body:
            yield from instants(value)


def test_every_tier_has_rights_and_a_tier_that_is_not_known_has_the_least():
    assert {tier: (of_tier(tier).delay, of_tier(tier).has_archive) for tier in Tier.values} == {
        "free": (DELAY, False),
        "pro": (0, False),
        "pro_plus": (0, True),
    }
    assert of_tier("no tier") == of_tier("free")


@pytest.mark.parametrize(
    ("tier", "asked", "seen"),
    [
        ("free", {"start": NOW - 2 * DELAY, "end": None}, (NOW - 2 * DELAY, NOW - DELAY)),
        ("free", {"start": NOW - 2 * DELAY, "end": NOW}, (NOW - 2 * DELAY, NOW - DELAY)),
        ("pro", {"start": NOW - 2 * DELAY, "end": None}, (NOW - 2 * DELAY, NOW)),
        ("pro", {"start": NOW - 2 * DELAY, "end": NOW + 1}, (NOW - 2 * DELAY, NOW)),
        ("pro", {"start": 0, "end": NOW}, (NOW - ARCHIVE_AGE, NOW)),
        ("pro_plus", {"start": 0, "end": NOW}, (0, NOW)),
        ("pro_plus", {"start": 0, "end": None, "feed": "delayed_sip"}, (0, NOW - DELAY)),
        ("free", {"start": 0, "end": None, "feed": "sip"}, (NOW - ARCHIVE_AGE, NOW - DELAY)),
        ("free", {"start": 0, "end": NOW - DELAY, "feed": "sip"}, (NOW - ARCHIVE_AGE, NOW - DELAY)),
        ("free", {"start": 0, "end": NOW, "feed": "iex"}, (NOW - ARCHIVE_AGE, NOW - DELAY)),
    ],
    ids=str,
)
def test_a_window_is_cut_to_what_a_tier_may_see(tier, asked, seen):
    assert of_tier(tier).window(**{"feed": "", **asked}, now=NOW, present_from=0) == Window(*seen)


@pytest.mark.parametrize(
    "asked", [{"start": 0, "end": NOW - DELAY + 1}, {"start": NOW, "end": None}], ids=str
)
def test_only_who_names_sip_and_asks_for_what_is_too_recent_is_refused(asked):
    with pytest.raises(SubscriptionInsufficient):
        of_tier("free").window(**asked, feed="sip", now=NOW, present_from=0)


def test_what_lies_before_a_tapes_first_day_is_archive(free, pro, pro_plus, at):
    at(TUESDAY, 12)

    def first(bot, timeframe):
        query = {"start": "2013-10-01", "timeframe": timeframe}
        return content(bot.get("/v2/stocks/IBM/bars", **query))["bars"][0]["t"][:10]

    for timeframe in ("1Min", "1Day"):
        days = [first(bot, timeframe) for bot in (free, pro, pro_plus)]
        assert days == [str(TUESDAY), str(TUESDAY), str(MONDAY)]


def test_a_delayed_caller_sees_nothing_fresher_by_any_path(free, at):
    now = at(TUESDAY, 10, 0, 7)
    paths = [
        *(
            f"/v2/stocks{one}/{kind}"
            for one in ("", "/IBM")
            for kind in ("quotes", "trades", "bars", "auctions")
        ),
        *(f"/v2/stocks{one}/{kind}/latest" for one in ("", "/IBM") for kind in ("quotes", "trades", "bars")),
        "/v2/stocks/snapshots",
        "/v2/stocks/IBM/snapshot",
    ]
    for path in paths:
        for more in (
            {},
            {"feed": "iex"},
            {"end": "2013-10-08T23:00:00Z"},
            {"sort": "desc"},
            {"feed": "delayed_sip"},
        ):
            body = content(free.get(path, symbols="IBM", timeframe="1Min", start="2013-10-08", **more))
            seen = list(instants(body))
            assert seen or "auctions" in path, path
            assert max(seen, default=0) <= now - DELAY, path


def test_a_delayed_callers_bars_in_progress_are_made_of_what_may_be_seen(free, pro, at):
    at(TUESDAY, 10, 20)
    query = {"start": "2013-10-08", "timeframe": "1Day"}

    [delayed] = content(free.get("/v2/stocks/IBM/bars", **query))["bars"]
    [real] = content(pro.get("/v2/stocks/IBM/bars", **query))["bars"]
    at(TUESDAY, 10, 5)
    [earlier] = content(pro.get("/v2/stocks/IBM/bars", **query))["bars"]

    assert delayed == earlier
    assert real["h"] > delayed["h"]
    assert content(free.get("/v2/stocks/IBM/snapshot"))["dailyBar"]["h"] < earlier["h"]


def test_the_page_token_of_another_opens_nothing(free, pro, at):
    now = at(TUESDAY, 10, 20)
    theirs = content(pro.get("/v2/stocks/IBM/trades", limit=1))["next_page_token"]

    rows = content(free.get("/v2/stocks/IBM/trades", page_token=theirs))["trades"]

    assert rows
    assert max(instants(rows)) <= now - DELAY


def test_the_documented_refusal_has_its_status_and_words(free, pro, at):
    at(TUESDAY, 10, 20)
    recent = {"feed": "sip", "end": "2013-10-08T14:20:00Z", "start": "2013-10-08", "timeframe": "1Min"}

    answers = [
        free.get("/v2/stocks/bars", symbols="IBM", **recent),
        free.get("/v2/stocks/IBM/trades", **recent),
        free.get("/v2/stocks/quotes/latest", symbols="IBM", feed="sip"),
        free.get("/v2/stocks/IBM/snapshot", feed="sip"),
    ]

    assert [refusal(answer) for answer in answers] == [(403, 42210000)] * 4
    assert {answer.json()["message"] for answer in answers} == {entitlement.REFUSAL}
    assert content(pro.get("/v2/stocks/bars", symbols="IBM", **recent))["bars"]["IBM"]
    assert content(free.get("/v2/stocks/IBM/bars", **{**recent, "end": "2013-10-08"}))["bars"]


def test_the_latest_is_what_the_tier_may_see(free, pro, at):
    now = at(WEDNESDAY, 10, 0, 5)

    for path, key in (("quotes", "quote"), ("trades", "trade")):
        fresh = content(pro.get(f"/v2/stocks/{path}/latest", symbols="IBM,ZZZZ"))
        old = content(free.get(f"/v2/stocks/IBM/{path}/latest"))
        assert list(fresh[path]) == ["IBM"]
        assert parse_rfc3339(fresh[path]["IBM"]["t"]) == now - 5 * SECOND
        assert old["symbol"] == "IBM"
        assert parse_rfc3339(old[key]["t"]) == now - DELAY - 5 * SECOND


def test_what_is_shown_beside_an_order_is_as_late_as_its_owner_sees(free, pro, at):
    now = at(TUESDAY, 10, 0, 5)

    def seen(bot):
        return latest_seen(principal.principal_of_key(bot.key.pk, SECRET, ""), ["IBM", "ZZZZ"])

    late, halted = seen(free)["IBM"], seen(free)["IBM"].is_halted

    assert list(seen(free)) == ["IBM"]
    assert (late.quote.at, late.trade.at) == (now - DELAY - 5 * SECOND,) * 2
    assert halted is False
    assert seen(pro) == {}  # no hub has published anything, and the present is its to tell


def test_the_latest_print_is_one_that_makes_a_price(pro, at):
    at(TUESDAY, 9, 39, 55)

    body = content(pro.get("/v2/stocks/IBM/trades/latest"))

    assert (body["trade"]["t"], body["trade"]["c"]) == ("2013-10-08T13:39:40Z", ["@"])


def test_nothing_is_known_before_a_market_has_begun(free, pro, at):
    at(TUESDAY, 9, 30, 5)

    assert content(free.get("/v2/stocks/quotes/latest", symbols="IBM")) == {"quotes": {}}
    assert content(free.get("/v2/stocks/snapshots", symbols="IBM")) == {}
    assert refusal(free.get("/v2/stocks/IBM/quotes/latest")) == (404, 40410000)
    assert refusal(pro.get("/v2/stocks/ZZZZ/snapshot")) == (404, 40410000)
    assert pages(free, "/v2/stocks/IBM/trades", "trades") == [[]]


def test_a_snapshot_has_the_day_and_the_day_before(pro, pro_plus, at):
    at(WEDNESDAY, 10)

    body = content(pro.get("/v2/stocks/snapshots", symbols="IBM"))["IBM"]

    assert list(body) == ["latestTrade", "latestQuote", "minuteBar", "dailyBar", "prevDailyBar"]
    assert [body[name]["t"] for name in ("minuteBar", "dailyBar", "prevDailyBar")] == [
        "2013-10-09T13:59:00Z",
        "2013-10-09T04:00:00Z",
        "2013-10-08T04:00:00Z",
    ]
    at(TUESDAY, 10)
    assert "prevDailyBar" not in content(pro.get("/v2/stocks/IBM/snapshot"))
    assert content(pro_plus.get("/v2/stocks/IBM/snapshot"))["prevDailyBar"]["t"] == "2013-10-07T04:00:00Z"


@pytest.mark.parametrize(("scopes", "status"), [(["data"], 200), (["read"], 200), (["trade"], 403)])
def test_a_key_reads_data_with_either_scope(make_bot, at, scopes, status):
    at(TUESDAY, 12)
    bot = make_bot(scopes=scopes)

    assert bot.get("/v2/stocks/IBM/trades").status_code == status


def test_a_stranger_reads_nothing(pro, at):
    pro.headers = {"APCA-API-SECRET-KEY": "wrong"}

    assert refusal(pro.get("/v2/stocks/IBM/trades")) == (401, 40110000)
