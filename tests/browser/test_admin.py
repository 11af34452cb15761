"""The admin in a browser, under its strict policy: in by passkey, opened with a reason, changed with a fresh passkey."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from playwright.sync_api import expect

from accounts.models import User
from accounts.models.audit import AuditEntry
from tests.factories.rows import make_account
from tests.support.test_ways import ASKING
from trading.models import AccountGrant, StaffAct
from trading.services.staff_acts import perform_act

EMAIL = "sam@example.com"
ENTRIES = "/admin/trading/accountentry/"
# Something in the page writes another reason into the form after the passkey has said yes to it.
CHANGED_AT_LAST = """() => {
  const send = HTMLFormElement.prototype.submit;
  HTMLFormElement.prototype.submit = function () { this.elements.reason.value = "another"; send.call(this); };
}"""
IN_A_BROWSER = {
    "search by number", "filter by address", "page", "case", "act", "history", "deletion", "autocompletion",
    "acts, searched", "closings, filtered", "entry", "entries, searched",
}  # fmt: skip


@pytest.fixture
def boss(visitor):
    """Return a superuser among the staff, who has logged in with a passkey."""
    visitor.is_in(EMAIL)
    User.objects.filter(email=EMAIL).update(is_staff=True, is_superuser=True)
    return User.objects.get(email=EMAIL)


def test_the_log_in_leads_to_the_page_that_was_asked_for(visitor, boss):
    visitor.open("/welcome")
    visitor.press("Log out")
    visitor.is_at("/log-in")
    visitor.open(ENTRIES)
    visitor.is_at(f"/log-in?next={ENTRIES}")

    visitor.press("Log in with a passkey")

    visitor.is_at(ENTRIES)


def test_an_account_is_opened_with_a_reason_and_a_passkey_shown_in_place(visitor, boss):
    account = make_account(cash=12345)
    visitor.open(ENTRIES)
    visitor.page.get_by_role("link", name=account.number).click()
    visitor.is_at(f"{ENTRIES}{account.pk}/grant/")
    visitor.answers.clear()

    visitor.page.get_by_label("Reason").fill("balance dispute")
    visitor.press("Grant it to me")

    visitor.is_at(f"/admin/trading/tradingaccount/{account.pk}/change/")
    visitor.sees("12345")
    assert [one for one in visitor.answers if one[0] == "POST"] == [
        ("POST", f"{ENTRIES}{account.pk}/grant/", 401),  # what the passkey has to say yes to
        ("POST", "/auth/step-up/begin", 200),
        ("POST", "/auth/step-up/complete", 200),
        ("POST", f"{ENTRIES}{account.pk}/grant/", 302),
    ]
    assert AccountGrant.objects.get().reason == "balance dispute"
    told = AuditEntry.objects.filter(chain=account.pk).order_by("seq").values_list("action", "actor_id")
    assert list(told) == [("grant.given", str(boss.pk)), ("account.viewed", str(boss.pk))]


def test_a_passkey_that_is_not_shown_grants_nothing_and_says_so(visitor, boss):
    account = make_account()
    visitor.open(f"{ENTRIES}{account.pk}/grant/")
    visitor.device.verifies(users=False)
    visitor.answers.clear()
    visitor.page.locator("form[data-step-up]").evaluate("(form) => { form.noValidate = true; }")
    visitor.press("Grant it to me")
    visitor.sees("This field is required.")
    assert visitor.statuses("/auth/step-up/begin") == []  # nobody shows a passkey for a form that cannot be

    visitor.page.get_by_label("Reason").fill("balance dispute")
    visitor.press("Grant it to me")

    expect(visitor.page.get_by_role("alert")).to_contain_text("nothing was granted")
    assert visitor.statuses("/auth/step-up/complete") == []
    assert not AccountGrant.ever.exists()


def test_an_act_is_asked_for_on_a_phone_after_a_passkey_that_was_dismissed(visit, site):
    visitor = visit(viewport={"width": 390, "height": 844})
    visitor.is_in(EMAIL)
    User.objects.filter(email=EMAIL).update(is_staff=True, is_superuser=True)
    boss, account = User.objects.get(email=EMAIL), make_account(cash=12345)
    visitor.open(f"{ENTRIES}{account.pk}/grant/")
    visitor.page.get_by_label("Reason").fill("balance dispute")
    visitor.page.get_by_label("Permission").select_option("act_on_account")
    visitor.press("Grant it to me")
    visitor.is_at(f"/admin/trading/tradingaccount/{account.pk}/change/")
    visitor.open(f"/admin/trading/tradingaccount/{account.pk}/case/")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.page.get_by_role("link", name="Freeze", exact=True).click()
    visitor.sees("No order that opens a position is taken")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390

    visitor.device.verifies(users=False)
    expect(visitor.page.locator("[data-not-shown]")).to_be_hidden()
    visitor.page.get_by_label("Reason").fill("odd orders")
    visitor.press("Freeze")
    expect(visitor.page.get_by_role("alert")).to_contain_text("nothing was done")
    assert not StaffAct.objects.exists()
    visitor.device.verifies(users=True)
    visitor.page.evaluate(CHANGED_AT_LAST)
    visitor.page.get_by_role("button", name="Freeze", exact=True).press("Enter")
    visitor.sees("Your passkey was not shown for this form as it was sent")
    assert not StaffAct.objects.exists()
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    visitor.page.go_back()
    visitor.page.get_by_label("Reason").fill("odd orders")
    visitor.press("Freeze")

    visitor.page.wait_for_url(lambda url: "/admin/trading/staffact/" in url)
    act = StaffAct.objects.get()
    assert (act.kind, act.reason, act.staff_id) == ("freeze", "odd orders", boss.pk)
    perform_act(act.pk)
    visitor.sees("frozen: it takes no order that opens a position")  # the page asks again by itself
    visitor.open(f"/admin/trading/tradingaccount/{account.pk}/case/#audit")
    visitor.sees("account.frozen")

    User.objects.filter(pk=boss.pk).update(is_superuser=False)
    other, seen = make_account(cash=54321), []
    for way, ask in ASKING.items():
        if way in IN_A_BROWSER:
            visitor.open(ask(other))
            told = visitor.page.content().replace(unquote(ask(other)), "")
            words = {other.number, other.user.email, str(other.pk), "54321"}
            seen += [(way, word) for word in words if word in told and word not in unquote(ask(other))]
    assert seen == []
    assert not AuditEntry.objects.filter(chain=other.pk).exists()


def test_every_page_of_the_staff_works_under_the_policy(visitor, boss):
    account = make_account()
    visitor.open(f"{ENTRIES}{account.pk}/grant/")
    visitor.page.get_by_label("Reason").fill("a look around")
    visitor.press("Grant it to me")
    visitor.is_at(f"/admin/trading/tradingaccount/{account.pk}/change/")

    for path in (
        "/admin/",
        "/admin/trading/tradingaccount/",
        "/admin/trading/accountgrant/",
        f"{ENTRIES}?q=T",
        f"/admin/trading/tradingaccount/{account.pk}/case/",
        "/admin/trading/staffact/",
        "/admin/trading/staffact/ask/cut_everybody/",
        "/admin/trading/asset/",
        "/admin/trading/simulationprofile/define/",
        "/admin/broker_handoff/switchclosing/close/",
    ):
        visitor.open(path)
        visitor.sees("Raxx support")
    # What the policy or the browser had against any of them is in the visitor's complaints.
