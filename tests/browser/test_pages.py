"""Every page of ours, in both widths and both schemes: whole, labelled, and within its policy.

With RAXX_SCREENSHOTS naming a folder, pictures of them are written there (`make screenshots`).
"""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import pytest
from django.urls import get_resolver

from accounts.dashboard.page import Page
from tests.factories.rows import make_account, make_api_key, make_market

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


def test_every_page_is_whole_labelled_and_within_its_policy(visit):
    visitor, stranded = visit(), visit()
    faults = []

    def looked_at(name, who=visitor):
        nonlocal faults
        faults += look_at(who, name)

    visitor.open("/sign-up")
    looked_at("sign-up")
    visitor.page.get_by_label("E-mail address").fill(EMAIL)
    visitor.press("Mail me a link")
    visitor.sees("Look into your mail")
    looked_at("sign-up-sent")
    link = visitor.site.link_to(EMAIL)
    visitor.page.goto(link)
    looked_at("enrol")
    visitor.press("Make the passkey")
    visitor.is_at("/welcome")
    visitor.sees("You have no recovery codes.")
    looked_at("welcome")
    visitor.press("Make new codes")
    visitor.sees("They are shown once")
    looked_at("welcome-codes")
    code = visitor.page.locator("[data-codes] li").first.inner_text()
    make_market(is_active=True)
    visitor.open("/security")
    visitor.sees("You have no paper account yet")
    visitor.sees("this session")
    looked_at("security-empty")
    _furnish()
    visitor.open("/security")
    visitor.page.get_by_text("Make a key", exact=True).click()
    visitor.sees("a bot of mine")
    visitor.sees("this session")
    looked_at("security")
    visitor.press("Make the key")
    visitor.sees("The secret is shown once.")
    looked_at("security-key")
    visitor.page.get_by_role("button", name="Rename: ").first.click()
    looked_at("security-dialog")
    stranded.page.goto(link)
    looked_at("enrol-unusable", stranded)
    stranded.open("/log-in")
    looked_at("log-in", stranded)
    stranded.device.verifies(users=False)
    stranded.press("Log in with a passkey")
    stranded.sees("No passkey was shown")
    looked_at("log-in-refused", stranded)
    stranded.device.verifies(users=True)
    stranded.open("/recover")
    looked_at("recover", stranded)
    stranded.page.get_by_label("E-mail address").fill(EMAIL)
    stranded.page.get_by_label("Recovery code").fill(code)
    stranded.press("Go on")
    stranded.is_at("/enrol")
    looked_at("enrol-recovery", stranded)
    stranded.press("Make the passkey")
    stranded.is_at("/security")
    stranded.sees("Your access was recovered lately")
    stranded.sees("this session")
    looked_at("security-cooling", stranded)

    assert faults == []


def _furnish():
    """Give the person an account with keys of every state."""
    from accounts.models import User
    from tests.factories.rows import NOON

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


def test_no_page_is_left_out():
    found = {
        str(pattern.pattern)
        for pattern in get_resolver().url_patterns
        if issubclass(getattr(getattr(pattern, "callback", None), "view_class", object), Page)
    }

    assert found == {
        "sign-up",
        "sign-up/<str:token>",
        "enrol",
        "enrol/<str:token>",
        "log-in",
        "recover",
        "welcome",
        "security",
    }
