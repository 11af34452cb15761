"""Show the passkey again: for five minutes of this session, or for one thing once."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.binding import acting_for
from accounts.errors import StepUpRequired
from accounts.models import Assertion, AuditEntry, Session, User
from accounts.sessions import living_session
from accounts.step_up import spend_assertion
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of
from tests.factories.people import as_web

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = (422, "the passkey was not accepted")
NO_CHALLENGE = (422, "begin again: there is no open challenge")
ORDER, OTHER = (hashlib.sha256(word).digest() for word in (b"one order", b"another order"))
GUARDED = "/raxx/v1/recovery-codes"


@pytest.fixture
def person() -> Page:
    """Return the browser of somebody whose session is not fresh any more."""
    page = Page()
    page.sign_up()
    Session.objects.update(fresh_until=timezone.now() - timedelta(seconds=1))
    return page


def test_what_is_guarded_says_how_to_step_up_and_works_afterwards(person: Page) -> None:
    refused = person.post(GUARDED)

    assert refused.status_code == 401
    body = refused.json()
    assert (body["error"], body["max_age"]) == ("step_up_required", 300)
    assert (body["begin"], body["complete"]) == ("/auth/step-up/begin", "/auth/step-up/complete")
    assert refused["WWW-Authenticate"] == 'Session error="insufficient_user_authentication", max_age=300'

    options = person.post(body["begin"]).json()
    assert options["userVerification"] == "required"
    answer = person.post(body["complete"], {"credential": person.device.get(options)})
    assert answer.status_code == 200
    assert answer.json()["fresh_until"] is not None
    assert person.post(GUARDED).status_code == 201
    assert timedelta(minutes=4) < person.fresh_for() <= timedelta(minutes=5)


def test_a_step_up_is_written_down(person: Page) -> None:
    person.step_up()
    entry = AuditEntry.objects.get(action="session.stepped_up")
    assert (entry.actor_kind, entry.subject) == ("user", User.objects.get().pk)
    assert str(person.session().pk) in entry.body


@pytest.mark.parametrize(
    "lies",
    [
        {"verifies": False},
        {"origin": "http://localhost:8001"},
        {"rp_id": "example.com"},
        {"signature": b"0" * 70},
        {"handle": b"f" * 64},
    ],
    ids=lambda lies: next(iter(lies)),
)
def test_a_step_up_that_is_not_as_it_must_be_makes_nothing_fresh(person: Page, lies: Any) -> None:
    assert reason_of(person.step_up(**lies)) == REFUSED
    assert person.post(GUARDED).status_code == 401


def test_a_security_key_that_sends_no_handle_may_step_up(person: Page) -> None:
    # It was asked for by its id, so it names its person by that.
    assert person.step_up(handle=None).status_code == 200


def test_another_person_s_passkey_makes_nothing_fresh(person: Page) -> None:
    other = Page()
    other.sign_up("other@example.com")
    options = person.post("/auth/step-up/begin").json()
    options.pop("allowCredentials")

    refused = person.post("/auth/step-up/complete", {"credential": other.device.get(options)})
    assert reason_of(refused) == REFUSED
    assert person.post(GUARDED).status_code == 401


def test_a_challenge_of_another_session_of_the_person_is_none_of_this_one(person: Page) -> None:
    second = Page(device=person.device)
    second.log_in()
    answer = {"credential": person.device.get(second.post("/auth/step-up/begin").json())}
    assert reason_of(person.post("/auth/step-up/complete", answer)) == NO_CHALLENGE


def test_an_answer_counts_once_also_here(person: Page) -> None:
    answer = {"credential": person.device.get(person.post("/auth/step-up/begin").json())}
    assert person.post("/auth/step-up/complete", answer).status_code == 200
    assert reason_of(person.post("/auth/step-up/complete", answer)) == NO_CHALLENGE


def test_a_copy_shown_in_a_step_up_is_a_security_event_too(person: Page) -> None:
    copy = person.device.clone()
    person.step_up()
    options = person.post("/auth/step-up/begin").json()

    assert reason_of(person.post("/auth/step-up/complete", {"credential": copy.get(options)})) == REFUSED
    assert AuditEntry.objects.filter(action="passkey.count_fell").count() == 1
    assert not person.is_in()


def test_a_passkey_that_is_off_is_not_asked_for_and_not_taken(person: Page) -> None:
    person.step_up()
    second = Authenticator()
    person.add_passkey(second)
    WebAuthnCredential.objects.filter(name="another").update(confirmed=False)
    options = person.post("/auth/step-up/begin").json()
    assert len(options["allowCredentials"]) == 1

    options.pop("allowCredentials")
    assert reason_of(person.post("/auth/step-up/complete", {"credential": second.get(options)})) == REFUSED


def test_nobody_steps_up_without_a_session() -> None:
    page = Page()
    assert page.post("/auth/step-up/begin").status_code == 401
    assert page.post("/auth/step-up/complete", {"credential": {}}).status_code == 401


# --- For one thing ---------------------------------------------------------------------------------


def spent(person: Page, digest: bytes) -> bool:
    """Say whether the session's yes to a thing was there; it is gone afterwards."""
    key = person.client.cookies["raxx_session"].value
    with as_web():
        session = living_session(key)
        assert session is not None
        with acting_for(session.user_id), transaction.atomic():
            try:
                spend_assertion(session, digest)
            except StepUpRequired:
                return False
    return True


def test_a_yes_to_one_thing_allows_that_thing_once_and_nothing_else(person: Page) -> None:
    answer = person.step_up(ORDER.hex())

    assert answer.json() == {"fresh_until": None}
    assert person.post(GUARDED).status_code == 401
    assert not spent(person, OTHER)
    assert spent(person, ORDER)
    assert not spent(person, ORDER)


def test_a_fresh_session_is_no_yes_to_one_thing(person: Page) -> None:
    person.step_up()
    assert not spent(person, ORDER)


def test_a_yes_is_this_session_s_and_grows_old(person: Page) -> None:
    person.step_up(ORDER.hex())
    second = Page(device=person.device)
    second.log_in()
    assert not spent(second, ORDER)
    Assertion.objects.update(expires_at=timezone.now())
    assert not spent(person, ORDER)


@pytest.mark.parametrize("digest", ["ab", "x" * 64, "ab" * 33])
def test_a_digest_that_is_none_is_refused(person: Page, digest: str) -> None:
    assert person.post("/auth/step-up/begin", {"digest": digest}).status_code == 422


# --- What ends it ----------------------------------------------------------------------------------


def test_removing_the_passkey_ends_freshness_and_session_at_once() -> None:
    page = Page()
    page.sign_up()
    second = Page(device=Authenticator())
    page.add_passkey(second.device)
    assert second.log_in().status_code == 200
    removed = WebAuthnCredential.objects.get(name="another")

    assert page.send("delete", f"/raxx/v1/passkeys/{removed.pk}").status_code == 204

    assert not second.is_in()
    assert second.post(GUARDED).status_code == 401
    ended = Session.objects.get(end_reason="passkey_removed")
    assert ended.fresh_until is None
    assert page.is_in()


def test_switching_the_passkey_off_ends_freshness_at_once(person: Page) -> None:
    person.step_up()
    WebAuthnCredential.objects.update(confirmed=False)
    assert person.post(GUARDED).status_code == 401
    assert not person.is_in()


def test_after_a_step_up_by_another_passkey_the_session_stands_and_falls_with_that_one(person: Page) -> None:
    person.step_up()
    other = Authenticator()
    person.add_passkey(other)
    own_device, person.device = person.device, other
    options = person.post("/auth/step-up/begin").json()
    person.post("/auth/step-up/complete", {"credential": other.get(options)})
    first = WebAuthnCredential.objects.exclude(name="another").get()

    assert person.send("delete", f"/raxx/v1/passkeys/{first.pk}").status_code == 204
    assert person.is_in()
    assert own_device.keys
