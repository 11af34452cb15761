"""`manage.py kill_switch`: what an operator does in a hurry, and what takes two of them."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.models import AuditEntry
from broker_handoff.models import SwitchClosing
from broker_handoff.services import switches
from tests.broker_handoff.guarding.conftest import make_intent
from tests.broker_handoff.people import make_connection, make_trader
from tests.factories.rows import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff():
    return make_user(is_staff=True)


@pytest.fixture
def connected():
    return make_connection(make_trader())


def run(*arguments):
    out = StringIO()
    call_command("kill_switch", *arguments, stdout=out)
    return out.getvalue()


def told(*arguments):
    return json.loads(run(*arguments, "--json"))


def close(staff, *which):
    return ("close", *which, "--operator", staff.email, "--reason", "odd fills")


def why(of):
    with transaction.atomic():
        return switches.reasons(user_id=of.user_id, connection_id=of.pk)


def test_one_operator_closes_and_two_open(staff, connected):
    other = make_user(is_staff=True)
    make_intent(connected, status="sending")

    closed = told(*close(staff, "--scope", "user", "--user", connected.user.email))
    assert (closed["outcome"], closed["being_sent"], closed["user"]) == ("closed", 1, connected.user.email)
    assert why(connected) == {"user": "odd fills"}
    assert (
        told(*close(staff, "--scope", "user", "--user", connected.user.email))["outcome"]
        == "was closed already"
    )

    by = lambda one: ("--id", closed["id"], "--operator", one.email)  # noqa: E731
    assert told("ask", *by(staff), "--reason", "mended")["outcome"] == "asked: another operator opens it"
    with pytest.raises(CommandError, match="another one must approve"):
        run("open", *by(staff))
    assert told("status")[0]["asked_reason"] == "mended"
    assert told("open", *by(other))["outcome"] == "open"
    assert (why(connected), told("status")) == ({}, [])
    assert {entry.actor_id for entry in AuditEntry.objects.filter(action__startswith="live_switch")} == {
        str(staff.pk),
        str(other.pk),
    }


def test_everybody_and_one_connection_are_stopped_by_their_scopes(staff, connected):
    told(*close(staff, "--scope", "connection", "--connection", str(connected.pk)))
    told(*close(staff, "--scope", "global"))

    assert why(connected) == {"global": "odd fills", "connection": "odd fills"}
    assert [each["scope"] for each in told("status")] == ["connection", "global"]
    assert "odd fills" in run("status")


def test_a_dry_run_says_what_would_happen_and_changes_nothing(staff, connected):
    make_intent(connected)
    make_intent(connected, status="working")

    shown = told(*close(staff, "--scope", "global"), "--dry-run")
    assert shown == {"scope": "global", "outcome": "would be closed", "stops": 1, "dry_run": True}
    assert not SwitchClosing.objects.exists()

    closing = told(*close(staff, "--scope", "global"))["id"]
    asked = told("ask", "--id", closing, "--operator", staff.email, "--reason", "x", "--dry-run")
    assert asked["outcome"] == "would be asked for"
    with pytest.raises(CommandError, match="nobody has asked"):
        run("open", "--id", closing, "--operator", staff.email, "--dry-run")
    assert SwitchClosing.objects.get().asked_by is None


@pytest.mark.parametrize("step", ["close", "dry-run"])
def test_who_is_not_staff_closes_nothing(connected, step):
    more = ["--dry-run"] if step == "dry-run" else []
    with pytest.raises(CommandError, match="not an active member of the staff"):
        run(*close(connected.user, "--scope", "global"), *more)

    assert not SwitchClosing.objects.exists()


@pytest.mark.parametrize(
    ("which", "words"),
    [
        (("--scope", "user"), "which user"),
        (("--scope", "connection"), "which connection"),
        (("--scope", "user", "--user", "nobody@example.com"), "nobody has the address"),
    ],
    ids=["no user", "no connection", "nobody"],
)
def test_what_is_not_said_closes_nothing(staff, which, words):
    with pytest.raises(CommandError, match=words):
        run(*close(staff, *which))

    assert not SwitchClosing.objects.exists()
    assert run("status") == "nothing is closed\n"
