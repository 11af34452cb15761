"""Every page of ours, in both widths and both schemes: whole, labelled, and within its policy.

With RAXX_SCREENSHOTS naming a folder, pictures of them are written there (`make screenshots`).
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accounts.models import User
from tests.factories.rows import NOON, make_account, make_api_key, make_market

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.browser.visitor import Visitor

SCREENSHOTS = os.environ.get("RAXX_SCREENSHOTS")
WIDTHS, SCHEMES = {"390": 390, "1280": 1280}, ("light", "dark")
EMAIL = "barbara@example.com"

# What a page must hold for somebody who does not see it, or has no mouse. axe-core comes with the dashboard.
UNNAMED = """() => [...document.querySelectorAll("input, select, textarea, button, a, dialog")]
  .filter((one) => one.checkVisibility() && !(one.labels?.length || one.ariaLabel || one.innerText.trim()
    || one.hasAttribute("aria-labelledby")))
  .map((one) => one.outerHTML)"""
TWICE = """() => [...document.querySelectorAll("[id]")].map((one) => one.id)
  .filter((id, at, all) => all.indexOf(id) !== at)"""
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TOO_PALE = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((part) => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const texts = [...document.body.querySelectorAll("*")].filter((one) => one.checkVisibility()
    && !one.disabled && [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.filter((one) => {
    const [a, b] = [light(rgb(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05) < 4.5;
  }).map((one) => one.outerHTML.slice(0, 120));
}"""


def look_at(visitor, name):
    """Judge the page at hand in both widths and schemes, and take its picture."""
    page = visitor.page
    faults = []
    for (word, width), scheme in product(WIDTHS.items(), SCHEMES):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        if page.evaluate(TOO_WIDE) > 0:
            faults.append(f"{name} is wider than {word} px")
        faults += [f"{name}, {scheme}: too pale: {text}" for text in page.evaluate(TOO_PALE)]
        if SCREENSHOTS:
            page.screenshot(path=Path(SCREENSHOTS) / f"{name}-{word}-{scheme}.png", full_page=True)
    faults += [f"{name} does not name {element}" for element in page.evaluate(UNNAMED)]
    faults += [f"{name} has the id {element} twice" for element in page.evaluate(TWICE)]
    faults += [] if page.locator("h1:visible").count() == 1 else [f"{name} has not one heading"]
    return faults


@pytest.fixture
def look() -> Iterator[Callable[[Visitor, str], None]]:
    """Return a function that judges the page at hand; at the end no page may have had a fault."""
    faults: list[str] = []

    def at(visitor: Visitor, name: str) -> None:
        faults.extend(look_at(visitor, name))

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
    visitor.signs_up(EMAIL)
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
    visitor.signs_up(EMAIL)
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


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
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
    page.get_by_role("button", name="Log out").press("Enter")
    visitor.is_at("/log-in")
    page.get_by_label("E-mail address").press("Enter")

    visitor.is_at("/security")
