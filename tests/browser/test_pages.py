"""Every page of a person's access, in both widths and both schemes: whole, accessible, and within its policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from accounts.models import User
from tests.browser.axe import assert_accessible
from tests.browser.looking import WIDTHS, look_at
from tests.factories.rows import NOON, make_account, make_api_key, make_market

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.visitor import Visitor

EMAIL = "barbara@example.com"
PHONE = min(WIDTHS)


@pytest.fixture
def look() -> Iterator[Callable[[Visitor, str], None]]:
    """Return a function that judges the page at hand; at the end no page may have had a fault."""
    faults: list[str] = []

    def at(visitor: Visitor, name: str) -> None:
        faults.extend(look_at(visitor.page, name))

    yield at
    assert faults == []


def test_the_pages_of_a_sign_up(visitor, look):
    visitor.open("/sign-up")
    look(visitor, "sign-up")
    visitor.page.get_by_label("E-mail address").fill(EMAIL)
    visitor.press("Mail me a link")
    visitor.sees("Look into your mail")
    look(visitor, "sign-up-sent")
    link = visitor.site.link_to(EMAIL)
    visitor.page.goto(link)
    look(visitor, "enrol")
    visitor.press("Make the passkey")
    visitor.is_at("/welcome")
    visitor.sees("You have no recovery codes.")
    look(visitor, "welcome")
    visitor.press("Make new codes")
    visitor.sees("They are shown once")
    look(visitor, "welcome-codes")
    visitor.page.goto(link)
    look(visitor, "enrol-unusable")


def test_the_page_of_a_person_s_security(visitor, look):
    visitor.is_in(EMAIL)
    make_market(is_active=True)
    visitor.open("/security")
    visitor.sees("You have no paper account yet")
    visitor.sees("shown for this session")
    look(visitor, "security-empty")
    furnish()
    visitor.open("/security")
    visitor.page.get_by_text("Make a key", exact=True).click()
    visitor.sees("a bot of mine")
    visitor.sees("shown for this session")
    look(visitor, "security")
    visitor.press("Make the key")
    visitor.sees("The secret is shown once.")
    look(visitor, "security-key")
    visitor.page.get_by_role("button", name="Rename: ").first.click()
    look(visitor, "security-dialog")


def test_the_pages_of_a_log_in_and_a_recovery(visitor, visit, look):
    visitor.is_in(EMAIL)
    visitor.open("/welcome")
    visitor.press("Make new codes")
    code = visitor.page.locator("[data-codes] li").first.inner_text()
    stranded = visit()
    stranded.open("/log-in")
    look(stranded, "log-in")
    stranded.device.verifies(users=False)
    stranded.press("Log in with a passkey")
    stranded.sees("No passkey was shown")
    look(stranded, "log-in-refused")
    stranded.device.verifies(users=True)
    stranded.open("/recover")
    look(stranded, "recover")
    stranded.page.get_by_label("E-mail address").fill(EMAIL)
    stranded.page.get_by_label("Recovery code").fill(code)
    stranded.press("Go on")
    stranded.is_at("/enrol")
    look(stranded, "enrol-recovery")
    stranded.press("Make the passkey")
    stranded.is_at("/security")
    stranded.sees("Your access was recovered lately")
    stranded.sees("shown for this session")
    look(stranded, "security-cooling")
    stranded.page.goto(f"{stranded.site.elsewhere}/log-in")
    look(stranded, "log-in-elsewhere")


def furnish():
    """Give the person an account with keys of every state."""
    account = make_account(User.objects.get(email=EMAIL), cash=100_000, name="Swing trades")
    make_api_key(account, name="a bot of mine")
    make_api_key(account, name="", scopes=["read"], addresses=["203.0.113.0/24"], revoked_at=NOON)


def test_the_documentation_of_the_api_is_within_the_same_policy(visitor):
    visitor.open("/docs")

    visitor.sees("Orders")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_person_signs_up_and_logs_in_by_the_keyboard_alone(visitor, width):
    page = visitor.page
    page.set_viewport_size({"width": width, "height": 800})
    visitor.open("/sign-up")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skips the frame
    page.keyboard.press("Tab")
    page.keyboard.type(EMAIL)
    page.keyboard.press("Enter")
    visitor.sees("Look into your mail")
    page.goto(visitor.site.link_to(EMAIL))
    page.get_by_label("Name of the passkey").press("Enter")
    visitor.is_at("/welcome")
    menu = page.get_by_role("button", name="Menu")
    if width == PHONE:  # where to go stands behind a button there
        menu.press("Enter")
        expect(page.get_by_role("link", name="Settings")).to_be_visible()
        assert_accessible(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("link", name="Settings")).to_be_hidden()
        expect(menu).to_be_focused()
        page.keyboard.press("Space")
    else:
        expect(menu).to_be_hidden()
    page.get_by_role("button", name="Log out").press("Enter")
    visitor.is_at("/log-in")
    page.get_by_label("E-mail address").press("Enter")

    visitor.is_at("/start")
