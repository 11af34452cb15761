"""Recovery by a code: single use, slow to guess, and all that it opens is an enrolment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import AuditEntry, RecoveryCodes, Session, User
from accounts.services.recovery import FAILURES_MAX
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of
from tests.factories.rows import make_user

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "person@example.com"
REFUSED = (422, "the address and the code do not belong together, or were tried too often")
WRONG = "AAAAA-AAAAA-AAAAA-AAAAA"


@pytest.fixture
def person() -> Page:
    """Return the browser of somebody who has just signed up."""
    page = Page()
    page.sign_up(EMAIL)
    return page


@pytest.fixture
def codes(person: Page) -> list[str]:
    """Return that person's recovery codes."""
    made: list[str] = person.post("/raxx/v1/recovery-codes").json()["codes"]
    mail.outbox.clear()
    return made


def recover(code: str, email: str = EMAIL, page: Page | None = None) -> object:
    return (page or Page()).post("/auth/recover", {"email": email, "code": code})


def rested() -> None:
    """Let the back-off of all codes be over."""
    RecoveryCodes.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(days=1))


def test_ten_codes_of_twenty_characters_are_shown_once_and_kept_as_digests(person: Page) -> None:
    answer = person.post("/raxx/v1/recovery-codes")
    codes = answer.json()["codes"]

    assert answer.status_code == 201
    assert len(set(codes)) == 10
    assert {len(code.replace("-", "")) for code in codes} == {20}
    kept = RecoveryCodes.objects.get()
    assert {len(bytes(digest)) for digest in kept.digests} == {32}
    assert person.get("/raxx/v1/recovery-codes").json()["left"] == 10
    assert not any(code.encode() in bytes(digest) for digest in kept.digests for code in codes)
    entry = AuditEntry.objects.get(action="recovery_codes.made")
    assert not any(code in entry.body for code in codes)


def test_a_code_opens_a_session_that_may_only_enrol(person: Page, codes: list[str]) -> None:
    page = Page(device=Authenticator())
    answer = recover(codes[0], page=page)

    assert answer.status_code == 200
    session = page.session()
    assert (session.is_enrol_only, session.passkey_id, session.fresh_until) == (True, None, None)
    assert [message.subject for message in mail.outbox] == ["Raxx: a recovery code was used"]
    actions = list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))[-2:]
    assert actions == ["recovery_code.used", "session.started"]


def test_nobody_keeps_a_copy_of_the_answer_that_shows_codes(person: Page) -> None:
    assert person.post("/raxx/v1/recovery-codes")["Cache-Control"] == "no-store"


def test_the_session_that_the_browser_had_before_ends(person: Page, codes: list[str]) -> None:
    before = person.session()  # its key is overwritten in the browser: nobody could end it by logging out

    assert recover(codes[0], page=person).status_code == 200

    before.refresh_from_db()
    assert before.end_reason == Session.End.LOGGED_OUT
    assert person.session().is_enrol_only


def test_after_enrolling_the_old_ways_in_are_closed_and_keys_and_live_wait(
    person: Page, codes: list[str]
) -> None:
    second = Page(device=Authenticator())
    person.add_passkey(second.device)
    second.log_in()
    page = Page(device=Authenticator())
    recover(codes[0], page=page)
    mail.outbox.clear()

    answer = page.enrol(name="new phone")

    assert answer.status_code == 201
    user = User.objects.get()
    assert user.auth_epoch == 1
    assert user.restricted_until is not None
    assert timedelta(hours=23) < user.restricted_until - timezone.now() <= timedelta(hours=24)
    on = WebAuthnCredential.objects.filter(confirmed=True)
    assert [passkey.name for passkey in on] == ["new phone"]
    assert not person.is_in()
    assert not second.is_in()
    assert reason_of(second.log_in()) == (422, "the passkey was not accepted")
    told = page.who().json()["session"]
    assert (told["is_enrol_only"], told["fresh_until"]) == (False, None)
    assert told["restricted_until"] is not None
    assert page.post("/raxx/v1/recovery-codes").status_code == 401  # signed in, and not fresh
    ends = dict(Session.objects.exclude(ended_at=None).values_list("is_enrol_only", "end_reason"))
    assert ends == {True: "enrolled", False: "recovered"}
    (message,) = mail.outbox
    assert message.subject == "Raxx: your access was recovered"
    assert AuditEntry.objects.filter(action="access.recovered").count() == 1
    assert page.log_in().status_code == 200


def test_the_device_that_was_lost_and_found_may_make_the_new_passkey(person: Page, codes: list[str]) -> None:
    page = Page(device=person.device)
    recover(codes[0], page=page)
    assert page.enrol().status_code == 201


def test_a_recovery_s_session_enrols_once(person: Page, codes: list[str]) -> None:
    page = Page(device=Authenticator())
    recover(codes[0], page=page)
    key = page.client.cookies["raxx_session"].value
    assert page.enrol().status_code == 201

    page.client.cookies["raxx_session"] = key
    assert page.enrol().status_code == 401
    assert User.objects.get().auth_epoch == 1


@pytest.mark.parametrize("lies", [{"verifies": False}, {"origin": "http://localhost:1"}])
def test_a_refused_enrolment_closes_nothing(person: Page, codes: list[str], lies: Any) -> None:
    page = Page(device=Authenticator())
    recover(codes[0], page=page)

    assert page.enrol(**lies).status_code == 422
    assert person.is_in()
    assert User.objects.get().auth_epoch == 0
    assert page.enrol().status_code == 201


def test_a_code_works_once(person: Page, codes: list[str]) -> None:
    assert recover(codes[0]).status_code == 200
    assert reason_of(recover(codes[0])) == REFUSED
    rested()
    assert reason_of(recover(codes[0])) == REFUSED
    rested()
    assert recover(codes[1]).status_code == 200
    assert len(RecoveryCodes.objects.get().digests) == 8


def test_a_code_is_read_as_people_write_it(person: Page, codes: list[str]) -> None:
    written = codes[0].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert recover(written, email=" Person@Example.COM").status_code == 200


def test_new_codes_end_the_old(person: Page, codes: list[str]) -> None:
    new = person.post("/raxx/v1/recovery-codes").json()["codes"]
    assert reason_of(recover(codes[0])) == REFUSED
    rested()
    assert recover(new[0]).status_code == 200


def test_every_refusal_has_the_same_words(person: Page, codes: list[str]) -> None:
    make_user(email="without@example.com")
    answers = [
        recover(WRONG),
        recover(codes[0]),  # the right one, while the wrong one is still paid for
        recover(codes[0], email="nobody@example.com"),
        recover(codes[0], email="without@example.com"),
        recover("", email="nobody@example.com"),
    ]
    assert {reason_of(answer) for answer in answers} == {REFUSED}
    rested()
    User.objects.update(is_active=False)
    assert reason_of(recover(codes[0])) == REFUSED


def test_another_person_s_code_opens_nothing(person: Page, codes: list[str]) -> None:
    other = Page()
    other.sign_up("other@example.com")
    theirs = other.post("/raxx/v1/recovery-codes").json()["codes"]
    assert reason_of(recover(theirs[0])) == REFUSED


def test_each_failure_costs_twice_as_long_up_to_an_end(person: Page, codes: list[str]) -> None:
    for _ in range(3):
        recover(WRONG)
    assert RecoveryCodes.objects.get().throttling_failure_count == 1  # refused unread while it rests

    RecoveryCodes.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(seconds=5))
    for count in (2, 3):
        recover(WRONG)
        assert RecoveryCodes.objects.get().throttling_failure_count == count
        RecoveryCodes.objects.update(throttling_failure_timestamp=timezone.now() - timedelta(seconds=5))
    RecoveryCodes.objects.update(throttling_failure_count=FAILURES_MAX)
    assert reason_of(recover(codes[0])) == REFUSED
    rested()
    recover(WRONG)
    assert RecoveryCodes.objects.get().throttling_failure_count == FAILURES_MAX
    rested()
    assert recover(codes[0]).status_code == 200
    assert RecoveryCodes.objects.get().throttling_failure_count == 0


def test_codes_survive_a_change_of_the_secret_key(person: Page, codes: list[str], settings: object) -> None:
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [settings.SECRET_KEY]
    assert recover(codes[0]).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert reason_of(recover(codes[1])) == REFUSED


def test_what_is_no_address_is_refused_before_anything_is_asked() -> None:
    assert recover(WRONG, email="a\x00b").status_code == 422
