"""GET /v2/orders and one order: filters, order, limits, memberships, and a constant number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from alpaca.trading.models import Order as SdkOrder
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.engine.states import Status
from matching.engine.units import DOLLAR
from matching.models import Watermark
from tests.api.conftest import refusal
from tests.factories.rows import NOON, make_asset, make_order
from trading import reference

MINUTE = timedelta(minutes=1)


@pytest.fixture
def orders(bot, ibm):
    """Return five orders a minute apart, the first at NOON: names a to e."""
    msft = make_asset("MSFT")
    filled = {"status": "filled", "filled_quantity": "10", "filled_money": "1001", "filled_at": NOON}
    told: list[tuple[str, Any, dict[str, Any]]] = [
        ("a", ibm, {}),
        ("b", msft, {"side": "sell"}),
        ("c", ibm, filled),
        ("d", msft, {"status": "canceled"}),
        ("e", ibm, {"status": "new"}),
    ]
    rows = {}
    for minute, (name, asset, fields) in enumerate(told):
        at = NOON + minute * MINUTE
        terms = {"created_at": at, "submitted_at": at, "updated_at": at} | fields
        rows[name] = make_order(bot.account, asset, client_order_id=name, **terms)
    return rows


def names(answer):
    assert answer.status_code == 200, answer.content
    return "".join(order["client_order_id"] for order in answer.json())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "eba"),
        ({"status": "open"}, "eba"),
        ({"status": "closed"}, "dc"),
        ({"status": "all"}, "edcba"),
        ({"status": "all", "direction": "asc"}, "abcde"),
        ({"status": "all", "limit": "2"}, "ed"),
        ({"status": "all", "limit": "500"}, "edcba"),
        ({"status": "all", "side": "sell"}, "b"),
        ({"status": "all", "symbols": "IBM"}, "eca"),
        ({"status": "all", "symbols": "IBM,MSFT"}, "edcba"),
        ({"status": "all", "symbols": ""}, "edcba"),
        ({"status": "all", "symbols": "NOPE,\x00"}, ""),
        ({"status": "all", "asset_class": "us_equity"}, "edcba"),
        ({"status": "all", "asset_class": "crypto"}, ""),
        ({"status": "all", "nested": "True"}, "edcba"),
        ({"status": "all", "after": "2013-10-08T16:01:00Z"}, "edc"),
        ({"status": "all", "until": "2013-10-08T16:01:00Z"}, "a"),
        ({"status": "all", "until": "2013-10-08T16:01:00.000000001Z"}, "ba"),
        ({"status": "all", "after": "2013-10-08T16:00:59.999999999Z"}, "edcb"),
        ({"status": "all", "after": "2013-10-08T12:01:00-04:00", "until": "2013-10-08T16:04:00+00:00"}, "dc"),
        ({"status": "all", "after": "2013-10-08T16:01:00"}, "edc"),
        ({"status": "all", "after": "2013-10-08"}, "edcba"),
        ({"status": "all", "until": "2013-10-08"}, ""),
    ],
)
def test_the_list_is_what_was_asked_for(bot, orders, query, expected):
    assert names(bot.get("/v2/orders", **query)) == expected


def test_a_page_goes_on_from_an_order(bot, orders):
    def page(**query):
        return names(bot.get("/v2/orders", status="all", **query))

    assert page(before_order_id=orders["c"].pk) == "ba"
    assert page(after_order_id=orders["c"].pk) == "ed"
    assert page(after_order_id=orders["c"].pk, direction="asc") == "de"


def test_pages_of_orders_of_one_instant_neither_repeat_nor_lose_any(bot, ibm):
    made = [str(make_order(bot.account, ibm).pk) for _ in range(5)]

    seen: list[str] = []
    last: dict[str, str] = {}
    while page := bot.get("/v2/orders", direction="asc", limit="2", **last).json():
        seen += [order["id"] for order in page]
        last = {"after_order_id": seen[-1]}

    assert seen == sorted(made)


@pytest.mark.parametrize(
    "query",
    [
        {"status": "everything"},
        {"direction": "up"},
        {"side": "hold"},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "-1"},
        {"limit": "1.5"},
        {"limit": "9" * 40},
        {"limit": "ten"},
        {"nested": "perhaps"},
        {"after": "yesterday"},
        {"until": "2013-13-01"},
        {"after": "0001-01-01T00:00:00+14:00"},
        {"asset_class": "art"},
        {"before_order_id": "one"},
        {"before_order_id": "01a206b7-bd3b-75cc-90b2-57bc5c83bf58"},
        {"after_order_id": "\x00"},
    ],
    ids=str,
)
def test_a_bad_parameter_is_refused(bot, orders, query):
    assert refusal(bot.get("/v2/orders", **query)) == (422, 40010001)


def test_parameters_that_exclude_each_other_are_refused(bot, orders):
    one, other = orders["a"].pk, orders["b"].pk

    assert refusal(bot.get("/v2/orders", before_order_id=one, after_order_id=other)) == (422, 40010001)
    assert refusal(bot.get("/v2/orders", before_order_id=one, after="2013-10-08")) == (422, 40010001)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_either_open_or_closed(bot, ibm, status):
    make_order(bot.account, ibm, status=status.value, client_order_id="x")
    is_closed = status in {"filled", "canceled", "expired", "rejected", "replaced", "held", "done_for_day"}

    lists = {which: names(bot.get("/v2/orders", status=which)) for which in ("open", "closed", "all")}

    assert SdkOrder(**bot.get("/v2/orders", status="all").json()[0]).status == status
    assert lists == {"open": "" if is_closed else "x", "closed": "x" if is_closed else "", "all": "x"}


def test_fifty_are_listed_unless_asked_otherwise(bot, ibm):
    for _ in range(51):
        make_order(bot.account, ibm)

    assert len(bot.get("/v2/orders").json()) == 50


def queries_of(ask):
    with CaptureQueriesContext(connection) as captured:
        assert ask().status_code == 200
    # Once a minute a request notes besides that its key was used; on a slow day that falls into this test.
    return len([query for query in captured if "trading_key_used" not in query["sql"]])


@pytest.mark.parametrize("query", [{}, {"nested": "true", "status": "all"}], ids=["flat", "nested"])
def test_a_list_takes_as_many_queries_for_five_hundred_orders_as_for_one(bot, ibm, query, monkeypatch):
    # On a busy machine what a process keeps would be old by the second time.
    monkeypatch.setattr(reference, "KEPT_S", 3600.0)
    reference.forget()

    def one_of_each():
        make_class(bot.account, ibm)
        make_order(bot.account, ibm, **TRAILING)

    def ask():
        return bot.get("/v2/orders", limit="500", **query)

    one_of_each()
    queries_of(ask)  # fills what a process keeps
    for_one = queries_of(ask)
    for _ in range(250):
        one_of_each()

    assert queries_of(ask) == for_one
    assert len(ask().json()) == 500


# --- Order classes --------------------------------------------------------------------------------


def make_class(account, asset, *, status="new", legs=("held", "held"), **fields):
    """Store a bracket as an account's rows; its legs are stored the other way round than the wire nests them."""
    entry = make_order(account, asset, status=status, order_class="bracket", role="entry", **fields)
    exits: dict[str, dict[str, Any]] = {
        "stop_loss": {"type": "stop", "limit_price": None, "stop_price": 90},
        "take_profit": {"limit_price": 110},
    }
    for (role, terms), leg_status in zip(exits.items(), legs, strict=True):
        names = {"client_order_id": f"{entry.client_order_id} {role}", "role": role}
        whole = {"side": "sell", "order_class": "bracket", "parent": entry.pk, "group_id": entry.pk, **names}
        make_order(account, asset, status=leg_status, **whole, **terms)
    return entry


def nested_names(answer):
    assert answer.status_code == 200, answer.content
    return {
        order["client_order_id"]: [leg["client_order_id"] for leg in order["legs"] or ()]
        for order in answer.json()
    }


def test_a_flat_list_has_legs_beside_their_parent_and_none_inside(bot, ibm):
    make_class(bot.account, ibm, client_order_id="x", legs=("held", "new"))

    flat = bot.get("/v2/orders", status="all").json()

    assert {order["client_order_id"] for order in flat} == {"x", "x take_profit", "x stop_loss"}
    assert {order["legs"] for order in flat} == {None}


def test_a_nested_list_has_legs_in_their_parent_alone_the_take_profit_first(bot, ibm):
    make_class(bot.account, ibm, client_order_id="x")
    make_order(bot.account, ibm, client_order_id="simple")

    answer = bot.get("/v2/orders", status="all", nested="True")

    assert nested_names(answer) == {"x": ["x take_profit", "x stop_loss"], "simple": []}
    whole = SdkOrder(**next(order for order in answer.json() if order["client_order_id"] == "x"))
    assert [(leg.type, leg.status, leg.order_class) for leg in whole.legs] == [
        ("limit", "held", "bracket"),
        ("stop", "held", "bracket"),
    ]
    assert [leg.legs for leg in whole.legs] == [None, None]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "open", "nested": "true"}, {}),
        ({"status": "open"}, {"x take_profit": []}),
        ({"status": "closed", "nested": "true"}, {"x": ["x take_profit", "x stop_loss"]}),
        ({"status": "closed"}, {"x": [], "x stop_loss": []}),
        ({"status": "all", "nested": "true", "side": "sell"}, {}),
        ({"status": "all", "nested": "true", "side": "buy"}, {"x": ["x take_profit", "x stop_loss"]}),
    ],
    ids=str,
)
def test_a_nested_list_asks_the_parent_alone(bot, ibm, query, expected):
    make_class(bot.account, ibm, client_order_id="x", status="filled", legs=("held", "new"))

    assert nested_names(bot.get("/v2/orders", **query)) == expected


def test_one_order_shows_its_legs_when_that_is_asked_for(bot, ibm):
    entry = make_class(bot.account, ibm, client_order_id="x")
    path = f"/v2/orders/{entry.pk}"

    assert bot.get(path).json()["legs"] is None
    nested = bot.get(path, nested="True").json()
    assert [leg["client_order_id"] for leg in nested["legs"]] == ["x take_profit", "x stop_loss"]
    by_name = bot.get("/v2/orders:by_client_order_id", client_order_id="x", nested="true").json()
    assert by_name == nested
    assert bot.get(f"/v2/orders/{nested['legs'][0]['id']}", nested="true").json()["legs"] is None
    assert refusal(bot.get(path, nested="perhaps")) == (422, 40010001)


def test_a_strangers_legs_are_nobodys(bot, make_bot, ibm):
    entry = make_class(bot.account, ibm, client_order_id="x", legs=("new", "new"))
    stranger = make_bot()
    make_order(stranger.account, ibm, client_order_id="theirs", parent=entry.pk)

    assert len(bot.get(f"/v2/orders/{entry.pk}", nested="true").json()["legs"]) == 2
    assert nested_names(stranger.get("/v2/orders", nested="true")) == {}


# --- Trailing stops -------------------------------------------------------------------------------

TRAILING = {
    "type": "trailing_stop",
    "side": "sell",
    "limit_price": None,
    "trail_price": "1.5",
    "status": "new",
    "working_seq": 100,
}


def steps(market, *told, side="sell", symbol="IBM"):
    """Store a staircase of (sequence, price in dollars)."""
    Watermark.objects.bulk_create(
        Watermark(market=market, symbol=symbol, side=side, seq=seq, price=price * DOLLAR)
        for seq, price in told
    )


def shown(bot):
    [order] = bot.get("/v2/orders", status="all").json()
    SdkOrder(**order)
    return order["hwm"], order["stop_price"], order["trail_price"], order["trail_percent"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("105", "103.5")),
        ({"working_seq": 60}, ("110", "108.5")),
        ({"working_seq": 200}, (None, None)),
        ({"working_seq": 200, "hwm": "107"}, ("107", "105.5")),
        ({"hwm": "107"}, ("107", "105.5")),
        ({"hwm": "104"}, ("105", "103.5")),
        ({"hwm": "104", "is_triggered": True}, ("104", "102.5")),
        ({"status": "pending_cancel"}, ("105", "103.5")),
        ({"status": "accepted", "working_seq": None}, (None, None)),
        ({"status": "canceled", "hwm": "104"}, ("104", "102.5")),
    ],
    ids=[
        "the first step after it began",
        "an older one has seen more",
        "no print yet",
        "what it kept from the one it replaced",
        "what it kept is further",
        "what it kept is less far",
        "triggered: the market went on without it",
        "a cancel is under way",
        "waits for its session",
        "over",
    ],
)
def test_a_trailing_stop_shows_how_far_the_market_came_for_it(bot, ibm, market, fields, expected):
    make_order(bot.account, ibm, **TRAILING | fields)
    steps(market, (50, 120), (100, 110), (150, 105))
    steps(market, (120, 99), side="buy")
    steps(market, (120, 999), symbol="MSFT")

    assert shown(bot) == (*expected, "1.5", None)


def test_a_buys_watermark_is_the_lowest_print(bot, ibm, market):
    terms = {"side": "buy", "trail_price": None, "trail_percent": "2", "hwm": "97"}
    make_order(bot.account, ibm, **TRAILING | terms)
    steps(market, (150, 95), side="buy")

    assert shown(bot) == ("95", "96.9", None, "2")


@pytest.mark.parametrize(
    ("fields", "expires_at"),
    [
        ({"time_in_force": "opg", "cut_off_at": "2013-10-09T13:28:00Z"}, "2013-10-09T13:30:00Z"),
        ({"time_in_force": "cls", "cut_off_at": "2013-10-08T19:50:00Z"}, "2013-10-08T20:00:00Z"),
        ({"time_in_force": "day", "submitted_at": NOON + timedelta(hours=5)}, "2013-10-09T20:00:00Z"),
        ({"time_in_force": "fok"}, None),
    ],
    ids=["the next opening", "this day's closing", "a day order from after the close", "at once or never"],
)
def test_an_order_says_when_time_ends_it(bot, ibm, fields, expires_at):
    make_order(bot.account, ibm, **fields)

    [order] = bot.get("/v2/orders").json()

    assert order["expires_at"] == expires_at


# --- One order ------------------------------------------------------------------------------------


def test_one_order_is_read_by_either_name(bot, orders):
    by_id = bot.get(f"/v2/orders/{orders['c'].pk}")
    by_name = bot.get("/v2/orders:by_client_order_id", client_order_id="c")

    assert by_id.json() == by_name.json()
    assert by_id.json()["filled_avg_price"] == "100.1"
    assert by_id.json()["filled_qty"] == "10"
    assert SdkOrder(**by_id.json()).status == "filled"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58", (404, 40410000)),
        ("/v2/orders/not-a-uuid", (404, 40410000)),
        ("/v2/orders/%00", (404, 40410000)),
        ("/v2/orders:by_client_order_id?client_order_id=nope", (404, 40410000)),
        ("/v2/orders:by_client_order_id?client_order_id=%00", (404, 40410000)),
        ("/v2/orders:by_client_order_id", (422, 40010001)),
    ],
)
def test_an_order_that_is_not_there_is_not_found(bot, path, expected):
    assert refusal(bot.get(path)) == expected
