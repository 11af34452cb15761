"""The two-operator reset and the invitations: what commands do for people who cannot get in by themselves."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import AuditEntry, PasskeyReset, Session, User
from tests.accounts.authenticator import Authenticator
from tests.accounts.passkeys.browser import Page, reason_of, token_of
from tests.factories.rows import make_user

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = "person@example.com"
UNUSABLE = (422, "the link is too old, or was used already")


@pytest.fixture
def person() -> Page:
    """Return the browser of somebody who has just signed up; there are two of the staff."""
    for name in ("ann", "ben"):
        make_user(email=f"{name}@staff.example", is_staff=True)
    page = Page()
    page.sign_up(EMAIL)
    mail.outbox.clear()
    return page


def run(*words: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*words, "--json", stdout=out)
    return json.loads(out.getvalue())


def ask(operator: str = "ann@staff.example", email: str = EMAIL, ticket: str = "T-1") -> str:
    asked = run("reset_passkeys", "ask", "--email", email, "--ticket", ticket, "--operator", operator)
    return str(asked["id"])


def approve(reset: str, operator: str = "ben@staff.example") -> dict[str, Any]:
    return run("reset_passkeys", "approve", "--id", reset, "--operator", operator)


def test_asking_changes_nothing_but_tells_the_person(person: Page) -> None:
    ask()
    assert person.is_in()
    assert WebAuthnCredential.objects.get().confirmed
    assert [message.to for message in mail.outbox] == [[EMAIL]]
    assert "/enrol/" not in mail.outbox[0].body


def test_a_second_operator_s_yes_ends_every_way_in_and_mails_a_link(person: Page) -> None:
    done = approve(ask())

    assert done["email"] == EMAIL
    assert done["url"].endswith(token_of(EMAIL))
    assert not person.is_in()
    assert person.log_in().status_code == 422
    assert User.objects.get(email=EMAIL).auth_epoch == 1
    resets = AuditEntry.objects.filter(actor_kind="staff", action__startswith="passkey_reset.")
    entries = {entry.action: entry for entry in resets}
    by = {action: User.objects.get(pk=entry.actor_id).email for action, entry in entries.items()}
    assert by == {
        "passkey_reset.asked": "ann@staff.example", "passkey_reset.approved": "ben@staff.example",
    }  # fmt: skip


def test_a_second_operator_s_yes_ends_the_codes_too(person: Page) -> None:
    codes = person.post("/raxx/v1/recovery-codes").json()["codes"]

    approve(ask())

    # Whoever has the person's bag has their codes as well, and would take back what the reset has given.
    refused = Page(device=Authenticator()).post("/auth/recover", {"email": EMAIL, "code": codes[0]})
    assert (refused.status_code, Session.objects.filter(ended_at=None).count()) == (422, 0)
    entry = AuditEntry.objects.get(action="passkey_reset.approved")
    assert json.loads(entry.body)["before"]["codes"] == 10


def test_the_link_opens_a_session_that_may_only_enrol_and_then_the_person_is_in_and_not_fresh(
    person: Page,
) -> None:
    approve(ask())
    page = Page(device=Authenticator())
    options = page.post("/auth/enrol/begin", {"token": token_of(EMAIL)})
    assert options.status_code == 200
    assert page.session().is_enrol_only
    assert page.post("/auth/step-up/begin").status_code == 403

    made = page.device.create(options.json())
    answer = page.post("/auth/enrol/complete", {"credential": made, "name": "new"})

    assert answer.status_code == 201
    user = User.objects.get(email=EMAIL)
    assert (user.auth_epoch, user.restricted_until is None) == (2, False)
    assert page.session().fresh_until is None
    assert [each.name for each in WebAuthnCredential.objects.filter(confirmed=True)] == ["new"]
    assert page.log_in().status_code == 200


def test_the_link_works_once_and_may_be_looked_at_before(person: Page) -> None:
    approve(ask())
    token = token_of(EMAIL)
    first, second = Page(device=Authenticator()), Page(device=Authenticator())
    waiting = second.post("/auth/enrol/begin", {"token": token})
    assert waiting.status_code == 200

    assert first.enrol(token).status_code == 201

    made = {"credential": second.device.create(waiting.json())}
    assert second.post("/auth/enrol/complete", made).status_code in {401, 422}  # its session has ended
    assert reason_of(Page().enrol(token)) == UNUSABLE
    assert User.objects.get(email=EMAIL).auth_epoch == 2


def test_a_dismissed_dialog_can_be_opened_again_in_the_same_session(person: Page) -> None:
    approve(ask())
    page = Page(device=Authenticator())
    for _ in range(2):
        page.post("/auth/enrol/begin", {"token": token_of(EMAIL)})
    assert Session.objects.filter(is_enrol_only=True).count() == 1
    assert page.enrol().status_code == 201  # without the link too


@pytest.mark.parametrize(
    ("operator", "words"),
    [
        ("ann@staff.example", "another one must approve"),
        (EMAIL, "is not an active member of the staff"),
        ("nobody@staff.example", "is not an active member of the staff"),
        ("gone@staff.example", "is not an active member of the staff"),
    ],
)
def test_who_cannot_be_the_second(person: Page, operator: str, words: str) -> None:
    make_user(email="gone@staff.example", is_staff=True, is_active=False)
    reset = ask()
    with pytest.raises(CommandError, match=words):
        approve(reset, operator)
    assert person.is_in()
    assert PasskeyReset.objects.get().approved_at is None


def test_nobody_of_the_staff_takes_part_in_their_own_reset(person: Page) -> None:
    make_user(email="cat@staff.example", is_staff=True)
    with pytest.raises(CommandError, match="their own passkeys"):
        ask("cat@staff.example", email="cat@staff.example")
    reset = ask(email="cat@staff.example")
    with pytest.raises(CommandError, match="their own passkeys"):
        approve(reset, "cat@staff.example")


def test_a_reset_is_approved_within_a_day_and_once(person: Page) -> None:
    old = ask()
    PasskeyReset.objects.update(asked_at=timezone.now() - timedelta(hours=24, seconds=1))
    with pytest.raises(CommandError, match="24 hours"):
        approve(old)
    reset = ask(ticket="T-2")
    approve(reset)
    with pytest.raises(CommandError, match="already"):
        approve(reset, "ann@staff.example")


@pytest.mark.parametrize(("email", "ticket"), [("nobody@example.com", "T"), (EMAIL, " "), (EMAIL, "T" * 65)])
def test_what_cannot_be_asked_for(person: Page, email: str, ticket: str) -> None:
    with pytest.raises(CommandError):
        ask(email=email, ticket=ticket)
    assert not PasskeyReset.objects.exists()


def test_the_database_refuses_one_operator_twice(person: Page) -> None:
    ask()
    with pytest.raises(IntegrityError, match="passkey_reset_takes_two"):
        PasskeyReset.objects.update(approved_by=PasskeyReset.objects.get().asked_by)


# --- Invitations -----------------------------------------------------------------------------------


def test_create_user_makes_a_person_who_makes_a_passkey_by_the_link() -> None:
    made = run("create_user", "--email", EMAIL)
    page = Page()

    assert made["is_new"]
    assert made["url"].endswith(token_of(EMAIL))
    assert page.enrol(token_of(EMAIL)).status_code == 201
    assert page.who().json()["user"]["id"] == made["user_id"]
    assert page.fresh_for() > timedelta()
    assert User.objects.get().restricted_until is None
    assert reason_of(Page().enrol(token_of(EMAIL))) == UNUSABLE


def test_another_invitation_is_void_once_there_is_a_passkey() -> None:
    run("create_user", "--email", EMAIL)
    first = token_of(EMAIL)
    assert run("create_user", "--email", EMAIL.upper())["is_new"] is False
    second = token_of(EMAIL)
    late = Page(device=Authenticator())
    begun = late.post("/auth/enrol/begin", {"token": first}).json()

    assert Page().enrol(second).status_code == 201
    refused = late.post("/auth/enrol/complete", {"credential": late.device.create(begun)})
    assert reason_of(refused) == UNUSABLE
    assert reason_of(late.enrol(first)) == UNUSABLE
    with pytest.raises(CommandError, match="has a passkey"):
        run("create_user", "--email", EMAIL)


def test_staff_are_made_by_invitation_alone_and_their_sessions_are_short() -> None:
    run("invite_staff", "--email", "boss@staff.example", "--superuser")
    page = Page()
    assert page.enrol(token_of("boss@staff.example")).status_code == 201

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert page.session().idle_s == 30 * 60
    entry = AuditEntry.objects.get(action="staff.invited")
    assert '"is_superuser":true' in entry.body


def test_who_has_a_passkey_becomes_staff_without_a_link_and_logs_in_again(person: Page) -> None:
    made = run("invite_staff", "--email", EMAIL)

    assert (made["url"], made["is_new"]) == ("", False)
    assert not person.is_in()
    assert person.log_in().json()["user"]["is_staff"] is True


@pytest.mark.parametrize("command", ["create_user", "invite_staff"])
def test_nobody_is_invited_who_is_not_active_or_has_no_address(command: str) -> None:
    make_user(email=EMAIL, is_active=False)
    for email in (EMAIL, "no address"):
        with pytest.raises(CommandError):
            run(command, "--email", email)
    assert mail.outbox == []


def test_a_link_is_printed_also_when_no_mail_server_takes_it(settings: Any) -> None:
    settings.EMAIL_BACKEND = "tests.accounts.passkeys.no_mail.Backend"
    assert "/enrol/" in run("create_user", "--email", EMAIL)["url"]
    answer = Page().post("/auth/sign-up", {"email": "new@example.com"})
    assert answer.status_code == 503
    page = Page()
    page.enrol(run("create_user", "--email", EMAIL)["url"].rpartition("/")[2])
    assert page.post("/raxx/v1/recovery-codes").status_code == 201  # the word of it is an error in the log


def test_who_opens_somebody_s_link_while_signed_in_leaves_no_session_behind(person: Page) -> None:
    approve(ask())
    token = token_of(EMAIL)
    other = Page(device=Authenticator())
    other.sign_up("other@example.com")
    before = other.session()

    assert other.post("/auth/enrol/begin", {"token": token}).status_code == 200

    before.refresh_from_db()
    assert (before.end_reason, other.session().is_enrol_only) == (Session.End.LOGGED_OUT, True)
