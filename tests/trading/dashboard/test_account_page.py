"""The page of an account, without a browser: what it shows, its parts, and that more rows cost no more questions."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Tier
from tests.api.conftest import _web_process, desk, ibm, market, show  # noqa: F401 - fixtures
from tests.factories.people import signed_in
from tests.factories.rows import (
    NOON,
    make_account,
    make_asset,
    make_fill,
    make_order,
    make_position,
    make_user,
    make_watchlist,
)
from trading.dashboard import account as page_of_account

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(market, ibm):  # noqa: F811 - a fixture
    return signed_in(make_user(tier=Tier.PRO))


@pytest.fixture
def account(person, market):  # noqa: F811 - a fixture
    return make_account(person.user, market=market, cash=10_000, name="Swing trades", event_seq=7)


def page(person, account, **query):
    return person.get(f"/paper/{account.number}", **query)


def test_the_page_shows_what_the_account_is_worth_holds_and_waits_for(person, account, ibm, show):  # noqa: F811
    show(bid="119", ask="121", last="120", close="110")
    make_position(account, ibm)
    waiting = make_order(account, ibm, status="new", limit_price=D("95.5"))
    make_order(account, ibm, status="canceled")
    make_fill(account, make_order(account, ibm, status="filled"), symbol="IBM", at=NOON)
    make_watchlist(account, asset_ids=[ibm.pk])

    answer = page(person, account)

    shown = answer.context
    assert shown["worth"].figures.equity == D(11_200)
    [position] = shown["positions"]
    assert (position.market_value, position.unrealized) == (D(1200), D(200))
    assert shown["open_orders"] == [waiting]
    assert [asset.symbol for asset, _ in shown["watched"]] == ["IBM"]
    assert [one.type for one in shown["activities"]] == ["FILL", "CSD"]
    text = answer.content.decode()
    assert 'data-since="7"' in text  # from there on the page's channel tells it everything
    assert re.findall(r'data-symbols="(\w+)"', text) == ["IBM", "IBM"]


def test_a_new_account_is_told_what_will_stand_where(person, account):
    text = page(person, account).content.decode()

    for words in ("No positions.", "No open orders.", "Nothing on the watchlist."):
        assert words in text


@pytest.mark.parametrize(("tier", "is_told"), [(Tier.FREE, True), (Tier.PRO, False)], ids=["free", "pro"])
def test_who_sees_the_market_late_is_told_so(market, ibm, tier, is_told):  # noqa: F811 - fixtures
    person = signed_in(make_user(tier=tier))
    answer = page(person, make_account(person.user, market=market))

    assert ("15 minutes late" in answer.content.decode()) is is_told


def test_all_that_an_event_changes_comes_in_one_answer(person, account, ibm):  # noqa: F811
    make_position(account, ibm)

    part = page(person, account, part="changes")

    assert re.findall(r'hx-swap-oob="innerHTML:#([\w-]+)"', part.content.decode()) == [
        "figures",
        "positions",
        "open-orders",
        "activity",
    ]
    assert "<html" not in part.content.decode()
    assert page(person, account, part="words").status_code == 404


def test_more_rows_cost_no_more_questions(person, account, ibm):  # noqa: F811
    counts = []
    for _ in range(2):
        assets = [make_asset() for _ in range(3)]
        for asset in assets:
            make_position(account, asset)
            make_fill(account, make_order(account, asset, status="new"), symbol=asset.symbol, at=NOON)
        make_watchlist(account, asset_ids=[asset.pk for asset in assets])
        page(person, account)  # what the process keeps is kept
        with CaptureQueriesContext(connection) as asked:
            assert page(person, account).status_code == 200
        counts.append(len(asked))

    assert counts[1] == counts[0]


def test_long_lists_show_the_newest_or_the_largest_and_say_so(person, account, monkeypatch):
    monkeypatch.setattr(page_of_account, "POSITIONS_MOST", 2)
    monkeypatch.setattr(page_of_account, "ORDERS_MOST", 2)
    monkeypatch.setattr(page_of_account, "WATCHED_MOST", 2)
    assets = [make_asset(f"A{n}") for n in range(3)]
    for n, asset in enumerate(assets):
        make_position(account, asset, quantity=10 * (n + 1), cost=1000 * (n + 1))
        make_order(account, asset, status="new")
    make_watchlist(account, asset_ids=[asset.pk for asset in assets])

    answer = page(person, account)

    assert [one.asset.symbol for one in answer.context["positions"]] == ["A2", "A1"]
    assert len(answer.context["open_orders"]) == 2
    assert len(answer.context["watched"]) == 2
    text = answer.content.decode()
    for words in ("1 smaller position is not shown.", "These are the newest", "1 more is not shown."):
        assert words in text


def test_a_stranger_s_account_is_as_if_there_were_none(person, account):
    stranger = signed_in()

    assert page(stranger, account).status_code == 404
    assert page(stranger, account, part="changes").status_code == 404


def test_pages_and_scripts_are_compressed_and_the_api_s_answers_are_not(person, account):
    def encoding_of(path):
        answer = person.get(path, headers={"Accept-Encoding": "gzip"})
        answer.getvalue()
        answer.close()  # a file's
        return answer.headers.get("Content-Encoding")

    paths = ("/static/trading/account.js", "/static/charts/lightweight-charts.js", "/v2/account")

    assert encoding_of(f"/paper/{account.number}") == "gzip"
    assert [encoding_of(path) for path in paths] == ["gzip", "gzip", None]
