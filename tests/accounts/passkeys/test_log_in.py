"""Log in by a passkey: the right person's, verified, counted, on, and in answer to a challenge of now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import AuditEntry, Ceremony, Session, User
from accounts.sessions import hash_of
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of, token_of

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = (422, "the passkey was not accepted")
NO_CHALLENGE = (422, "begin again: there is no open challenge")


@pytest.fixture
def person() -> Page:
    """Return the browser of somebody who has signed up, and is signed out again."""
    page = Page()
    page.sign_up()
    assert page.post("/auth/log-out").status_code == 204
    return page


def logged_in() -> int:
    return Session.objects.filter(ended_at=None).count()


def test_a_discoverable_passkey_lets_its_person_in(person: Page) -> None:
    options = person.post("/auth/log-in/begin").json()
    assert options["userVerification"] == "required"
    assert options.get("allowCredentials", []) == []  # nobody is told who has which passkey

    answer = person.post("/auth/log-in/complete", {"credential": person.device.get(options)})

    user = User.objects.get()
    assert answer.status_code == 200
    assert answer.json()["user"] == {
        "id": str(user.pk), "email": user.email, "tier": "free", "is_staff": False,
    }  # fmt: skip
    assert person.is_in()
    assert person.fresh_for() > timedelta()
    assert user.last_login is not None
    passkey = WebAuthnCredential.objects.get()
    assert (passkey.sign_count, passkey.last_used_at is None) == (2, False)
    last = AuditEntry.objects.filter(chain=user.pk).order_by("-seq")[0]
    assert (last.action, last.actor_kind, last.actor_id) == ("session.started", "user", str(user.pk))


def test_who_logs_in_gets_another_session_and_another_csrf_token(person: Page) -> None:
    token = person.client.cookies["raxx_csrf"].value
    person.log_in()
    first = person.session()
    person.log_in()

    assert person.session().pk != first.pk
    assert logged_in() == 1  # the browser's earlier one has ended
    assert person.client.cookies["raxx_csrf"].value != token


def test_logging_out_ends_the_session_and_takes_the_cookie_back(person: Page) -> None:
    person.log_in()
    key = person.client.cookies["raxx_session"].value
    answer = person.post("/auth/log-out")

    assert answer.status_code == 204
    assert person.client.cookies["raxx_session"].value == ""
    person.client.cookies["raxx_session"] = key
    assert not person.is_in()
    assert Session.objects.order_by("-created_at")[0].end_reason == "logged_out"
    assert AuditEntry.objects.filter(action="session.ended").exists()


@pytest.mark.parametrize(
    "lies",
    [
        {"verifies": False},
        {"origin": "http://localhost:8001"},
        {"origin": "https://localhost:8000"},
        {"rp_id": "example.com"},
        {"kind": "webauthn.create"},
        {"signature": b"0" * 70},
        {"handle": b"f" * 64},
        {"handle": None},
    ],
    ids=lambda lies: "-".join(str(part)[:30] for part in next(iter(lies.items()))),
)
def test_an_answer_that_is_not_as_it_must_be_is_refused_in_the_same_words(person: Page, lies: Any) -> None:
    before = WebAuthnCredential.objects.get()

    assert reason_of(person.log_in(**lies)) == REFUSED
    after = WebAuthnCredential.objects.get()
    assert (after.sign_count, after.last_used_at) == (before.sign_count, before.last_used_at)
    assert logged_in() == 0
    assert not person.is_in()
    assert person.log_in().status_code == 200


def test_the_handle_of_another_person_is_refused(person: Page) -> None:
    other = Page()
    other.sign_up("other@example.com")
    assert reason_of(person.log_in(handle=other.device.keys[0].handle)) == REFUSED


def test_a_passkey_that_nobody_has_is_refused_in_the_same_words(person: Page) -> None:
    stranger = Authenticator()
    stranger.create({"rp": {"id": "localhost"}, "user": {"id": "AAAA"}, "challenge": "AAAA"})
    options = person.post("/auth/log-in/begin").json()

    answer = person.post("/auth/log-in/complete", {"credential": stranger.get(options)})
    assert reason_of(answer) == REFUSED


def test_a_passkey_that_is_off_is_refused(person: Page) -> None:
    WebAuthnCredential.objects.update(confirmed=False)
    assert reason_of(person.log_in()) == REFUSED


def test_a_person_who_is_not_active_is_refused(person: Page) -> None:
    User.objects.update(is_active=False)
    assert reason_of(person.log_in()) == REFUSED


def test_an_answer_counts_once(person: Page) -> None:
    options = person.post("/auth/log-in/begin").json()
    answer = {"credential": person.device.get(options)}

    assert person.post("/auth/log-in/complete", answer).status_code == 200
    assert reason_of(person.post("/auth/log-in/complete", answer)) == NO_CHALLENGE
    fresh = {"credential": person.device.get(options)}  # signed anew, for a challenge that was used
    assert reason_of(person.post("/auth/log-in/complete", fresh)) == NO_CHALLENGE


def test_a_refused_answer_uses_the_challenge_up(person: Page) -> None:
    options = person.post("/auth/log-in/begin").json()
    bad = {"credential": person.device.get(options, verifies=False)}
    good = {"credential": person.device.get(options)}

    assert reason_of(person.post("/auth/log-in/complete", bad)) == REFUSED
    assert reason_of(person.post("/auth/log-in/complete", good)) == NO_CHALLENGE


def test_a_challenge_is_answered_within_its_time_or_not_at_all(person: Page) -> None:
    def answered_after(seconds: int) -> Any:
        options = person.post("/auth/log-in/begin").json()
        Ceremony.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))
        return person.post("/auth/log-in/complete", {"credential": person.device.get(options)})

    assert reason_of(answered_after(121)) == NO_CHALLENGE
    assert answered_after(110).status_code == 200


def test_a_challenge_is_for_the_browser_that_asked(person: Page) -> None:
    options = person.post("/auth/log-in/begin").json()
    other = Page(device=person.device)
    answer = {"credential": person.device.get(options)}

    assert reason_of(other.post("/auth/log-in/complete", answer)) == NO_CHALLENGE
    other.post("/auth/log-in/begin")  # one of its own, which this does not answer
    assert reason_of(other.post("/auth/log-in/complete", answer)) == REFUSED


def test_a_challenge_for_one_purpose_answers_no_other(person: Page) -> None:
    person.log_in()
    log_in = person.post("/auth/log-in/begin").json()
    assert reason_of(person.post("/auth/step-up/complete", {"credential": person.device.get(log_in)})) == (
        NO_CHALLENGE
    )
    step_up = person.post("/auth/step-up/begin").json()
    person.client.cookies.pop("raxx_ceremony")
    assert reason_of(person.post("/auth/log-in/complete", {"credential": person.device.get(step_up)})) == (
        NO_CHALLENGE
    )
    person.post("/auth/log-in/begin")
    answer = {"credential": person.device.get(step_up)}
    assert reason_of(person.post("/auth/log-in/complete", answer)) == REFUSED
    adding = person.post("/raxx/v1/passkeys/begin").json()
    answer = {"credential": Authenticator().create(adding)}
    assert reason_of(person.post("/auth/enrol/complete", answer)) == NO_CHALLENGE


def test_a_challenge_to_make_a_passkey_lets_nobody_in_and_makes_nothing_fresh(person: Page) -> None:
    # The same browser, the same cookie or session, and a signature over the right challenge.
    person.post("/auth/sign-up", {"email": "second@example.com"})
    making = person.post("/auth/enrol/begin", {"token": token_of("second@example.com")}).json()
    answer = {"credential": person.device.get({"challenge": making["challenge"], "rpId": "localhost"})}
    assert reason_of(person.post("/auth/log-in/complete", answer)) == NO_CHALLENGE

    person.log_in()
    making = person.post("/raxx/v1/passkeys/begin").json()
    answer = {"credential": person.device.get({"challenge": making["challenge"], "rpId": "localhost"})}
    assert reason_of(person.post("/auth/step-up/complete", answer)) == NO_CHALLENGE


def test_a_challenge_to_add_a_passkey_is_none_to_enrol_and_the_other_way_round(person: Page) -> None:
    person.log_in()
    codes = person.post("/raxx/v1/recovery-codes").json()["codes"]
    adding = person.post("/raxx/v1/passkeys/begin").json()
    Session.objects.filter(ended_at=None).update(is_enrol_only=True, passkey=None, fresh_until=None)
    made = {"credential": Authenticator().create(adding)}
    assert reason_of(person.post("/auth/enrol/complete", made)) == REFUSED

    person.post("/auth/recover", {"email": "person@example.com", "code": codes[0]})
    enrolling = person.post("/auth/enrol/begin").json()
    passkey = WebAuthnCredential.objects.get()
    still = Session.objects.filter(
        ended_at=None, key_hash=hash_of(person.client.cookies["raxx_session"].value)
    )
    still.update(is_enrol_only=False, passkey=passkey, fresh_until=timezone.now() + timedelta(minutes=5))
    made = {"credential": Authenticator().create(enrolling)}
    assert reason_of(person.post("/raxx/v1/passkeys/complete", made)) == REFUSED
    assert WebAuthnCredential.objects.count() == 1


# --- What is not even shaped like an answer ---------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer.clear(),
        lambda answer: answer.update(rawId=7),
        lambda answer: answer.update(rawId="=!"),
        lambda answer: answer.update(rawId=""),
        lambda answer: answer.update(id="AAAA"),
        lambda answer: answer.update(type="password"),
        lambda answer: answer.update(response=None),
        lambda answer: answer["response"].update(authenticatorData="AAAA"),
        lambda answer: answer["response"].update(authenticatorData="A" * 400),
        lambda answer: answer["response"].update(clientDataJSON="AAAA"),
        lambda answer: answer["response"].update(clientDataJSON=7),
        lambda answer: answer["response"].update(signature=""),
        lambda answer: answer["response"].update(userHandle=7),
        lambda answer: answer["response"].update(userHandle=""),
        lambda answer: answer.update(authenticatorAttachment="glued"),
    ],
    ids=[
        "nothing", "id-is-a-number", "id-is-no-base64", "id-is-empty", "two-ids", "another-type", "no-response",
        "short-data", "odd-data", "client-data-is-no-json", "client-data-is-a-number", "no-signature",
        "handle-is-a-number", "handle-is-empty", "odd-attachment",
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_in_the_same_words(person: Page, change: Any) -> None:
    answer = person.device.get(person.post("/auth/log-in/begin").json())
    change(answer)
    assert reason_of(person.post("/auth/log-in/complete", {"credential": answer})) == REFUSED


@pytest.mark.parametrize("body", [None, [], "x", {"credential": None}, {"credential": "x"}, {}])
def test_a_body_that_is_none_is_unreadable(person: Page, body: Any) -> None:
    person.post("/auth/log-in/begin")
    assert person.send("post", "/auth/log-in/complete", body).status_code == 400


def test_another_method_is_refused_as_the_api_does(person: Page) -> None:
    refused = person.get("/auth/log-in/begin")
    assert reason_of(refused) == (405, "method not allowed")
    assert "POST" in refused["Allow"]
    assert "no-store" in refused["Cache-Control"]
