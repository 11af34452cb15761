"""Passkeys that are copied, borrowed, unverified, or shown to somebody else: none lets anybody in."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from accounts.models import AuditEntry, Session, User

EMAIL = "alan@example.com"
# What a page does that is not ours: it asks the device with options as it likes them.
SHOW = """async (options) => {
  const parsed = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey: parsed })).toJSON();
}"""
SEND = """async ([path, body]) => {
  const token = document.cookie.match(/raxx_csrf=([^;]+)/)[1];
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}"""


@pytest.fixture
def outsider(visitor):
    """Return a visitor who has been here before: their device has a passkey, they are not in."""
    visitor.is_known(EMAIL)
    visitor.open("/log-in")
    return visitor


def send(visitor, path, body):
    return visitor.page.evaluate(SEND, [path, body])


def living_sessions():
    return Session.objects.filter(ended_at=None).count()


def refused_at_the_log_in(visitor):
    visitor.open("/log-in")
    visitor.press("Log in with a passkey")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    assert visitor.page.url.endswith("/log-in")
    assert living_sessions() == 0


def test_a_cloned_passkey_is_refused_written_down_and_mailed(outsider):
    for _ in range(2):
        outsider.logs_in()
        outsider.press("Log out")
        outsider.is_at("/log-in")
    original = outsider.device.credentials()[0]
    assert original["signCount"] == 3
    mails = len(outsider.site.mails_to(EMAIL))
    outsider.device.remove(original)
    outsider.device.put(original, signCount=1)  # a copy that was made after the first time

    refused_at_the_log_in(outsider)

    person = User.objects.get(email=EMAIL)
    assert AuditEntry.objects.filter(subject=person.pk, action="passkey.count_fell").count() == 1
    assert len(outsider.site.mails_to(EMAIL)) == mails + 1


def test_a_passkey_with_somebody_else_s_handle_is_refused(outsider, visit):
    other = visit()
    other.is_known("other@example.com")
    own, foreign = outsider.device.credentials()[0], other.device.credentials()[0]
    assert own["userHandle"] != foreign["userHandle"]
    outsider.device.remove(own)
    outsider.device.put(own, userHandle=foreign["userHandle"])

    refused_at_the_log_in(outsider)


def test_a_device_that_verifies_nobody_gets_no_passkey_and_lets_nobody_in(visitor):
    visitor.open("/sign-up")
    visitor.page.get_by_label("E-mail address").fill(EMAIL)
    visitor.press("Mail me a link")
    visitor.sees("Look into your mail")
    visitor.page.goto(visitor.site.link_to(EMAIL))
    visitor.device.verifies(users=False)

    visitor.press("Make the passkey")

    visitor.sees("No passkey was shown")
    assert not User.objects.exists()


def test_an_assertion_without_verification_is_refused_by_the_server_too(outsider):
    options = send(outsider, "/auth/log-in/begin", {})["body"]
    outsider.device.verifies(users=False)
    credential = outsider.page.evaluate(SHOW, {**options, "userVerification": "discouraged"})

    answer = send(outsider, "/auth/log-in/complete", {"credential": credential})

    assert answer["status"] == 422
    assert living_sessions() == 0


def test_what_a_page_at_another_port_got_out_of_the_device_is_refused(outsider):
    options = send(outsider, "/auth/log-in/begin", {})["body"]
    # The browser lets it ask: the domain is the same. Nobody serves it but this test.
    fake = "http://localhost:9/fake"
    outsider.page.route(fake, lambda route: route.fulfill(content_type="text/html", body="<h1>Log in</h1>"))
    outsider.page.goto(fake)
    credential = outsider.page.evaluate(SHOW, options)
    outsider.complaints.remove(f"a request to {fake}")
    outsider.open("/log-in")

    answer = send(outsider, "/auth/log-in/complete", {"credential": credential})

    assert answer["status"] == 422
    assert living_sessions() == 0


def test_an_assertion_is_worth_nothing_the_second_time(outsider):
    options = send(outsider, "/auth/log-in/begin", {})["body"]
    body = {"credential": outsider.page.evaluate(SHOW, options)}

    statuses = [send(outsider, "/auth/log-in/complete", body)["status"] for _ in range(2)]

    assert statuses == [200, 422]
    assert living_sessions() == 1


def test_at_a_bare_address_the_browser_refuses_and_the_page_leads_to_the_right_one(outsider):
    outsider.page.goto(f"{outsider.site.elsewhere}/log-in")
    outsider.press("Log in with a passkey")
    outsider.sees("Passkeys do not work at this address. Open the page")

    outsider.page.get_by_role("link", name=f"{outsider.site.url}/log-in").click()
    outsider.press("Log in with a passkey")
    outsider.is_at("/start")


def test_a_request_without_the_page_s_token_is_refused(outsider):
    status = outsider.page.evaluate(
        "fetch('/auth/log-in/begin', {method: 'POST', body: '{}'}).then((answer) => answer.status)"
    )

    assert status == 403
