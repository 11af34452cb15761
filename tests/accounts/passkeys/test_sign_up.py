"""From an address to a session: one mail, one link, one passkey; all of it or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.urls import get_resolver
from django_otp_webauthn.models import WebAuthnCredential, WebAuthnUserHandle

from accounts import links
from accounts.models import AuditEntry, Session, SpentLink, User
from accounts.throttling import ADDRESS_LIMITS
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of, token_of
from tests.factories.rows import make_user

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = (422, "the passkey was not accepted")
UNUSABLE = (422, "the link is too old, or was used already")


def rows() -> tuple[int, ...]:
    return tuple(
        model.objects.count() for model in (User, WebAuthnCredential, WebAuthnUserHandle, Session, SpentLink)
    )


def test_a_person_signs_up_by_a_mailed_link_and_is_in() -> None:
    page = Page()
    answer = page.post("/auth/sign-up", {"email": " person@EXAMPLE.com "})
    assert answer.status_code == 202

    answer = page.enrol(token_of("person@example.com"), name="my phone")

    user = User.objects.get()
    assert (user.email, user.tier, user.is_active, user.is_staff) == (
        "person@example.com",
        "free",
        True,
        False,
    )
    assert answer.status_code == 201
    assert answer.json() == {
        "user": {"id": str(user.pk), "email": user.email, "tier": "free", "is_staff": False},
        "session": str(Session.objects.get().pk),
    }
    passkey = WebAuthnCredential.objects.get()
    assert (passkey.user_id, passkey.name, passkey.confirmed) == (user.pk, "my phone", True)
    assert WebAuthnUserHandle.objects.get().handle == page.device.keys[0].handle
    assert len(page.device.keys[0].handle) == 64
    session = page.session()
    assert (session.user_id, session.passkey_id, session.is_enrol_only) == (user.pk, passkey.pk, False)
    assert page.fresh_for() > timedelta()
    assert page.who().json()["user"]["email"] == "person@example.com"


def test_the_answer_is_the_same_for_an_address_that_somebody_has_and_the_mail_is_not() -> None:
    make_user(email="known@example.com")
    page = Page()
    answers = [
        page.post("/auth/sign-up", {"email": email}) for email in ("KNOWN@example.com", "new@example.com")
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    known, new = mail.outbox
    assert (known.to, new.to) == (["KNOWN@example.com"], ["new@example.com"])
    assert "/sign-up/" not in known.body
    assert "/log-in" in known.body
    assert "/sign-up/" in new.body


@pytest.mark.parametrize(
    "email", ["", "person", "person@", "a@b\nBcc: c@example.com", f"{'a' * 250}@example.com"]
)
def test_what_is_no_address_is_refused_and_gets_no_mail(email: str) -> None:
    assert Page().post("/auth/sign-up", {"email": email}).status_code == 422
    assert mail.outbox == []


@pytest.mark.usefixtures("budgets_on")
def test_a_mailbox_gets_so_many_links_and_no_more_however_it_is_written() -> None:
    limit = ADDRESS_LIMITS["mailbox"].rate.limit
    spellings = ["victim@example.com", " Victim@Example.com"] * limit

    answers = [Page().post("/auth/sign-up", {"email": email}).status_code for email in spellings[: limit + 1]]

    assert answers == [202] * limit + [429]
    assert len(mail.outbox) == limit
    assert Page().post("/auth/sign-up", {"email": "other@example.com"}).status_code == 202


def test_looking_at_a_link_does_not_spend_it() -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    token = token_of("person@example.com")

    assert links.read(token).email == "person@example.com"
    for _ in range(3):  # a scanner's browser, and a person who closes the dialog
        assert Page().post("/auth/enrol/begin", {"token": token}).status_code == 200
    assert rows() == (0, 0, 0, 0, 0)
    assert page.enrol(token).status_code == 201


def test_a_link_works_once() -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    token = token_of("person@example.com")
    assert page.enrol(token).status_code == 201
    before = rows()

    assert reason_of(Page().enrol(token)) == UNUSABLE
    assert reason_of(page.enrol(token)) == UNUSABLE
    assert rows() == before


def test_a_link_that_was_begun_twice_is_spent_by_one_of_both() -> None:
    page, other = Page(), Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    token = token_of("person@example.com")
    one, two = (each.post("/auth/enrol/begin", {"token": token}).json() for each in (page, other))

    first = page.post("/auth/enrol/complete", {"credential": page.device.create(one)})
    before = rows()
    second = other.post("/auth/enrol/complete", {"credential": other.device.create(two)})

    assert first.status_code == 201
    assert reason_of(second) == UNUSABLE
    assert rows() == before


def test_two_links_for_one_address_make_one_person() -> None:
    page, late = Page(), Page()
    for each in (page, late):
        each.post("/auth/sign-up", {"email": "person@example.com"})
    first, second = _tokens()
    assert page.enrol(first).status_code == 201
    before = rows()

    refused = late.enrol(second)

    assert reason_of(refused) == (409, "somebody has signed up with this address")
    assert rows() == before
    assert not late.is_in()


def _tokens() -> list[str]:
    return [message.body.split("/sign-up/")[1].split()[0] for message in mail.outbox]


def test_a_link_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    token = token_of("person@example.com")
    now, life_s = time.time(), links.LIFE[links.Purpose.SIGN_UP].total_seconds()

    monkeypatch.setattr("django.core.signing.time.time", lambda: now + life_s - 5)
    assert page.post("/auth/enrol/begin", {"token": token}).status_code == 200
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + life_s + 5)
    assert reason_of(page.post("/auth/enrol/begin", {"token": token})) == UNUSABLE


@pytest.mark.parametrize("token", ["x", "x" * 2000, "e30:1aaaaa:AAAA", "\x00"])
def test_a_link_that_is_not_ours_opens_nothing(token: str) -> None:
    assert reason_of(Page().post("/auth/enrol/begin", {"token": token})) == UNUSABLE


def test_without_a_link_or_a_recovery_there_is_nothing_to_enrol_for() -> None:
    page = Page()
    assert page.post("/auth/enrol/begin").status_code == 401
    page.sign_up()
    assert page.post("/auth/enrol/begin").status_code == 401  # for a second passkey there is another path


@pytest.mark.parametrize(
    "lies",
    [
        {"verifies": False},
        {"origin": "http://localhost:8001"},
        {"origin": "https://raxx.example.evil"},
        {"rp_id": "example.com"},
        {"kind": "webauthn.get"},
    ],
    ids=lambda lies: "-".join(map(str, next(iter(lies.items())))),
)
def test_a_passkey_that_was_made_otherwise_is_refused_and_leaves_nothing_behind(lies: dict[str, Any]) -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})

    assert reason_of(page.enrol(token_of("person@example.com"), **lies)) == REFUSED
    assert rows() == (0, 0, 0, 0, 0)
    assert not AuditEntry.objects.exists()
    assert page.enrol(token_of("person@example.com")).status_code == 201  # the link is not spent


def test_registration_asks_for_verification_and_a_passkey_that_names_its_person() -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    options = page.post("/auth/enrol/begin", {"token": token_of("person@example.com")}).json()

    assert options["authenticatorSelection"]["userVerification"] == "required"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["timeout"] == settings.OTP_WEBAUTHN_TIMEOUT_SECONDS * 1000
    assert options["user"]["name"] == "person@example.com"


def test_everything_of_a_sign_up_is_written_down_and_nothing_personal_in_the_chain() -> None:
    user = Page().sign_up()
    entries = list(AuditEntry.objects.filter(chain=user.pk).order_by("seq"))

    assert [entry.action for entry in entries] == ["user.joined", "passkey.added", "session.started"]
    assert {(entry.actor_kind, entry.actor_id) for entry in entries} == {("user", str(user.pk))}
    assert not any("example.com" in entry.body for entry in entries)


def test_another_site_cannot_post(client: Any) -> None:
    page = Page()
    page.client.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    refused = page.client.post("/auth/sign-up", {"email": "p@example.com"}, content_type="application/json")

    assert refused.status_code == 403
    assert refused.json()["message"].startswith("CSRF check failed")
    assert mail.outbox == []


def test_a_link_s_cookie_is_for_this_browser_and_not_for_its_scripts() -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    token = token_of("person@example.com")
    options = page.post("/auth/enrol/begin", {"token": token}).json()
    cookie = page.client.cookies["raxx_ceremony"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")

    other = Page(device=Authenticator())
    made = other.device.create(options)
    refused = other.post("/auth/enrol/complete", {"credential": made})
    assert refused.status_code == 422
    assert refused.json()["reason"] == "no_challenge"


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.clear(),
        lambda made: made.update(rawId=7),
        lambda made: made.update(id="AAAA"),
        lambda made: made.update(type="password"),
        lambda made: made.update(response={}),
        lambda made: made.update(clientExtensionResults=7),
        lambda made: made.update(clientExtensionResults={"credProps": 7}),
        lambda made: made["response"].update(attestationObject="AAAA"),
        lambda made: made["response"].update(attestationObject=""),
        lambda made: made["response"].update(clientDataJSON="e30"),
    ],
    ids=[
        "nothing", "id-is-a-number", "two-ids", "another-type", "no-response", "extensions-are-a-number",
        "properties-are-a-number", "no-attestation", "empty-attestation", "no-challenge",
    ],
)  # fmt: skip
def test_what_is_no_passkey_is_refused_in_the_same_words(change: Any) -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    options = page.post("/auth/enrol/begin", {"token": token_of("person@example.com")}).json()
    made = page.device.create(options)
    change(made)

    assert reason_of(page.post("/auth/enrol/complete", {"credential": made})) == REFUSED
    assert rows() == (0, 0, 0, 0, 0)


def test_a_count_that_no_column_holds_is_refused() -> None:
    page = Page()
    page.post("/auth/sign-up", {"email": "person@example.com"})
    assert reason_of(page.enrol(token_of("person@example.com"), count=2**32 - 1)) == REFUSED
    assert page.enrol(token_of("person@example.com")).status_code == 201
    assert reason_of(page.log_in(count=2**32 - 1)) == REFUSED
    assert page.log_in().status_code == 200


def test_the_library_s_own_views_are_not_served() -> None:
    routes: list[Any] = list(get_resolver().url_patterns)
    modules = set()
    while routes:
        route = routes.pop()
        routes += getattr(route, "url_patterns", [])
        modules.add(getattr(getattr(route, "callback", None), "__module__", ""))
    assert "accounts.web.ways_in" in modules
    assert not [module for module in modules if module.startswith("django_otp")]
    assert settings.OTP_WEBAUTHN_HELPER_CLASS == "accounts.passkeys.helper.PasskeyHelper"
