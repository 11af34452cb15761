"""What a signed-in person does about their own access, the step-up in place included."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import ApiKey, RecoveryCodes, Session, User
from tests.browser.authenticator import Authenticator
from tests.factories.rows import make_account, make_market

EMAIL = "grace@example.com"
CODES = "/raxx/v1/recovery-codes"


@pytest.fixture
def person(visitor):
    """Return a person who has just logged in, and is at their page."""
    somebody = visitor.is_in(EMAIL)
    visitor.open("/security")
    visitor.sees("You have one passkey")
    return somebody


def grow_stale(person):
    Session.objects.filter(user=person).update(fresh_until=timezone.now() - timedelta(minutes=1))


def test_a_stale_session_shows_the_passkey_and_the_request_goes_again_by_itself(visitor, person):
    grow_stale(person)
    visitor.answers.clear()

    visitor.press("Make new codes")

    expect(visitor.page.locator("[data-codes] li")).to_have_count(10)
    assert [one for one in visitor.answers if one[0] == "POST"] == [
        ("POST", CODES, 401),
        ("POST", "/auth/step-up/begin", 200),
        ("POST", "/auth/step-up/complete", 200),
        ("POST", CODES, 201),
    ]
    assert Session.objects.filter(user=person, fresh_until__gt=timezone.now()).exists()


def test_a_step_up_that_is_dismissed_changes_nothing_and_may_be_tried_again(visitor, person):
    grow_stale(person)
    visitor.device.verifies(users=False)

    visitor.press("Make new codes")
    visitor.sees("No passkey was shown")
    assert not RecoveryCodes.objects.filter(user=person).exists()
    assert visitor.statuses(CODES)[-1] == ("POST", 401)  # asked once, and not again and again

    visitor.device.verifies(users=True)
    visitor.press("Make new codes")
    expect(visitor.page.locator("[data-codes] li")).to_have_count(10)


def test_codes_are_gone_from_the_page_when_they_were_taken(visitor, person):
    visitor.press("Make new codes")
    code = visitor.page.locator("[data-codes] li").first.inner_text()
    visitor.press("I have them")

    expect(visitor.page.locator("#codes h2")).to_be_focused()
    assert code not in visitor.page.content()
    visitor.sees("Left:")


def test_a_second_passkey_is_added_on_another_device_renamed_and_removed(visitor, person):
    Authenticator(visitor.page, transport="usb")
    visitor.page.get_by_label("Name of another passkey").fill("Key ring")
    visitor.press("Add a passkey")
    visitor.sees("The passkey “Key ring” was added.")
    expect(visitor.page.locator("#passkeys .row")).to_have_count(2)

    visitor.page.get_by_role("button", name="Rename: Key ring").click()
    visitor.page.get_by_role("dialog").get_by_label("Name").fill("Safe")
    visitor.page.keyboard.press("Enter")
    visitor.sees("The passkey is now called “Safe”.")

    visitor.page.get_by_role("button", name="Remove: Safe").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    visitor.sees("The passkey “Safe” was removed")
    expect(visitor.page.locator("#passkeys .row")).to_have_count(1)
    expect(visitor.page.get_by_role("button", name="Remove: ")).to_have_count(0)  # the last one stays


def test_a_device_that_has_a_passkey_makes_no_second_one(visitor, person):
    visitor.press("Add a passkey")

    visitor.sees("This device has a passkey of yours already")


def test_a_session_that_another_one_ends_is_out_at_its_next_request(visitor, visit, person):
    other = visit()
    other.device.put(visitor.device.credentials()[0], signCount=5)
    other.logs_in()
    expect(other.page.locator("#sessions [data-list] .row")).to_have_count(2)
    tab = visitor.tab()
    tab.goto(f"{visitor.site.url}/security")

    other.press("End all other sessions")
    other.sees("All other sessions were ended.")

    visitor.press("Make new codes")  # a script's request
    visitor.is_at("/log-in?next=/security")
    tab.reload()  # a page
    visitor.is_at("/log-in?next=/security", tab)
    other.sees("Ended in the last 30 days")
    assert not RecoveryCodes.objects.filter(user=person).exists()


def test_one_session_is_ended_by_its_own_button(visitor, visit, person):
    other = visit()
    other.device.put(visitor.device.credentials()[0], signCount=5)
    other.logs_in()
    first = other.page.locator("#sessions [data-list] .row").filter(has_not_text="this session")

    first.get_by_role("button").click()

    other.sees("The session was ended.")
    expect(other.page.locator("#sessions [data-list] .row")).to_have_count(1)
    visitor.open("/security")
    visitor.is_at("/log-in?next=/security")


def test_a_key_is_made_for_a_first_account_shown_once_used_and_revoked(visitor, person):
    make_market(is_active=True)
    visitor.press("Open a paper account with $100,000")
    visitor.sees("No key yet.")
    visitor.page.get_by_text("Make a key", exact=True).click()
    visitor.page.locator("#key-name").fill("my bot")
    visitor.page.get_by_label("trade", exact=True).uncheck()
    grow_stale(person)
    visitor.press("Make the key")

    visitor.sees("The secret is shown once.")
    key_id, secret = (
        visitor.page.locator(f".secret [data-field={name}]").inner_text() for name in ("key_id", "secret")
    )
    key = ApiKey.objects.get(user=person)
    assert (key.key_id, key.name, key.scopes) == (key_id, "my bot", ["read", "data"])
    assert asked(visitor, key_id, secret) == 200
    program = visitor.page.locator("[data-field=program]").inner_text()
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert said.stdout == "AccountStatus.ACTIVE 100000 400000\n"
    visitor.press("I have it")
    assert secret not in visitor.page.content()

    visitor.page.get_by_role("button", name="Revoke: my bot").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    visitor.sees(f"The key {key_id} was revoked.")
    assert asked(visitor, key_id, secret) == 401


def asked(visitor, key_id, secret):
    """Return how the unmodified SDK is answered with this key."""
    client = TradingClient(key_id, secret, url_override=visitor.site.url)
    try:
        account = client.get_account()
    except APIError as refused:
        return refused.status_code
    assert account.cash == "100000"
    return 200


def test_no_key_is_made_while_somebody_cools_down(visitor, person):
    make_account(person)
    User.objects.filter(pk=person.pk).update(restricted_until=timezone.now() + timedelta(hours=2))
    visitor.open("/security")
    visitor.page.get_by_text("Make a key", exact=True).click()
    visitor.press("Make the key")

    expect(visitor.page.get_by_role("alert")).to_contain_text("recovered lately")
    assert not ApiKey.objects.exists()


def test_without_a_connection_the_page_says_so_and_goes_on_when_it_is_back(visitor, person):
    visitor.is_offline(really=True)
    visitor.sees("You are offline. What you see may be old")
    visitor.press("Make new codes")
    visitor.sees("the server cannot be reached")

    visitor.is_offline(really=False)
    expect(visitor.page.locator("#offline")).to_be_hidden()
    visitor.press("Make new codes")
    expect(visitor.page.locator("[data-codes] li")).to_have_count(10)


def test_who_asked_too_often_is_told_for_how_long(visitor, person):
    limited = {
        "status": 429,
        "headers": {"Retry-After": "2", "Content-Type": "application/json"},
        "body": "{}",
    }
    visitor.page.route(f"**{CODES}", lambda route: route.fulfill(**limited))
    visitor.press("Make new codes")

    visitor.sees("That was too often. You can go on in")
    visitor.sees("You can go on now.")


def test_a_list_that_could_not_be_loaded_is_loaded_again_by_a_button(visitor, person):
    pattern = "**/raxx/v1/sessions"
    failure = {
        "status": 503,
        "headers": {"Content-Type": "application/json"},
        "body": '{"request_id": "abc"}',
    }
    visitor.page.route(pattern, lambda route: route.fulfill(**failure))
    visitor.open("/security")
    visitor.sees("Something went wrong on our side. Nothing is known to be lost; try again. Request abc")
    visitor.page.unroute(pattern)

    visitor.press("Try again")

    expect(visitor.page.locator("#sessions [data-list] .row")).to_have_count(1)
