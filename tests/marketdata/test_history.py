"""/v2/stocks/{quotes,trades,bars}: the past of a tape, and never its future."""

from __future__ import annotations

from typing import Any

import pytest

from matching.engine.types import DOLLAR
from matching.market.times import SECOND, new_york, parse_rfc3339, rfc3339
from tests.api.conftest import refusal
from tests.marketdata.conftest import MONDAY, TUESDAY, WEDNESDAY, price_at


def content(answer):
    assert answer.status_code == 200, answer.content
    return answer.json()


def pages(bot, path, key, **query):
    """Return all pages of an answer; each but the last has a token."""
    found: list[Any] = []
    token = None
    while len(found) < 2_000:
        body = content(bot.get(path, **query, **({"page_token": token} if token else {})))
        found.append(body[key])
        token = body["next_page_token"]
        if token is None:
            return found
    message = "the pages do not end"
    raise AssertionError(message)


def test_a_print_is_told_with_every_field_of_the_wire(pro, at):
    at(TUESDAY, 9, 30, 5)

    body = content(pro.get("/v2/stocks/trades", symbols="IBM"))

    [trade] = body["trades"]["IBM"]
    assert trade.pop("i") > 0
    assert body == {"trades": {"IBM": [trade]}, "next_page_token": None}
    assert trade == {"t": "2013-10-08T13:30:00Z", "x": "N", "p": 110, "s": 100, "c": ["@"], "z": "A"}


def test_a_quote_is_told_with_every_field_of_the_wire(pro, at):
    at(TUESDAY, 9, 30, 5)

    body = content(pro.get("/v2/stocks/MSFT/quotes"))

    [quote] = body["quotes"]
    assert body == {"symbol": "MSFT", "quotes": [quote], "next_page_token": None}
    assert quote == {
        "t": "2013-10-08T13:30:00Z",
        "ax": "Q",
        "ap": 40.01,
        "as": 200,
        "bx": "Q",
        "bp": 39.99,
        "bs": 300,
        "c": ["R"],
        "z": "C",
    }


def test_a_minute_bar_is_made_of_its_minutes_prints(pro, at):
    at(TUESDAY, 9, 31)

    body = content(pro.get("/v2/stocks/bars", symbols="IBM", timeframe="1Min"))

    assert body["bars"]["IBM"] == [
        {
            "t": "2013-10-08T13:30:00Z",
            "o": 110,
            "h": 110.05,
            "l": 110,
            "c": 110.05,
            "v": 600,
            "n": 6,
            "vw": 110.025,
        }
    ]


def test_a_minute_is_told_when_it_is_over_and_not_before(pro, at):
    at(TUESDAY, 9, 31, 59)

    assert len(content(pro.get("/v2/stocks/bars", symbols="IBM", timeframe="1Min"))["bars"]["IBM"]) == 1
    at(TUESDAY, 9, 32)
    assert len(content(pro.get("/v2/stocks/bars", symbols="IBM", timeframe="1Min"))["bars"]["IBM"]) == 2


def test_an_odd_lot_is_a_print_but_makes_no_bar(pro, at):
    at(TUESDAY, 10)
    span = {"start": "2013-10-08T13:39:00Z", "end": "2013-10-08T13:39:59Z"}

    trades = content(pro.get("/v2/stocks/IBM/trades", **span))["trades"]
    [bar] = content(pro.get("/v2/stocks/IBM/bars", timeframe="1Min", **span))["bars"]

    assert [trade["c"] for trade in trades] == [["@"]] * 5 + [["@", "I"]]
    assert (bar["n"], bar["v"], bar["c"]) == (5, 500, 110.58)


@pytest.mark.parametrize(
    ("timeframe", "starts"),
    [
        ("5Min", ["13:30", "13:35", "13:40", "13:45", "13:50", "13:55", "14:00", "14:05", "14:10"]),
        ("7T", ["13:27", "13:34", "13:41", "13:48", "13:55", "14:02", "14:09"]),
        ("1Hour", ["13:00", "14:00"]),
        ("4H", ["12:00"]),
        ("1Day", ["04:00"]),
    ],
)
def test_longer_bars_begin_where_new_yorks_day_says(pro, at, timeframe, starts):
    at(TUESDAY, 10, 15)

    bars = content(pro.get("/v2/stocks/IBM/bars", timeframe=timeframe, start="2013-10-08"))["bars"]

    assert [bar["t"][11:16] for bar in bars] == starts
    assert sum(bar["n"] for bar in bars) == 45 * 6 - 4
    assert (bars[0]["o"], bars[-1]["c"]) == (110, price_at("IBM", TUESDAY, 45 * 60 - 10 - 0) / DOLLAR)


@pytest.mark.parametrize(
    ("timeframe", "first"),
    [("1Week", "2013-10-07"), ("1Month", "2013-10-01"), ("3M", "2013-10-01"), ("12Month", "2013-01-01")],
)
def test_days_are_gathered_to_weeks_and_months(pro_plus, at, timeframe, first):
    at(WEDNESDAY, 16)

    [bar] = content(pro_plus.get("/v2/stocks/IBM/bars", timeframe=timeframe, start="2012-01-01"))["bars"]

    hour = "05" if first == "2013-01-01" else "04"
    assert bar["t"] == f"{first}T{hour}:00:00Z"
    assert (bar["o"], bar["h"], bar["n"]) == (100, 123.58, 3 * (360 - 6))


@pytest.mark.parametrize("kind", ["quotes", "trades", "bars"])
def test_pages_of_one_symbol_after_another_are_the_whole(pro, at, kind):
    at(TUESDAY, 10, 30)
    query = {"symbols": "MSFT,IBM", "timeframe": "1Min"}

    [whole] = pages(pro, f"/v2/stocks/{kind}", kind, **query, limit=10_000)
    parts = pages(pro, f"/v2/stocks/{kind}", kind, **query, limit=7)

    assert list(whole) == ["IBM", "MSFT"]
    assert [sum(map(len, part.values())) for part in parts[:-1]] == [7] * (len(parts) - 1)
    for symbol, rows in whole.items():
        assert [row for part in parts for row in part.get(symbol, [])] == rows


@pytest.mark.parametrize("kind", ["quotes", "trades", "bars"])
def test_the_newest_first_is_the_same_the_other_way_round(pro_plus, at, kind):
    at(WEDNESDAY, 10, 30)

    for timeframe in ["1Min", "7Min", "1Hour", "1Day", "1Week"] if kind == "bars" else [""]:
        query = {"timeframe": timeframe, "start": "2013-10-07"}
        [forwards] = pages(pro_plus, f"/v2/stocks/IBM/{kind}", kind, **query, limit=10_000)
        backwards = pages(pro_plus, f"/v2/stocks/IBM/{kind}", kind, **query, limit=50, sort="desc")

        assert forwards
        assert [row for part in backwards for row in part] == forwards[::-1], timeframe


def test_the_pages_of_a_market_that_moves_have_an_end(pro, at):
    at(TUESDAY, 9, 40)
    seen, token = [], ""
    for minute in range(41, 60):
        body = content(pro.get("/v2/stocks/IBM/trades", limit=20, page_token=token))
        seen += body["trades"]
        token = body["next_page_token"]
        at(TUESDAY, 9, minute)
        if token is None:
            break

    assert token is None
    assert seen[-1]["t"] == "2013-10-08T13:40:00Z"


@pytest.mark.parametrize("path", ["quotes", "trades", "bars", "auctions"])
def test_the_future_of_a_tape_is_told_to_nobody(bots, at, path):
    now = at(TUESDAY, 9, 50, 3)
    for one in bots.values():
        for more in (
            {},
            {"end": "2013-10-09T23:00:00Z"},
            {"end": "2013-10-08"},
            {"sort": "desc", "end": "2099-01-01"},
        ):
            query = {"start": "2013-10-01", "timeframe": "1Min", "feed": "iex", **more}
            for rows in pages(one, f"/v2/stocks/IBM/{path}", path, **query):
                instants = [parse_rfc3339(row["t"]) for row in rows if "t" in row]
                assert all(instant <= now for instant in instants)
        for row in content(one.get("/v2/stocks/IBM/bars", timeframe="1Day", start="2013-10-08"))["bars"]:
            assert row["h"] <= price_at("IBM", TUESDAY, 20 * 60) / DOLLAR


def test_a_tape_that_was_restarted_has_no_past_again(pro, at):
    at(TUESDAY, 10)
    first = content(pro.get("/v2/stocks/IBM/trades", limit=10))
    at(TUESDAY, 9, 30, 25)

    assert len(content(pro.get("/v2/stocks/IBM/trades"))["trades"]) == 3
    rest = content(pro.get("/v2/stocks/IBM/trades", page_token=first["next_page_token"]))
    assert (rest["trades"], rest["next_page_token"]) == ([], None)


def test_both_ends_are_included_to_the_nanosecond(pro, at):
    at(TUESDAY, 10)
    open_at = new_york(TUESDAY, 9, 30)

    def times(first, last):
        query = {"start": rfc3339(first), "end": rfc3339(last)}
        return [row["t"][17:19] for row in content(pro.get("/v2/stocks/IBM/trades", **query))["trades"]]

    assert times(open_at, open_at + 10 * SECOND) == ["00", "10"]
    assert times(open_at + 1, open_at + 10 * SECOND) == ["10"]
    assert times(open_at, open_at + 10 * SECOND - 1) == ["00"]


def test_a_symbol_of_another_market_is_left_out(pro, at):
    at(TUESDAY, 10)

    answer = content(pro.get("/v2/stocks/trades", symbols="IBM,ZZZZ", limit=1))

    assert list(answer["trades"]) == ["IBM"]
    assert content(pro.get("/v2/stocks/trades", symbols="ZZZZ")) == {"trades": {}, "next_page_token": None}
    assert content(pro.get("/v2/stocks/ZZZZ/trades"))["trades"] == []


BAD = [
    {"symbols": ""},
    {"symbols": "ibm"},
    {"symbols": "IBM,A B"},
    {"symbols": "IBM\x00"},
    {"symbols": "X" * 50},
    {"timeframe": "60Min"},
    {"timeframe": "2Day"},
    {"timeframe": "5Month"},
    {"timeframe": ""},
    {"adjustment": "wrong"},
    {"limit": "0"},
    {"limit": "10001"},
    {"start": "soon"},
    {"start": "2013-10-09", "end": "2013-10-08"},
    {"feed": "gossip"},
    {"currency": "EUR"},
    {"sort": "up"},
    {"page_token": "bogus"},
    {"page_token": "AAAA"},
]


def test_a_question_that_cannot_be_right_is_a_bad_request(pro, at):
    at(TUESDAY, 10)

    found = {
        str(bad): refusal(pro.get("/v2/stocks/bars", **{"symbols": "IBM", "timeframe": "1Min", **bad}))
        for bad in BAD
    }

    assert found == dict.fromkeys(map(str, BAD), (400, 40010000))


def test_an_auction_of_each_day_is_told_when_it_was(pro_plus, at, tape):
    for on in (MONDAY, TUESDAY):
        path = tape / "IBM" / f"{on}.csv"
        closing = f"{rfc3339(new_york(on, 16))},auction,,,,,123.45,5000,closing"
        path.write_text(path.read_text() + closing + "\n")
    at(TUESDAY, 15, 59)
    query = {"start": "2013-10-07", "end": "2013-10-09"}

    before = content(pro_plus.get("/v2/stocks/auctions", symbols="IBM", **query))
    at(TUESDAY, 16)
    after = content(pro_plus.get("/v2/stocks/IBM/auctions", **query, sort="desc"))["auctions"]

    print_of = {"t": "2013-10-07T20:00:00Z", "x": "N", "p": 123.45, "s": 5000, "c": "M"}
    assert before == {
        "auctions": {"IBM": [{"d": "2013-10-07", "o": [], "c": [print_of]}]},
        "next_page_token": None,
    }
    assert [day["d"] for day in after] == ["2013-10-08", "2013-10-07"]


def test_the_letters_of_exchanges_and_conditions_are_told(pro):
    assert content(pro.get("/v2/stocks/meta/exchanges"))["N"] == "New York Stock Exchange"
    assert "@" in content(pro.get("/v2/stocks/meta/conditions/trade", tape="A"))
    assert "R" in content(pro.get("/v2/stocks/meta/conditions/quote", tape="C"))
    assert refusal(pro.get("/v2/stocks/meta/conditions/other")) == (404, 40410000)
