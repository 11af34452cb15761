"""Sign up, log in, recover: by a real browser, with a virtual passkey device, before the real web process."""

from __future__ import annotations

from playwright.sync_api import expect

from accounts.models import AuditEntry, Session, User

EMAIL = "ada@example.com"


def test_a_person_signs_up_by_a_mailed_link(visitor):
    visitor.signs_up(EMAIL)

    person = User.objects.get(email=EMAIL)
    assert [credential["rpId"] for credential in visitor.device.credentials()] == ["localhost"]
    assert Session.objects.filter(user=person, ended_at=None, is_enrol_only=False).count() == 1
    assert AuditEntry.objects.filter(action="user.joined", subject=person.pk).count() == 1


def test_to_open_a_link_does_not_spend_it_and_to_use_it_does(visitor, visit):
    scanner = visit()
    visitor.open("/sign-up")
    visitor.page.get_by_label("E-mail address").fill(EMAIL)
    visitor.press("Mail me a link")
    visitor.sees("Look into your mail")
    link = visitor.site.link_to(EMAIL)

    for _ in range(2):
        scanner.page.goto(link)
        scanner.sees("Make your passkey")
    assert not User.objects.filter(email=EMAIL).exists()
    visitor.page.goto(link)
    visitor.press("Make the passkey")
    visitor.is_at("/welcome")
    scanner.page.goto(link)

    scanner.sees("This link no longer works")
    assert User.objects.filter(email=EMAIL).count() == 1


def test_an_address_that_is_none_is_said_at_the_form(visitor):
    visitor.open("/sign-up")
    visitor.page.get_by_label("E-mail address").fill("nobody")
    visitor.press("Mail me a link")

    expect(visitor.page.get_by_role("alert")).to_contain_text("not an e-mail address")
    expect(visitor.page.get_by_label("E-mail address")).to_be_focused()


def test_the_button_logs_in_and_leads_where_one_wanted_to_go(visitor):
    visitor.is_known(EMAIL)

    visitor.open("/welcome")
    visitor.is_at("/log-in?next=/welcome")
    visitor.press("Log in with a passkey")

    visitor.is_at("/welcome")
    assert visitor.device.credentials()[0]["signCount"] == 2


def test_no_next_leads_away_from_here(visitor):
    visitor.is_in(EMAIL)
    visitor.open("/welcome")
    visitor.press("Log out")
    visitor.is_at("/log-in")

    visitor.open("/log-in?next=https://example.com/")
    visitor.press("Log in with a passkey")

    visitor.is_at("/start")


def test_the_browser_s_own_offer_logs_in_without_the_button(visit):
    visitor = visit(offers=True)
    visitor.is_in(EMAIL)
    visitor.open("/welcome")
    visitor.press("Log out")

    # The device is touched by itself: it answers the offer as soon as the page has made it.
    visitor.is_at("/start")
    assert visitor.device.credentials()[0]["signCount"] == 2


def test_the_offer_is_renewed_before_its_challenge_is_too_old(visit):
    visitor = visit(offers=True)
    visitor.is_in(EMAIL)
    visitor.open("/welcome")
    visitor.device.is_touched(by_itself=False)
    challenges = []

    def grow_old_soon(route):
        answer = route.fetch()
        options = answer.json()
        challenges.append(options["challenge"])
        route.fulfill(response=answer, json={**options, "timeout": 500})

    visitor.page.route("**/auth/log-in/begin", grow_old_soon)
    with visitor.page.expect_response(lambda _: len(challenges) == 2):
        visitor.press("Log out")
    visitor.device.is_touched(by_itself=True)

    visitor.is_at("/start")
    assert challenges[0] != challenges[1]


def test_a_person_without_passkey_here_is_told_so_and_may_try_again(visitor):
    visitor.open("/log-in")
    visitor.device.verifies(users=False)
    visitor.press("Log in with a passkey")

    visitor.sees("No passkey was shown")
    expect(visitor.page.get_by_role("button", name="Log in with a passkey")).to_be_enabled()
    assert Session.objects.count() == 0


def test_a_code_recovers_the_access_and_opens_nothing_but_an_enrolment(visitor, visit):
    visitor.is_in(EMAIL)
    visitor.open("/welcome")
    visitor.press("Make new codes")
    code = visitor.page.locator("[data-codes] li").first.inner_text()
    stranded = visit()

    mails = len(visitor.site.mails_to(EMAIL))

    stranded.open("/recover")
    stranded.page.get_by_label("E-mail address").fill(EMAIL)
    stranded.page.get_by_label("Recovery code").fill(code)
    stranded.press("Go on")
    stranded.is_at("/enrol")
    stranded.open("/security")
    stranded.is_at("/enrol")  # not before the passkey
    assert stranded.page.evaluate("fetch('/raxx/v1/passkeys').then((answer) => answer.status)") == 403
    stranded.press("Make the passkey")
    stranded.is_at("/security")

    stranded.sees("Your access was recovered lately")
    assert len(visitor.site.mails_to(EMAIL)) > mails
    visitor.open("/security")
    visitor.is_at("/log-in?next=/security")  # the session of before has ended
    visitor.press("Log in with a passkey")
    expect(visitor.page.get_by_role("alert")).to_be_visible()  # and its passkey is switched off


def test_a_code_works_once(visitor, visit):
    visitor.is_in(EMAIL)
    visitor.open("/welcome")
    visitor.press("Make new codes")
    code = visitor.page.locator("[data-codes] li").first.inner_text()
    stranded, late = visit(), visit()

    for one, expected in ((stranded, "/enrol"), (late, "/recover")):
        one.open("/recover")
        one.page.get_by_label("E-mail address").fill(EMAIL)
        one.page.get_by_label("Recovery code").fill(code)
        one.press("Go on")
        one.is_at(expected)

    expect(late.page.get_by_role("alert")).to_be_visible()
