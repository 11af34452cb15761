"""The pages on which accounts begin, change and end: the first questions, all accounts, and the simulation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import Tier
from tests.factories.calendar import store_season
from tests.factories.people import signed_in
from tests.factories.rows import make_account, make_market, make_order, make_user, make_watchlist
from trading import reference
from trading.models import FirstSteps, TradingAccount
from trading.services.profiles import define_profile, withdraw_profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.factories.people import Browser

pytestmark = pytest.mark.django_db(transaction=True)

Status = TradingAccount.Status


@pytest.fixture(autouse=True)
def _a_market() -> Iterator[None]:
    reference.forget()
    store_season()
    make_market(config={"symbols": ["IBM", "SPY", "AAPL"]})
    yield
    reference.forget()


@pytest.fixture
def browser() -> Browser:
    return signed_in(make_user(tier=Tier.PRO))


def page_of(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page_of(answer).split("<body", 1)[-1]))


def test_the_first_page_asks_and_offers_each_profile_with_what_it_begins_with(browser: Browser) -> None:
    page = page_of(browser.get("/start"))

    assert len(re.findall(r'<fieldset class="question"', page)) == 4
    assert re.findall(r'data-cash="(\d+)" data-simulation="(\w+)" data-multiplier="(\d)"', page) == [
        ("10000", "conservative", "1"),
        ("50000", "mid", "2"),
        ("100000", "aggressive", "4"),
    ]
    assert 'data-symbols-to-list="SPY AAPL IBM"' in page


def test_answers_of_before_are_filled_in(browser: Browser) -> None:
    FirstSteps.objects.create(user=browser.user, answers={"fall": "hold"})

    page = page_of(browser.get("/start"))

    assert re.findall(r'name="(\w+)" value="(\w+)" checked required', page) == [("fall", "hold")]


def test_a_profile_whose_simulation_was_withdrawn_begins_with_the_plain_one(browser: Browser) -> None:
    withdraw_profile(name="mid")

    page = page_of(browser.get("/start"))

    assert 'data-cash="50000" data-simulation="displayed"' in page
    assert 'value="mid"' not in page


def test_who_has_no_room_is_told_so_before_any_question() -> None:
    browser = signed_in()  # of the tier with one account
    make_account(browser.user)

    page = page_of(browser.get("/start"))

    assert "You have begun already" in page
    assert "start.js" not in page
    TradingAccount.objects.update(status=Status.CLOSED)
    assert "start.js" in page_of(browser.get("/start"))


def test_all_accounts_are_listed_with_what_may_be_done_with_each(browser: Browser) -> None:
    user = browser.user
    make_account(user, name="Gone", status=Status.CLOSED)
    make_account(user, name="Swing", cash=1234)
    make_account(user, name="Waits", status=Status.RESETTING)
    make_account(user, name="Too many", exits_only=True)
    make_account(name="A stranger's")

    page = page_of(browser.get("/accounts?part=list"))
    rows = re.findall(r"<li class=\"row.*?</li>", page, re.DOTALL)

    assert [re.findall(r'data-name="([^"]*)"', row)[0] for row in rows] == [
        "Swing",
        "Waits",
        "Too many",
        "Gone",
    ]
    assert [bool(re.search(r'data-do="reset"', row)) for row in rows] == [True, False, True, False]
    assert "$1,234.00" in rows[0]
    assert "being reset" in rows[1]
    assert "closing orders only" in rows[2]
    assert "closed" in rows[3]
    assert 'data-room="2"' in page
    assert 'data-waiting="yes"' in page
    assert "stranger" not in page


def test_the_limit_of_the_tier_is_shown_before_it_is_hit() -> None:
    browser = signed_in()
    assert "Open accounts: 0 of the 1 that your tier, Free, allows" in text_of(browser.get("/accounts"))
    assert '<form id="open" novalidate>' in page_of(browser.get("/accounts"))

    make_account(browser.user)

    page = page_of(browser.get("/accounts"))
    assert '<form id="open" novalidate hidden>' in page
    assert "Archive it to open another" in page


def test_a_list_of_many_accounts_costs_the_queries_of_few(
    browser: Browser, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    def queries() -> int:
        with django_assert_max_num_queries(30) as captured:
            page_of(browser.get("/accounts"))
        return len(captured)

    make_account(browser.user)
    page_of(browser.get("/accounts"))  # what a market is called is read once
    few = queries()
    for _ in range(12):
        make_account(browser.user)

    assert queries() == few


def test_each_simulation_is_explained_and_the_one_in_force_is_marked(browser: Browser) -> None:
    account = make_account(browser.user)
    define_profile(name="chaos", changes={"reject_rate": 250, "description": "A bad day <b>."})

    page = page_of(browser.get(f"/paper/{account.number}/simulation"))

    names = re.findall(r'name="profile" value="([\w-]+)"', page)
    assert names == ["conservative", "mid", "aggressive", "displayed", "instant", "bars", "chaos"]
    assert re.findall(r'value="([\w-]+)" data-title="[^"]+" checked', page) == ["displayed"]
    assert "A bad day &lt;b&gt;." in page
    assert "2.5 %" in page
    for explained in ("Latency", "Slippage", "Commission", "Rejections by chance", "Partial fills by chance"):
        assert f"<dt>{explained}</dt><dd>" in page


def test_a_newer_version_and_a_withdrawn_profile_are_said(browser: Browser) -> None:
    first = define_profile(name="careful", changes={"latency_ms": 50}).profile
    account = make_account(browser.user, profile=first)
    path = f"/paper/{account.number}/simulation?part=profiles"
    define_profile(name="careful", changes={"latency_ms": 60})

    assert "version 2 is new" in page_of(browser.get(path))
    withdraw_profile(name="careful")
    assert "It is offered no more" in page_of(browser.get(path))
    TradingAccount.objects.update(status=Status.CLOSED)
    closed = page_of(browser.get(path))
    assert "stays as it was" in closed
    assert 'type="submit"' not in closed


@pytest.mark.parametrize("page", ["simulation", "market"])
def test_a_stranger_s_account_is_not_there(browser: Browser, page: str) -> None:
    account = make_account()

    for part in ("", "?part=profiles", "?part=tape"):
        assert browser.get(f"/paper/{account.number}/{page}{part}").status_code == 404
    assert browser.get("/accounts?part=nothing").status_code == 404


def test_the_list_of_first_steps_shrinks_to_nothing(browser: Browser) -> None:
    account = make_account(browser.user)
    path = f"/paper/{account.number}"

    def done() -> list[bool]:
        return [
            'class="done"' in item
            for item in re.findall(
                r"<li[^>]*>(?:(?!</li>).)*step-title", page_of(browser.get(path)), re.DOTALL
            )
        ]

    assert done() == [False, False, False, False]
    order = make_order(account)
    make_watchlist(account, asset_ids=[order.asset_id])
    assert done() == [True, True, False, False]
    browser.send("put", "/raxx/v1/first-steps", {"is_dismissed": True})
    assert done() == []
    assert "first-steps-list" not in page_of(browser.get(path))


def test_the_guide_is_there_for_who_asks_for_it_alone(browser: Browser) -> None:
    account = make_account(browser.user, market=None)
    order = make_order(account)
    path = f"/paper/{account.number}/symbols/{order.symbol}"

    assert 'id="guide"' not in page_of(browser.get(path))
    assert 'id="guide"' in page_of(browser.get(path, guide="1"))
