"""The settings' pages: figures that are the person's own, what a tier allows against what is used, one account's webhooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from accounts import budgets
from accounts.models import Tier
from tests.factories.people import make_session, signed_in
from tests.factories.rows import make_account, make_api_key, make_user, make_webhook

if TYPE_CHECKING:
    from tests.factories.people import Browser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def browser() -> Browser:
    return signed_in(make_user(tier=Tier.PRO))


def text_of(answer: Any) -> str:
    """Return what a page says, without its tags."""
    assert answer.status_code == 200, answer.content
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode().split("<body", 1)[-1]))


def furnish(browser: Browser, accounts: int) -> None:
    for number in range(accounts):
        account = make_account(browser.user, name=f"Account {number}")
        make_webhook(account)
        make_api_key(account)


def test_the_index_counts_what_is_the_person_s_own(browser: Browser) -> None:
    furnish(browser, 2)
    furnish(signed_in(make_user()), 3)

    text = text_of(browser.get("/settings"))

    assert "API keys 2 " in text
    assert "Webhooks 2 " in text
    assert "Passkeys 1 " in text
    assert "Tier Pro " in text


def test_all_settings_and_security_have_the_same_tabs(browser: Browser) -> None:
    tabs = []
    for path in ("/settings", "/settings/webhooks", "/settings/tier", "/security"):
        page = browser.get(path).content.decode()
        bar = page[page.index('<nav class="tabs"') : page.index("</nav>", page.index('<nav class="tabs"'))]
        assert f'href="{path}" aria-current="page"' in bar
        tabs.append(re.findall(r'href="([^"]+)"', bar))
    assert tabs == [["/settings", "/security", "/settings/webhooks", "/settings/tier"]] * 4


def test_the_tier_s_page_sets_use_against_what_is_allowed(browser: Browser) -> None:
    furnish(browser, 2)
    make_webhook(browser.user.trading_accounts.order_by("pk")[0])

    text = text_of(browser.get("/settings/tier"))

    assert "You are on Pro ." in text
    assert re.search(r"Paper accounts Open at once\. 1 5 25 2 of 5", text), text
    assert re.search(r"Webhooks Enabled, of one account\. 1 5 20 2 of 5", text), text
    assert "90 days 3 years without end" in text
    assert "more than the tier allows" not in text


def test_who_has_more_than_the_tier_allows_is_told(browser: Browser) -> None:
    furnish(browser, 2)
    browser.user.tier = Tier.FREE
    browser.user.save()

    assert "2 of 1 more than the tier allows" in text_of(browser.get("/settings/tier"))


@override_settings(RATELIMIT_ENABLE=True)
def test_the_budget_is_what_the_api_counts_and_to_look_takes_nothing(browser: Browser, valkey: Any) -> None:
    make_account(browser.user)
    answer = browser.get("/raxx/v1/tier")
    assert answer.status_code == 200
    left = int(answer["X-RateLimit-Remaining"])

    for _ in range(3):
        part = text_of(browser.get("/settings/tier", part="budget"))

    assert f"{600 - left} of 600 used · {left} left" in part
    assert "<html" not in browser.get("/settings/tier", part="budget").content.decode()
    assert int(browser.get("/raxx/v1/tier")["X-RateLimit-Remaining"]) == left - 1


def test_without_valkey_the_budget_is_what_this_process_has_counted(
    browser: Browser, monkeypatch: Any
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise budgets.CounterAway

    monkeypatch.setattr(budgets, "count", away)
    budgets.count_here("api", str(browser.user.pk), budgets.Rate(limit=600))

    standing = budgets.standing(browser.user.pk, "pro")

    assert standing is not None
    assert (standing.limit, standing.remaining, standing.retry_after_s) == (600, 599, None)


def test_webhooks_are_those_of_the_account_that_is_named(browser: Browser) -> None:
    first, second = make_account(browser.user, name="Swing"), make_account(browser.user, name="Day")

    assert f'data-account="{first.pk}"' in browser.get("/settings/webhooks").content.decode()
    named = browser.get("/settings/webhooks", account=second.number)
    assert f'data-account="{second.pk}"' in named.content.decode()
    stranger = make_account()
    assert browser.get("/settings/webhooks", account=stranger.number).status_code == 404


def test_without_an_account_the_page_leads_to_one(browser: Browser) -> None:
    text = text_of(browser.get("/settings/webhooks"))

    assert "You have no paper account yet." in text
    assert "Make a webhook" not in text


@pytest.mark.parametrize("path", ["/settings", "/settings/tier", "/settings/webhooks"])
def test_as_many_queries_however_many_rows(
    path: str, browser: Browser, django_assert_max_num_queries: Any
) -> None:
    furnish(browser, 1)
    with django_assert_max_num_queries(60) as few:
        browser.get(path)
    furnish(browser, 3)
    for _ in range(3):
        make_session(browser.user)
    with django_assert_max_num_queries(len(few)):
        browser.get(path)
