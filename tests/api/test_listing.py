"""GET /v2/orders and one order: filters, order, limits, memberships, and a constant number of queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from alpaca.trading.models import Order as SdkOrder
from django.db import connection
from django.test.utils import CaptureQueriesContext

from matching.engine.states import Status
from tests.api.conftest import refusal
from tests.factories.rows import NOON, make_asset, make_order

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

    assert lists == {"open": "" if is_closed else "x", "closed": "x" if is_closed else "", "all": "x"}


def test_fifty_are_listed_unless_asked_otherwise(bot, ibm):
    for _ in range(51):
        make_order(bot.account, ibm)

    assert len(bot.get("/v2/orders").json()) == 50


def test_a_list_takes_as_many_queries_for_three_orders_as_for_one(bot, ibm):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            bot.get("/v2/orders")
        return len(captured)

    make_order(bot.account, ibm)
    queries()  # fills what a process keeps
    for_one = queries()
    make_order(bot.account, ibm)
    make_order(bot.account, ibm)

    assert queries() == for_one


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
