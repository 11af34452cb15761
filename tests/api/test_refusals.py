"""POST and PATCH /v2/orders with what must not be accepted: the documented error, and nothing changed."""

from __future__ import annotations

import pytest

from tests.api.conftest import refusal, told
from tests.factories.rows import make_asset
from tests.factories.sessions import every_owned_row
from trading.models import Order, TradingAccount

UNREADABLE, INVALID, RULE, DENIED = (400, 40010000), (422, 40010001), (422, 42210000), (403, 40310000)

LONG = "9" * 40

REFUSED_TERMS = {
    "unknown symbol": ({"symbol": "NOPE"}, RULE),
    "symbol with a NUL": ({"symbol": "IB\x00M"}, RULE),
    "symbol of a thousand letters": ({"symbol": "I" * 1000}, RULE),
    "no symbol": ({"symbol": None}, INVALID),
    "empty symbol": ({"symbol": ""}, INVALID),
    "neither qty nor notional": ({"qty": None}, INVALID),
    "both qty and notional": ({"notional": "5"}, INVALID),
    "zero": ({"qty": 0}, INVALID),
    "negative": ({"qty": "-1"}, INVALID),
    "not a number": ({"qty": "NaN"}, INVALID),
    "infinite": ({"qty": "Infinity"}, INVALID),
    "a boolean": ({"qty": True}, INVALID),
    "an object": ({"qty": {"a": 1}}, INVALID),
    "a list": ({"qty": [1]}, INVALID),
    "a word": ({"qty": "ten"}, INVALID),
    "blanks": ({"qty": " 10 "}, INVALID),
    "an underscore": ({"qty": "1_0"}, INVALID),
    "other digits": ({"qty": "\u0661\u0660"}, INVALID),
    "a sign": ({"qty": "+10"}, INVALID),
    "hexadecimal": ({"qty": "0x10"}, INVALID),
    "forty digits": ({"qty": LONG}, INVALID),
    "forty decimals": ({"qty": f"0.{LONG}"}, INVALID),
    "a thousand digits": ({"qty": "1" * 1000}, INVALID),
    "ten decimals": ({"qty": "1.1234567891"}, INVALID),
    "less than a billionth": ({"qty": "0.0000000001"}, INVALID),
    "too many shares": ({"qty": "1000000000"}, INVALID),
    "limit of zero": ({"limit_price": 0}, INVALID),
    "negative limit": ({"limit_price": -5}, INVALID),
    "limit of forty digits": ({"limit_price": LONG}, INVALID),
    "limit that is no number": ({"limit_price": "NaN"}, INVALID),
    "limit without a limit": ({"limit_price": None}, INVALID),
    "market with a limit": ({"type": "market"}, INVALID),
    "limit with a stop": ({"stop_price": "90"}, INVALID),
    "stop without a stop": ({"type": "stop", "limit_price": None}, INVALID),
    "trail on a limit": ({"trail_price": "1"}, INVALID),
    "sub-penny above a dollar": ({"limit_price": "100.001"}, RULE),
    "noise on a price": ({"limit_price": 100.10000000000001}, RULE),
    "five decimals below a dollar": ({"limit_price": "0.50001"}, RULE),
    "no side": ({"side": None}, INVALID),
    "unknown side": ({"side": "hold"}, INVALID),
    "no type": ({"type": None}, INVALID),
    "unknown type": ({"type": "magic"}, INVALID),
    "no time in force": ({"time_in_force": None}, INVALID),
    "unknown time in force": ({"time_in_force": "never"}, INVALID),
    "unknown class": ({"order_class": "best"}, INVALID),
    "take-profit of a simple order": ({"take_profit": {"limit_price": "110"}}, INVALID),
    "unknown intent": ({"position_intent": "buy"}, INVALID),
    "intent of a short": ({"position_intent": "buy_to_close"}, RULE),
    "intent of the other side": ({"position_intent": "sell_to_close"}, RULE),
    "client id of 129": ({"client_order_id": "x" * 129}, INVALID),
    "client id with a NUL": ({"client_order_id": "a\x00b"}, INVALID),
    "opg at noon": ({"time_in_force": "opg"}, DENIED),
    "mleg": ({"order_class": "mleg"}, RULE),
    "fraction, gtc": ({"qty": "1.5", "time_in_force": "gtc"}, RULE),
    "fraction in extended hours": ({"qty": "1.5", "extended_hours": True}, RULE),
    "fraction of a whole-share asset": ({"symbol": "WHOLE", "qty": "1.5"}, RULE),
    "fraction for less than a dollar": ({"qty": "0.001"}, DENIED),
    "notional limit": ({"qty": None, "notional": "50"}, RULE),
    "notional below a dollar": (
        {"qty": None, "notional": "0.99", "type": "market", "limit_price": None},
        INVALID,
    ),
    "notional ioc": (
        {"qty": None, "notional": "5", "type": "market", "limit_price": None, "time_in_force": "ioc"},
        RULE,
    ),
    "market in extended hours": ({"type": "market", "limit_price": None, "extended_hours": True}, RULE),
    "ioc in extended hours": ({"time_in_force": "ioc", "extended_hours": True}, RULE),
    "extended hours, perhaps": ({"extended_hours": "perhaps"}, INVALID),
    "inactive asset": ({"symbol": "GONE"}, INVALID),
    "halted asset": ({"symbol": "HALTED"}, RULE),
    "asset of another market": ({"symbol": "ELSEWHERE"}, RULE),
    "more than the buying power": ({"qty": "1001"}, DENIED),
    "a fortune": ({"qty": "999999999", "limit_price": "999999999.99"}, DENIED),
    "a sale of nothing held": ({"side": "sell"}, DENIED),
    "a repeated client id": ({"client_order_id": "taken"}, INVALID),
    "a repeated client id of an unknown asset": ({"client_order_id": "taken", "symbol": "NOPE"}, INVALID),
    "a repeated client id that costs too much": ({"client_order_id": "taken", "qty": "5000"}, INVALID),
}

REFUSED_BODIES = {
    "nothing": (b"", UNREADABLE),
    "not JSON": (b"qty=1", UNREADABLE),
    "cut short": (b'{"symbol": "IBM"', UNREADABLE),
    "more than one value": (b"{} {}", UNREADABLE),
    "a list": (b"[]", UNREADABLE),
    "null": (b"null", UNREADABLE),
    "NaN": (b'{"symbol": "IBM", "qty": NaN}', UNREADABLE),
    "not UTF-8": (b'{"symbol": "\xff\xfe"}', UNREADABLE),
    "half a surrogate": (b'{"client_order_id": "\\ud800"}', UNREADABLE),
    "deeper than any order": (b'{"x":' + b"[" * 30_000 + b"]" * 30_000 + b"}", UNREADABLE),
    "a symbol that is a number": (b'{"symbol": 7}', UNREADABLE),
    "a take-profit that is a string": (b'{"symbol": "IBM", "take_profit": "5"}', UNREADABLE),
    "no fields": (b"{}", INVALID),
    "1e309": (
        b'{"symbol":"IBM","qty":1e309,"side":"buy","type":"limit","time_in_force":"day","limit_price":1}',
        INVALID,
    ),
    "1e-400": (
        b'{"symbol":"IBM","qty":1e-400,"side":"buy","type":"limit","time_in_force":"day","limit_price":1}',
        INVALID,
    ),
    "1e999999999": (
        b'{"symbol":"IBM","qty":1e999999999,"side":"buy","type":"limit","time_in_force":"day","limit_price":1}',
        INVALID,
    ),
    "64 KiB and one": (b"{" + b" " * 65_536, (413, 41310000)),
    "three megabytes": (b"{" + b" " * 3_000_000, (413, 41310000)),
}

REFUSED_REPLACEMENTS = {
    "nothing": (b"", UNREADABLE),
    "a list": (b"[]", UNREADABLE),
    "not JSON": (b"qty=1", UNREADABLE),
    "no change asked for": ({}, RULE),
    "no change made": ({"qty": "10", "limit_price": "100", "time_in_force": "day"}, RULE),
    "zero": ({"qty": 0}, INVALID),
    "a fraction": ({"qty": "10.5"}, INVALID),
    "NaN": ({"qty": "NaN"}, INVALID),
    "forty digits": ({"qty": LONG}, INVALID),
    "1e309": (b'{"limit_price": 1e309}', INVALID),
    "a boolean": ({"limit_price": False}, INVALID),
    "sub-penny": ({"limit_price": "100.001"}, RULE),
    "what is filled already": ({"qty": "4"}, RULE),
    "a stop": ({"stop_price": "90"}, INVALID),
    "a trail": ({"trail": "1"}, INVALID),
    "unknown time in force": ({"time_in_force": "never"}, INVALID),
    "opg at noon": ({"time_in_force": "opg"}, DENIED),
    "client id of 129": ({"limit_price": "99", "client_order_id": "x" * 129}, INVALID),
    "a repeated client id": ({"limit_price": "99", "client_order_id": "taken"}, INVALID),
    "more than the buying power": ({"qty": "2000"}, DENIED),
}


@pytest.fixture
def assets(ibm):
    make_asset("WHOLE", fractionable=False)
    make_asset("HALTED", tradable=False)
    make_asset("GONE", status="inactive")
    make_asset("ELSEWHERE")


@pytest.mark.parametrize(("terms", "expected"), REFUSED_TERMS.values(), ids=REFUSED_TERMS)
def test_a_refused_order_leaves_nothing_behind(bot, assets, show, terms, expected):
    show(bid="99", ask="100", last="100")
    assert bot.order(client_order_id="taken", qty="1").status_code == 200
    before = every_owned_row()

    answer = bot.order(**terms)

    assert refusal(answer) == expected, answer.content
    assert every_owned_row() == before


@pytest.mark.parametrize(("body", "expected"), REFUSED_BODIES.values(), ids=REFUSED_BODIES)
def test_a_refused_body_leaves_nothing_behind(bot, body, expected):
    before = every_owned_row()

    answer = bot.post("/v2/orders", body)

    assert refusal(answer) == expected, answer.content
    assert every_owned_row() == before


@pytest.mark.parametrize(("body", "expected"), REFUSED_REPLACEMENTS.values(), ids=REFUSED_REPLACEMENTS)
def test_a_refused_replacement_leaves_nothing_behind(bot, desk, body, expected):
    bot.order(client_order_id="taken", qty="1")
    order = bot.order(qty="10").json()
    desk.decide((order["id"], "new"), (order["id"], "partial_fill", "4", "100"))
    before = every_owned_row()

    answer = bot.patch(f"/v2/orders/{order['id']}", body)

    assert refusal(answer) == expected, answer.content
    assert every_owned_row() == before


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "text/xml"],
)
def test_a_body_that_says_it_is_not_json_is_refused(bot, content_type):
    answer = bot.post("/v2/orders", b"{}", content_type=content_type)

    assert refusal(answer) == (415, 41510000)


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_is_json_however_it_is_called(bot, content_type):
    assert refusal(bot.post("/v2/orders", b"{}", content_type=content_type)) == INVALID


def test_want_of_money_is_told_with_the_figures(bot):
    bot.order(qty="900")

    answer = bot.order(qty="100.5")

    assert refusal(answer) == DENIED
    assert told(answer) == {
        "code": 40310000,
        "message": "insufficient buying power",
        "buying_power": "10000",
        "cost_basis": "10050",
    }


def test_want_of_shares_is_told_with_the_figures_and_the_orders_that_hold_them(bot, holding):
    holding("10")
    first = bot.order(side="sell", qty="6", limit_price="120").json()

    answer = bot.order(side="sell", qty="5", limit_price="130")

    assert refusal(answer) == DENIED
    assert told(answer) == {
        "code": 40310000,
        "message": "insufficient qty available for order (requested: 5, available: 4)",
        "available": "4",
        "existing_qty": "10",
        "held_for_orders": "6",
        "related_orders": [first["id"]],
        "symbol": "IBM",
    }


@pytest.mark.parametrize(
    ("resting", "crossing", "is_wash"),
    [
        ({"side": "sell", "qty": "5", "limit_price": "110"}, {"limit_price": "110"}, True),
        ({"side": "sell", "qty": "5", "limit_price": "110"}, {"limit_price": "109.99"}, False),
        ({"side": "sell", "qty": "5", "limit_price": "110"}, {"type": "market", "limit_price": None}, True),
        ({"limit_price": "90"}, {"side": "sell", "qty": "5", "limit_price": "90"}, True),
        ({"limit_price": "90"}, {"side": "sell", "qty": "5", "limit_price": "90.01"}, False),
    ],
)
def test_an_order_that_could_meet_ones_own_is_a_wash_trade(bot, holding, show, resting, crossing, is_wash):
    holding("10")
    show(bid="99", ask="100", last="100")
    first = bot.order(**resting).json()
    before = every_owned_row()

    answer = bot.order(**crossing)

    if not is_wash:
        assert answer.status_code == 200, answer.content
        return
    assert refusal(answer) == DENIED
    assert answer.json()["existing_order_id"] == first["id"]
    assert answer.json()["reject_reason"]
    assert every_owned_row() == before


def test_a_name_is_used_up_for_ever_and_the_first_order_stays_the_only_one(bot, desk):
    first = bot.order(client_order_id="once").json()
    desk.decide((first["id"], "new"), (first["id"], "canceled"))

    again = bot.order(client_order_id="once")

    assert refusal(again) == INVALID
    assert again.json()["message"] == "client_order_id must be unique"
    assert Order.objects.count() == 1


def test_two_accounts_may_use_the_same_name(bot, make_bot):
    assert [one.order(client_order_id="same").status_code for one in (bot, make_bot())] == [200, 200]


def test_a_closed_account_places_nothing(bot):
    TradingAccount.objects.update(status="ACCOUNT_CLOSED")

    assert refusal(bot.order()) == DENIED
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("terms", "quoted"),
    [
        ('"qty":1e-400,"limit_price":1', "qty 1e-400 has"),
        ('"qty":"0.0000000001","limit_price":1', "qty 0.0000000001 has"),
        (f'"qty":"0.{"1" * 50}","limit_price":1', f"qty 0.{'1' * 38}... has"),
        ('"notional":1.5e-400', "notional 1.5e-400 has"),
        ('"qty":1,"limit_price":1e-400', "invalid limit_price 1E-400: a"),
    ],
)
def test_a_number_that_is_refused_is_quoted_as_it_was_sent_and_never_at_length(bot, terms, quoted):
    answer = bot.post(
        "/v2/orders",
        f'{{"symbol":"IBM","side":"buy","type":"limit","time_in_force":"day",{terms}}}',
    )

    assert answer.status_code == 422
    assert quoted in answer.json()["message"]
