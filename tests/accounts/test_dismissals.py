"""`manage.py dismiss_staff`: somebody is staff no more, with all that it gave them."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import ApiKey, AuditEntry, Session, User
from accounts.services import dismissals
from tests.factories.people import make_session
from tests.factories.rows import make_account, make_api_key, make_user
from tests.factories.sessions import every_owned_row
from tests.support.conftest import ACT, grant
from trading.models import AccountGrant

pytestmark = pytest.mark.django_db(transaction=True)


def run(*options):
    out = StringIO()
    call_command(
        "dismiss_staff", "--email", "SAM@example.com", "--reason", "left", "--json", *options, stdout=out
    )
    return json.loads(out.getvalue())


@pytest.fixture
def sam():
    """Return a superuser with a session, a grant, and keys with and without the scope `operator`."""
    person = make_user(email="sam@example.com", is_staff=True, is_superuser=True)
    make_session(person)
    mine = make_account(person)
    make_api_key(mine, key_id="PKBOTH", scopes=["read", "operator"])
    make_api_key(mine, key_id="PKALONE", scopes=["operator"])
    make_api_key(mine, key_id="PKPLAIN", scopes=["read"])
    grant(person, make_account(), ACT)
    return person


def state(person):
    person.refresh_from_db()
    return (
        person.is_staff,
        person.is_superuser,
        Session.objects.filter(user=person, ended_at=None).count(),
        AccountGrant.objects.filter(user=person).count(),
        {key.pk: list(key.scopes) for key in ApiKey.objects.filter(user=person, revoked_at=None)},
    )


BEFORE = (True, True, 1, 2, {"PKBOTH": ["read", "operator"], "PKALONE": ["operator"], "PKPLAIN": ["read"]})
AFTER = (False, False, 0, 0, {"PKBOTH": ["read"], "PKPLAIN": ["read"]})


def test_all_that_being_staff_gave_ends_at_once_and_is_told(sam):
    assert run() == {
        "outcome": "dismissed",
        "user_id": str(sam.pk),
        "email": "sam@example.com",
        "was_superuser": True,
        "sessions_ended": 1,
        "keys_narrowed": ["PKBOTH"],
        "keys_revoked": ["PKALONE"],
    }
    assert state(sam) == AFTER
    [entry] = AuditEntry.objects.filter(action="staff.dismissed")
    assert (entry.chain, entry.actor_kind, '"reason":"left"' in entry.body) == (sam.pk, "command", True)
    assert AuditEntry.objects.filter(action="grant.revoked").count() == 2


def test_a_dry_run_says_the_same_and_changes_nothing(sam):
    before = every_owned_row()
    said = run("--dry-run")

    assert (said["outcome"], said["keys_revoked"], state(sam)) == ("would be dismissed", ["PKALONE"], BEFORE)
    assert every_owned_row() == before
    assert not AuditEntry.objects.filter(action="staff.dismissed").exists()


def test_running_it_again_changes_nothing(sam):
    run()
    told = AuditEntry.objects.count()

    assert run()["outcome"] == "was no member of the staff"
    assert (state(sam), AuditEntry.objects.count()) == (AFTER, told)


def test_killed_half_way_it_has_done_nothing_and_the_next_run_does_all(sam, monkeypatch):
    class Killed(BaseException):
        pass

    def dies(**_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(dismissals, "record", dies)
        with pytest.raises(Killed):
            run()
    assert state(sam) == BEFORE
    run()
    assert state(sam) == AFTER


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--email", "nobody@example.com", "--reason", "left"], id="nobody"),
        pytest.param(["--email", "sam@example.com", "--reason", " "], id="no reason"),
    ],
)
def test_what_cannot_be_done_is_said(sam, options):
    with pytest.raises(CommandError):
        call_command("dismiss_staff", *options)
    assert state(sam) == BEFORE
    assert User.objects.filter(is_staff=True, created_at__lte=timezone.now()).count() == 1
