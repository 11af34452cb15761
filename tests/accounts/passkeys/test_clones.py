"""A passkey that counts less than it did: refused, written down, and its person told."""

from __future__ import annotations

import pytest
from django.core import mail
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import AuditEntry, RecoveryCodes, User
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = (422, "the passkey was not accepted")


@pytest.fixture
def person() -> Page:
    """Return the browser of somebody who has signed up, and is signed out again."""
    page = Page()
    page.sign_up()
    assert page.post("/auth/log-out").status_code == 204
    return page


def copied(person: Page) -> Page:
    """Return the browser of a thief, whose copy of the passkey is from before its last use."""
    thief = Page(device=person.device.clone())
    assert person.log_in().status_code == 200
    return thief


def test_a_copy_that_counts_behind_is_refused_written_down_and_its_person_told(person: Page) -> None:
    thief = copied(person)
    mail.outbox.clear()

    assert reason_of(thief.log_in()) == REFUSED

    event = AuditEntry.objects.get(action="passkey.count_fell")
    assert event.subject == User.objects.get().pk
    assert '"count":2' in event.body
    assert [message.subject for message in mail.outbox] == ["Raxx: one of your passkeys may have been copied"]
    passkey = WebAuthnCredential.objects.get()
    assert (passkey.sign_count, passkey.confirmed) == (2, True)  # the only way in stays
    assert not person.is_in()  # what it had opened does not
    assert person.log_in().status_code == 200


@pytest.mark.parametrize("other", ["passkey", "codes"])
def test_a_copied_passkey_is_switched_off_where_its_person_has_another_way_in(
    person: Page, other: str
) -> None:
    thief = copied(person)
    if other == "passkey":
        assert person.add_passkey(Authenticator()).status_code == 201
    else:
        assert person.post("/raxx/v1/recovery-codes").status_code == 201
    first = WebAuthnCredential.objects.order_by("pk")[0]

    assert reason_of(thief.log_in()) == REFUSED

    first.refresh_from_db()
    assert not first.confirmed
    assert not person.is_in()
    assert reason_of(person.log_in()) == REFUSED


def test_codes_that_are_used_up_are_no_other_way_in(person: Page) -> None:
    thief = copied(person)
    RecoveryCodes.objects.create(user=User.objects.get(), digests=[])

    assert reason_of(thief.log_in()) == REFUSED
    assert WebAuthnCredential.objects.get().confirmed


def test_a_low_count_without_the_signature_is_nobody_s_word(person: Page) -> None:
    assert person.log_in().status_code == 200
    mail.outbox.clear()
    outsider = Page(device=person.device.clone())

    assert reason_of(outsider.log_in(count=1, signature=b"0" * 70)) == REFUSED
    assert not AuditEntry.objects.filter(action="passkey.count_fell").exists()
    assert mail.outbox == []
    assert person.is_in()


def test_a_passkey_that_stops_counting_counts_less(person: Page) -> None:
    assert reason_of(person.log_in(count=0)) == REFUSED
    assert AuditEntry.objects.filter(action="passkey.count_fell").exists()


def test_a_synchronised_passkey_counts_nought_for_ever_and_is_no_copy() -> None:
    page = Page(device=Authenticator(counts=False))
    page.sign_up()

    assert [page.log_in().status_code for _ in range(3)] == [200, 200, 200]
    passkey = WebAuthnCredential.objects.get()
    assert (passkey.sign_count, passkey.backup_state) == (0, True)
    assert not AuditEntry.objects.filter(action="passkey.count_fell").exists()
