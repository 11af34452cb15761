"""The page of a symbol and the search for one, without a browser."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Tier
from matching.market.calendar import ALWAYS_OPEN
from matching.market.sessions import always_open_sessions
from matching.models import CalendarDay, Market
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
from trading import reference
from trading.api import bodies
from trading.dashboard.ticket import AT_MIDNIGHT, CLASSES, TIMES_IN_FORCE, TYPES, in_words
from trading.services.ticket import StopLoss, TakeProfit, Ticket

D = Decimal
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(market, ibm):  # noqa: F811 - a fixture
    return signed_in(make_user(tier=Tier.PRO))


@pytest.fixture
def account(person, market):  # noqa: F811 - a fixture
    return make_account(person.user, market=market, cash=10_000)


def page(person, account, symbol="IBM", **query):
    return person.get(f"/paper/{account.number}/symbols/{symbol}", **query)


def test_the_page_shows_the_quote_the_position_the_orders_and_the_fills(person, account, ibm, show):  # noqa: F811
    show(bid="99", ask="101", last="100", close="98")
    make_position(account, ibm)
    order = make_order(account, ibm, status="new", limit_price=D("95.5"))
    make_order(account, make_asset("MSFT"), status="new")
    make_order(account, ibm, status="canceled")
    make_fill(account, order, symbol="IBM", at=NOON)

    answer = page(person, account)

    quote = answer.context["quote"]
    assert (quote.bid, quote.ask, quote.last, quote.spread, quote.change) == (
        D(99),
        D(101),
        D(100),
        D(2),
        D(2),
    )
    assert answer.context["position"].quantity == 10
    assert [row.pk for row in answer.context["working"]] == [order.pk]
    assert len(answer.context["fills"]) == 1
    text = answer.content.decode()
    assert f'data-order="{order.pk}"' in text
    assert 'data-limit="95.5000"' in text
    assert "style=" not in text


def test_a_symbol_of_which_nothing_is_known_says_so(person, account, ibm):  # noqa: F811
    text = page(person, account).content.decode()
    assert 'id="unquoted"' in text
    assert "You hold none of it." in text
    assert 'id="closed"' not in text


def test_a_closed_market_says_when_it_opens(person, account, market, show):  # noqa: F811
    show(bid="99", ask="101", last="100")
    market.anchor_at = NOON + timedelta(hours=5)
    market.save()

    text = page(person, account).content.decode()

    assert 'id="closed"' in text
    assert "2013-10-09 09:30:00" in text


def test_what_an_asset_may_not_is_told(person, account):
    make_asset("WHOLE", fractionable=False, easy_to_borrow=False, tradable=False)
    text = page(person, account, "WHOLE").content.decode()
    for words in ("Whole shares only", "No short sales", "Not tradable here"):
        assert words in text


def test_a_symbol_that_nobody_has_and_an_account_of_a_stranger_are_not_there(person, account, ibm):  # noqa: F811
    strangers = make_account(cash=1)
    assert page(person, account, "NOBODY").status_code == 404
    assert page(person, strangers).status_code == 404
    assert page(person, account, part="orders").status_code == 404


def test_who_sees_the_market_late_is_told(market, ibm):  # noqa: F811
    person = signed_in(make_user(tier=Tier.FREE))
    answer = page(person, make_account(person.user, market=market, cash=1))
    assert 'id="late"' in answer.content.decode()


def test_the_watchlist_button_knows_the_oldest_list(person, account, ibm):  # noqa: F811
    assert page(person, account).context["is_watched"] is False
    first = make_watchlist(account, asset_ids=[ibm.pk])

    answer = page(person, account)

    assert (answer.context["watchlist"].pk, answer.context["is_watched"]) == (first.pk, True)


def test_a_link_fills_the_ticket_in(person, account):
    text = page(person, account, side="sell", qty='4"', type="limit", limit_price="99.5").content.decode()
    assert re.search(r'value="sell" checked', text)
    assert re.search(r'name="qty"[^>]*value="4&quot;"', text)
    assert re.search(r'<option value="limit"[^>]* selected', text)


def test_queries_do_not_grow_with_rows(person, account, ibm, show):  # noqa: F811
    show(bid="99", ask="101", last="100")

    def counted():
        with CaptureQueriesContext(connection) as seen:
            assert page(person, account).status_code == 200
        return len(seen)

    make_fill(account, make_order(account, ibm, status="new"), symbol="IBM", at=NOON)
    counted()  # what a process keeps is kept from here on
    few = counted()
    for _ in range(8):
        make_fill(account, make_order(account, ibm, status="new"), symbol="IBM", at=NOON)
        make_watchlist(account, asset_ids=[ibm.pk])

    assert counted() == few


FOUND = {
    "a prefix": ("ib", ["IBM"]),
    "a name": ("business", ["IBM"]),
    "what is traded elsewhere comes last": ("i", ["IBM", "MSFT", "INTC"]),
    "nothing": ("zzz", []),
    "blanks around": ("  ibm ", ["IBM"]),
    "too long": ("i" * 65, []),
    "a wildcard is a letter": ("%", []),
}


@pytest.fixture
def assets(ibm):  # noqa: F811 - a fixture
    make_asset("MSFT", name="Microsoft Corporation")
    make_asset("INTC", name="Intel")
    make_asset("ICED", name="Iced", status="inactive")


@pytest.mark.usefixtures("assets")
@pytest.mark.parametrize(("text", "symbols"), FOUND.values(), ids=FOUND)
def test_a_text_finds_symbols_and_names(person, account, text, symbols):
    answer = person.get(f"/paper/{account.number}/symbols", q=text, part="suggestions")
    assert [asset.symbol for asset in answer.context["suggested"]] == symbols
    assert answer.content.decode().count('role="option"') == max(len(symbols), 1)


@pytest.mark.usefixtures("assets")
def test_an_exact_symbol_leads_to_its_page_and_others_to_a_list(person, account):
    def search(text, **more):
        return person.get(f"/paper/{account.number}/symbols", q=text, **more)

    led = search(" ibm ")
    assert (led.status_code, led.url) == (302, f"/paper/{account.number}/symbols/IBM")
    assert [asset.symbol for asset in search("").context["found"]] == ["IBM", "MSFT"]
    assert "Nothing is known by this symbol or name" in search("zzz").content.decode()
    assert search("intc").status_code == 200  # this market does not trade it
    assert search("", page="7").context["found"] == []
    assert search("", page="-1").context["page"] == 1


def terms(**fields: Any) -> Ticket:
    given: dict[str, Any] = {
        "symbol": "IBM", "side": "buy", "type": "market", "time_in_force": "day", "order_class": "",
        "quantity": D(10), "notional": None, "limit_price": None, "extended_hours": False,
        "position_intent": "", "client_order_id": None,
    }  # fmt: skip
    return Ticket(**{**given, **fields})


IN_WORDS = {
    "market": ({}, "Buy 10 shares of IBM at the market."),
    "one share": ({"quantity": D(1), "side": "sell"}, "Sell 1 share of IBM at the market."),
    "dollars": ({"quantity": None, "notional": D("250.5")}, "Buy 250.50 dollars of IBM at the market."),
    "limit": ({"type": "limit", "limit_price": D(99)}, "Buy 10 shares of IBM at 99.00 or lower."),
    "stop": (
        {"type": "stop", "stop_price": D(110)},
        "Buy 10 shares of IBM at the market, once it has risen to 110.00.",
    ),
    "stop limit": (
        {"type": "stop_limit", "stop_price": D(90), "limit_price": D(89), "side": "sell"},
        "Sell 10 shares of IBM at 89.00 or higher, once it has fallen to 90.00.",
    ),
    "trail": (
        {"type": "trailing_stop", "trail_percent": D("1.5"), "side": "sell"},
        "Sell 10 shares of IBM at the market, once it has fallen by 1.5 % from its highest.",
    ),
    "oco": (
        {
            "type": "limit", "order_class": "oco", "side": "sell", "take_profit": TakeProfit(limit_price=D(110)),
            "stop_loss": StopLoss(stop_price=D(90), limit_price=D(89)),
        },
        "Or else a stop-loss closes the position at 90.00, limited to 89.00.",
    ),
    "bracket": (
        {"order_class": "bracket", "take_profit": TakeProfit(limit_price=D(110)), "stop_loss": StopLoss(stop_price=D(90))},
        "When it fills, a take-profit works at 110.00.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "sentence"), IN_WORDS.values(), ids=IN_WORDS)
def test_an_order_is_told_in_words(fields, sentence):
    assert sentence in in_words(terms(**fields))


def test_a_market_that_never_closes_has_its_auctions_at_midnight(person, account, market):  # noqa: F811
    def said() -> list[bool]:
        order = json.dumps(
            {"symbol": "IBM", "qty": "1", "side": "buy", "type": "market", "time_in_force": "cls"}
        )
        whole, part = page(person, account), page(person, account, part="estimate", order=order)
        return [str(AT_MIDNIGHT) in answer.content.decode() for answer in (whole, part)]

    assert said() == [False, False]
    days = always_open_sessions(NOON.date() - timedelta(days=9), NOON.date() + timedelta(days=9))
    CalendarDay.objects.bulk_create(CalendarDay(calendar=ALWAYS_OPEN, **day.as_row()) for day in days)
    Market.objects.filter(pk=market.pk).update(calendar=ALWAYS_OPEN)
    reference.forget()
    assert said() == [True, True]


def test_the_ticket_offers_all_that_the_wire_takes():
    assert {one.value for one in TYPES} == bodies.TYPES
    assert {one.value for one in TIMES_IN_FORCE} == bodies.TIMES_IN_FORCE
    assert {one.value for one in CLASSES} == bodies.CLASSES - {"", "mleg"}
