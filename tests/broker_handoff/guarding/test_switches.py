"""The kill switch: who may close and open what, and that a closing is seen before anything else is sent."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from accounts.binding import acting_for
from accounts.errors import NotFound, RuleBroken, ValueInvalid
from accounts.models import AuditEntry
from accounts.models.user import new_id
from broker_handoff.models import SwitchClosing
from broker_handoff.services import switches
from raxx import roles
from tests.broker_handoff.guarding.conftest import make_intent
from tests.broker_handoff.people import make_connection, make_trader
from tests.factories.people import as_web
from tests.factories.rows import make_user
from tests.factories.sessions import session, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff():
    return make_user(is_staff=True)


@pytest.fixture
def other():
    return make_user(is_staff=True)


@pytest.fixture
def connected():
    return make_connection(make_trader())


def why(of):
    with transaction.atomic():
        return switches.reasons(user_id=of.user_id, connection_id=of.pk)


def close(by, scope="global", reason="odd fills", **which):
    return switches.close_as_staff(operator=by, scope=scope, reason=reason, **which)


def told():
    return [
        entry.action for entry in AuditEntry.objects.filter(action__startswith="live_switch").order_by("at")
    ]


# --- Closing ---------------------------------------------------------------------------------------


def test_what_the_staff_closes_stops_whom_its_scope_says_and_nobody_else(staff, connected):
    neighbour = make_connection(make_trader())

    close(staff, "connection", "c", connection_id=connected.pk)
    close(staff, "user", "u", user_id=connected.user_id)
    assert (why(connected), why(neighbour)) == ({"user": "u", "connection": "c"}, {})

    close(staff, "global", "g")
    assert why(connected) == {"global": "g", "user": "u", "connection": "c"}
    assert why(neighbour) == {"global": "g"}


def test_another_connection_of_the_same_person_is_not_stopped(staff, connected):
    type(connected).objects.filter(pk=connected.pk).update(
        status="disconnected", disconnected_at=timezone.now()
    )
    second = make_connection(connected.user)

    close(staff, "connection", "c", connection_id=connected.pk)

    assert (why(connected), why(second)) == ({"connection": "c"}, {})


def test_closing_again_changes_nothing_and_says_so(staff, other):
    first = close(staff, reason="first")
    again = close(other, reason="second")

    assert (first.is_new, again.is_new) == (True, False)
    assert again.closing.pk == first.closing.pk
    assert again.closing.reason == "first"
    assert told() == ["live_switch.closed"]


def test_a_person_and_the_staff_close_side_by_side(staff, connected):
    switches.close_own(owner=connected.user, reason="mine")
    close(staff, "user", "theirs", user_id=connected.user_id)
    assert why(connected) == {"user": "theirs"}

    assert [each.reason for each in switches.open_own(owner=connected.user)] == ["mine"]
    assert why(connected) == {"user": "theirs"}


@pytest.mark.parametrize(
    ("which", "error"),
    [
        ({"scope": "user"}, ValueInvalid),
        ({"scope": "connection"}, ValueInvalid),
        ({"scope": "user", "user_id": new_id()}, NotFound),
        ({"scope": "connection", "connection_id": new_id()}, NotFound),
        ({"reason": "  "}, ValueInvalid),
        ({"reason": "x" * 201}, ValueInvalid),
    ],
    ids=["no person", "no connection", "nobody", "nothing", "no reason", "too long"],
)
def test_what_cannot_be_closed_changes_nothing(staff, which, error):
    with pytest.raises(error):
        close(staff, **which)

    assert not SwitchClosing.objects.exists()
    assert told() == []


@pytest.mark.parametrize("fields", [{}, {"is_staff": True, "is_active": False}], ids=["no staff", "inactive"])
def test_only_active_staff_closes_for_others(fields, connected):
    with pytest.raises(RuleBroken):
        close(make_user(**fields), "user", user_id=connected.user_id)

    assert why(connected) == {}


def test_a_person_closes_their_own_connection_alone(connected):
    stranger = make_trader()
    with pytest.raises(NotFound):
        switches.close_own(owner=stranger, reason="not mine", connection_id=connected.pk)

    switches.close_own(owner=connected.user, reason="mine", connection_id=connected.pk)
    assert why(connected) == {"connection": "mine"}


def test_closing_counts_the_orders_on_their_way_but_no_cancels(staff, connected):
    order = make_intent(connected, status="sending")
    make_intent(connected, status="accepted")
    make_intent(connected, kind="cancel", target=order, status="sending", notional=0)
    make_intent(make_connection(make_trader()), status="sending")

    assert close(staff, "connection", connection_id=connected.pk).being_sent == 1
    assert close(staff).being_sent == 2


# --- Opening ---------------------------------------------------------------------------------------


def test_opening_takes_one_who_asks_and_another_who_approves(staff, other, connected):
    closing = close(staff).closing
    switches.ask_to_open(closing_id=closing.pk, operator=staff, reason="the broker is back")
    assert why(connected) == {"global": "odd fills"}

    opened = switches.approve_opening(closing_id=closing.pk, operator=other)

    assert why(connected) == {}
    assert (opened.asked_by, opened.opened_by) == (staff.pk, other.pk)
    assert told() == ["live_switch.closed", "live_switch.opening_asked", "live_switch.opened"]


def _asked(closing, staff):
    switches.ask_to_open(closing_id=closing.pk, operator=staff, reason="enough")


def _asked_long_ago(closing, staff):
    _asked(closing, staff)
    SwitchClosing.objects.update(asked_at=timezone.now() - timedelta(hours=24, seconds=1))


@pytest.mark.parametrize(
    ("prepare", "approver"),
    [
        (lambda *_: None, "other"),
        (_asked, "staff"),
        (_asked_long_ago, "other"),
        (_asked, "nobody"),
        (_asked, "person"),
    ],
    ids=["nobody asked", "the same one", "too long ago", "no staff", "whom it stops"],
)
def test_nobody_opens_alone_late_or_for_themselves(prepare, approver, staff, other, connected):
    type(connected.user).objects.filter(pk=connected.user_id).update(is_staff=True)
    connected.user.refresh_from_db()
    closing = close(staff, "user", user_id=connected.user_id).closing
    prepare(closing, staff)
    who = {"other": other, "staff": staff, "nobody": make_user(), "person": connected.user}[approver]

    with pytest.raises(RuleBroken):
        switches.approve_opening(closing_id=closing.pk, operator=who)

    assert why(connected) == {"user": "odd fills"}


def test_what_is_open_cannot_be_opened_again(staff, other):
    closing = close(staff).closing
    _asked(closing, staff)
    switches.approve_opening(closing_id=closing.pk, operator=other)

    with pytest.raises(RuleBroken):
        switches.approve_opening(closing_id=closing.pk, operator=other)
    assert close(staff).is_new


def test_the_staff_does_not_open_what_a_person_closed(staff, connected):
    closing = switches.close_own(owner=connected.user, reason="mine").closing

    with pytest.raises(NotFound):
        switches.ask_to_open(closing_id=closing.pk, operator=staff, reason="come on")


@pytest.mark.parametrize(
    "fields",
    [{"asked_by": None}, {"opened_by": "asker"}],
    ids=["without an asking", "by who asked"],
)
def test_the_database_refuses_an_opening_by_one(staff, fields):
    closing = close(staff).closing
    given = {"asked_by": staff.pk, "opened_by": new_id(), **fields}
    if given["opened_by"] == "asker":
        given["opened_by"] = staff.pk

    with pytest.raises(IntegrityError, match="switch_opening_takes_two_of_the_staff"):
        SwitchClosing.objects.filter(pk=closing.pk).update(opened_at=timezone.now(), **given)


# --- The wall ---------------------------------------------------------------------------------------


def test_a_person_closes_and_opens_their_own_as_the_role_that_serves_people(connected):
    with as_web(), acting_for(connected.user_id):
        assert switches.close_own(owner=connected.user, reason="mine").is_new
        assert why(connected) == {"user": "mine"}
        assert len(switches.open_own(owner=connected.user)) == 1
        assert why(connected) == {}


def test_that_role_sees_what_stops_its_person_and_opens_nothing_of_the_staff_s(staff, connected):
    close(staff, "user", "u", user_id=connected.user_id)
    close(staff, "user", "not told", user_id=make_trader().pk)
    close(staff, "global", "g")
    both = {"asked_by": staff.pk, "opened_by": connected.user_id, "opened_at": timezone.now()}

    with as_web(), acting_for(connected.user_id):
        assert sorted(SwitchClosing.objects.values_list("reason", flat=True)) == ["g", "u"]
        for change in (both, {"opened_by": connected.user_id, "opened_at": timezone.now()}):
            with pytest.raises(DatabaseError):
                SwitchClosing.objects.across_owners().update(**change)
        with pytest.raises(DatabaseError):
            SwitchClosing.objects.create(
                scope="global", is_own=False, reason="x", closed_by=connected.user_id
            )
        with pytest.raises(DatabaseError):
            SwitchClosing.objects.create(
                scope="user", user_id=staff.pk, is_own=True, reason="x", closed_by=staff.pk
            )

    assert why(connected) == {"global": "g", "user": "u"}


# --- Races ------------------------------------------------------------------------------------------


def test_a_closing_returns_after_every_claim_that_saw_the_switch_open_has_been_counted(staff, connected):
    intent = make_intent(connected)
    pid: Future[int] = Future()
    ready: Future[None] = Future()

    def closes():
        try:
            with connection.cursor() as cursor:
                cursor.execute("select pg_backend_pid()")
                pid.set_result(cursor.fetchone()[0])
            ready.result()
            return close(staff, "connection", connection_id=connected.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads, session(roles.OWNER) as watcher:
        closer = threads.submit(closes)
        with transaction.atomic():
            assert why(connected) == {}  # the claim looks, and has not committed
            ready.set_result(None)
            wait_until_blocked(watcher, pid.result())
            assert not closer.done()
            # From now on everybody who looks is stopped, though closing still waits for this one.
            assert watcher.execute("select count(*) as n from broker_handoff_switchclosing").fetchone() == {
                "n": 1
            }
            type(intent).objects.filter(pk=intent.pk).update(status="sending")
        closed = closer.result()

    assert closed.being_sent == 1
    assert why(connected) == {"connection": "odd fills"}


def test_of_many_who_close_at_once_one_does_and_all_are_told_that_it_is_closed(staff):
    def closes(number):
        try:
            return close(staff, reason=f"reason {number}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        closed = list(threads.map(closes, range(8)))

    assert [each.is_new for each in closed].count(True) == 1
    assert len({each.closing.pk for each in closed}) == 1
    assert SwitchClosing.objects.count() == 1
