"""A session is its row: what lives, what ends it, and what nobody else learns of it. As the role of web."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import login
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import RequestFactory
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.binding import acting_for, unbind
from accounts.models import Assertion, AuditEntry, Session, User
from accounts.session_engine import BACKEND, SessionStore
from accounts.sessions import (
    OF_ENROLMENT,
    OF_PERSON,
    OF_STAFF,
    begin_session,
    device_of,
    end_sessions,
    freshen,
    living_session,
    prefix_of,
)
from accounts.signals import credentials_changed
from raxx import roles
from tests.factories.people import as_web, make_passkey, make_session, session_with
from tests.factories.rows import make_user
from tests.factories.sessions import session

pytestmark = pytest.mark.django_db(transaction=True)

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def _nobody_is_bound_afterwards() -> Any:
    yield
    unbind()


def begun(user: User, **options: Any) -> Any:
    """Begin a session as the web process does."""
    passkey_id = options.pop("passkey_id", None) or make_passkey(user).pk
    headers = {"REMOTE_ADDR": "198.51.100.77", "HTTP_USER_AGENT": FIREFOX}
    with as_web():
        return begin_session(user=user, passkey_id=passkey_id, headers=headers, trusted=[], **options)


def lives(key: str) -> bool:
    """Whether the key opens anything, asked as the role that serves people."""
    unbind()
    with as_web():
        return living_session(key) is not None


# --- Beginning -------------------------------------------------------------------------------------


def test_a_new_session_knows_its_person_its_passkey_and_where_it_is() -> None:
    user = make_user()
    passkey = make_passkey(user)

    made = begun(user, passkey_id=passkey.pk)

    with as_web():
        found = living_session(made.key)
    assert found is not None
    assert (found.id, found.user_id, found.email) == (made.id, user.pk, user.email)
    assert (found.passkey_id, found.tier, found.is_staff) == (passkey.pk, "free", False)
    assert found.is_fresh
    assert not found.is_enrol_only
    assert not found.is_cooling_down
    row = session_with(made.key)
    assert (row.device, row.address_prefix) == ("Firefox on Linux", "198.51.100.0/24")


def test_of_the_key_nothing_but_its_hash_is_kept() -> None:
    made = begun(make_user())

    with connection.cursor() as cursor:
        cursor.execute("select to_jsonb(s)::text, key_hash from accounts_session s")
        row, stored = cursor.fetchone()
    assert made.key not in row
    assert made.key.encode().hex() not in row
    assert bytes(stored) == hashlib.sha256(made.key.encode()).digest()
    assert len(made.key) >= 43  # 256 bits
    assert not lives(bytes(stored).hex())  # what is stored opens nothing


@pytest.mark.parametrize(
    ("is_staff", "passkey_id", "lifetime"),
    [(False, None, OF_PERSON), (True, None, OF_STAFF), (False, 0, OF_ENROLMENT), (True, 0, OF_ENROLMENT)],
    ids=["person", "staff", "enrolment", "enrolment of staff"],
)
def test_each_kind_of_session_has_its_two_lifetimes(
    is_staff: bool, passkey_id: int | None, lifetime: Any
) -> None:
    user = make_user(is_staff=is_staff)
    before = timezone.now()
    if passkey_id is None:
        begun(user)
    else:
        with as_web():
            begin_session(user=user, passkey_id=None, headers={}, trusted=[])

    row = Session.objects.get()
    assert row.idle_s == lifetime.idle.total_seconds()
    assert before + lifetime.absolute <= row.expires_at <= timezone.now() + lifetime.absolute
    assert OF_STAFF.idle < OF_PERSON.idle
    assert OF_STAFF.absolute < OF_PERSON.absolute


def test_a_session_without_a_passkey_is_for_enrolling_and_never_fresh() -> None:
    with as_web():
        made = begin_session(user=make_user_as_owner(), passkey_id=None, headers={}, trusted=[])
        found = living_session(made.key)

    assert found is not None
    assert found.is_enrol_only
    assert not found.is_fresh
    assert SessionStore(made.key).load() == {}  # nobody, to Django's own pages


def make_user_as_owner() -> User:
    with connection.cursor() as cursor:
        cursor.execute("reset role")
        user = make_user()
        cursor.execute(f"set role {roles.APP}")
    return user


def test_a_session_cannot_be_begun_with_another_person_s_passkey() -> None:
    theirs = make_passkey(make_user())

    with pytest.raises(IntegrityError, match="session_by_own_passkey"):
        begun(make_user(), passkey_id=theirs.pk)
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("198.51.100.77", "198.51.100.0/24"),
        ("2001:db8:1234:5678::9", "2001:db8:1234::/48"),
        ("", ""),
    ],
    ids=["v4", "v6", "none"],
)
def test_the_network_of_an_address_is_kept_and_not_the_address(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit Chrome/140.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        ("curl/8.9", "unknown device"),
        ("", "unknown device"),
    ],
    ids=["firefox", "edge", "iphone", "android", "curl", "none"],
)
def test_a_device_is_named_as_its_owner_would(agent: str, device: str) -> None:
    assert device_of(agent) == device


# --- Living and ending -----------------------------------------------------------------------------

OVER = timedelta(seconds=1)
ENDS = {
    "ended": lambda row: Session.objects.filter(pk=row.pk).update(ended_at=timezone.now()),
    "absolute": lambda row: Session.objects.filter(pk=row.pk).update(expires_at=timezone.now()),
    "idle": lambda row: Session.objects.filter(pk=row.pk).update(
        last_seen_at=timezone.now() - timedelta(seconds=row.idle_s) - OVER
    ),
    "epoch": lambda row: User.objects.filter(pk=row.user_id).update(auth_epoch=row.epoch + 1),
    "inactive": lambda row: User.objects.filter(pk=row.user_id).update(is_active=False),
    "passkey off": lambda row: WebAuthnCredential.objects.update(confirmed=False),
    "passkey removed": lambda row: WebAuthnCredential.objects.all().delete(),
    "row deleted": lambda row: row.delete(),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_whatever_ends_a_session_the_next_look_finds_it_dead(end: Any) -> None:
    made = begun(make_user())
    assert lives(made.key)

    end(session_with(made.key))

    assert not lives(made.key)
    with as_web():
        assert SessionStore(made.key).is_empty()
        assert not SessionStore(made.key).exists(made.key)


@pytest.mark.parametrize("key", ["", "x", "é", "' or true --", "k" * 10_000, "\x01"], ids=range(6))
def test_a_key_that_nobody_has_opens_nothing(key: str) -> None:
    begun(make_user())
    assert not lives(key)


def test_one_second_before_its_idle_end_a_session_lives_and_being_seen_prolongs_it() -> None:
    made = begun(make_user())
    row = session_with(made.key)
    nearly = timezone.now() - timedelta(seconds=row.idle_s - 60)
    Session.objects.update(last_seen_at=nearly)

    assert lives(made.key)

    row.refresh_from_db()
    assert timezone.now() - row.last_seen_at < timedelta(minutes=1)
    assert lives(made.key)


def test_being_seen_again_within_a_minute_is_not_written_down() -> None:
    made = begun(make_user())
    seen_at = timezone.now() - timedelta(seconds=30)
    Session.objects.update(last_seen_at=seen_at)

    assert lives(made.key)

    assert session_with(made.key).last_seen_at == seen_at


def test_being_seen_does_not_move_the_absolute_end() -> None:
    made = begun(make_user())
    Session.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    before = session_with(made.key).expires_at

    assert lives(made.key)

    assert session_with(made.key).expires_at == before == made.expires_at


def test_a_look_binds_nobody() -> None:
    made = begun(make_user())
    Session.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    unbind()

    with as_web():
        assert living_session(made.key) is not None
        assert not Session.objects.exists()  # nobody is bound, so nothing is seen


def test_a_raised_epoch_ends_all_of_a_person_s_sessions_and_nobody_else_s() -> None:
    user = make_user()
    mine = [begun(user).key for _ in range(3)]
    other = begun(make_user()).key

    User.objects.filter(pk=user.pk).update(auth_epoch=1)

    assert [lives(key) for key in mine] == [False] * 3
    assert lives(other)


def test_a_cool_down_is_known_to_the_session_and_passes() -> None:
    user = make_user(restricted_until=timezone.now() + timedelta(hours=1))
    key = make_session(user)

    with as_web():
        cooling = living_session(key)
    User.objects.update(restricted_until=timezone.now())
    with as_web():
        settled = living_session(key)

    assert cooling is not None
    assert settled is not None
    assert cooling.is_cooling_down
    assert not settled.is_cooling_down


# --- Ending them -----------------------------------------------------------------------------------


@pytest.fixture
def heard() -> Any:
    """Return the times that streams were told to look again, as how many sessions had ended by then."""
    found: list[int] = []

    def hear(**_: Any) -> None:
        found.append(Session.objects.exclude(ended_at=None).count())

    credentials_changed.connect(hear)
    yield found
    credentials_changed.disconnect(hear)


def test_ending_names_which_and_is_audited_and_rings_once_after_the_commit(heard: list[int]) -> None:
    user = make_user()
    keys = [begun(user).key for _ in range(3)]
    current = session_with(keys[0]).pk
    other = begun(make_user()).key

    with acting_for(user.pk), as_web(), transaction.atomic():
        ended = end_sessions(user, but=current, reason=Session.End.REVOKED)
        assert heard == []

    assert set(ended) == {session_with(key).pk for key in keys[1:]}
    assert [lives(key) for key in [*keys, other]] == [True, False, False, True]
    assert len(heard) == 1
    rows = Session.objects.filter(pk__in=ended)
    assert {(row.end_reason, row.fresh_until) for row in rows} == {("revoked", None)}
    entries = AuditEntry.objects.filter(chain=user.pk, action="session.ended")
    assert {(entry.subject, '"reason":"revoked"' in entry.body) for entry in entries} == {(user.pk, True)}
    assert sorted(str(one) in "".join(entry.body for entry in entries) for one in ended) == [True, True]


def test_ending_again_changes_nothing_and_tells_nobody(heard: list[int]) -> None:
    user = make_user()
    begun(user)
    with acting_for(user.pk), as_web():
        (first,) = end_sessions(user, reason=Session.End.REVOKED)
        before = Session.objects.values().get(pk=first)

        assert end_sessions(user, reason=Session.End.LOGGED_OUT) == []
        assert Session.objects.values().get(pk=first) == before
    assert AuditEntry.objects.filter(action="session.ended").count() == 1
    assert len(heard) == 1


def test_an_end_that_is_rolled_back_leaves_session_audit_and_streams_alone(heard: list[int]) -> None:
    user = make_user()
    key = begun(user).key
    with acting_for(user.pk), as_web(), pytest.raises(InterruptedError), transaction.atomic():  # noqa: PT012 - ends in the middle
        end_sessions(user, reason=Session.End.REVOKED)
        raise InterruptedError

    assert lives(key)
    assert not AuditEntry.objects.filter(action="session.ended").exists()
    assert heard == []


def test_the_sessions_of_one_passkey_end_alone() -> None:
    user = make_user()
    laptop, phone = make_passkey(user), make_passkey(user)
    keys = [begun(user, passkey_id=passkey.pk).key for passkey in (laptop, phone, phone)]

    with acting_for(user.pk), as_web():
        end_sessions(user, passkey_id=phone.pk, reason=Session.End.PASSKEY_REMOVED)

    assert [lives(key) for key in keys] == [True, False, False]


def test_nobody_ends_a_stranger_s_session_not_even_without_a_filter() -> None:
    alice, bob = make_user(), make_user()
    key = begun(bob).key
    theirs = session_with(key).pk

    with acting_for(alice.pk), as_web():
        assert end_sessions(alice, only=[theirs], reason=Session.End.REVOKED) == []
        assert end_sessions(bob, only=[theirs], reason=Session.End.REVOKED) == []  # as Bob, bound to Alice
        assert Session.objects.update(ended_at=timezone.now()) == 0

    assert lives(key)


# --- Django's own ways ------------------------------------------------------------------------------


def test_what_a_slow_request_puts_into_a_session_does_not_undo_what_a_fast_one_did() -> None:
    user = make_user()
    made = begun(user, is_fresh=False)
    with as_web():
        slow = SessionStore(made.key)
        assert slow["_auth_user_id"] == str(user.pk)
        living = living_session(made.key)
        assert living is not None
        with acting_for(user.pk):
            until = freshen(living, living.passkey_id or 0)

        slow["left"] = "behind"
        slow.save()

        assert "left" not in SessionStore(made.key)
        now = living_session(made.key)
    assert now is not None
    assert now.fresh_until == until
    assert now.is_fresh


def test_a_slow_request_does_not_bring_an_ended_session_back() -> None:
    user = make_user()
    made = begun(user)
    with as_web():
        slow = SessionStore(made.key)
        with acting_for(user.pk):
            end_sessions(user, reason=Session.End.REVOKED)
        slow["left"] = "behind"
        slow.save()

    assert not lives(made.key)


def test_django_s_own_login_is_refused() -> None:
    user = make_user()
    request = RequestFactory().get("/")
    request.session = SessionStore()

    with pytest.raises(NotImplementedError, match="begin_session"):
        login(request, user, backend=BACKEND)
    with pytest.raises(NotImplementedError, match="begin_session"):
        request.session.create()
    assert not Session.objects.exists()


def test_django_s_own_logout_ends_the_row_and_no_other() -> None:
    user = make_user()
    mine, other = begun(user).key, begun(user).key
    with acting_for(user.pk), as_web():
        SessionStore(mine).flush()

    assert not lives(mine)
    assert session_with(mine).end_reason == Session.End.LOGGED_OUT
    assert lives(other)


def test_a_session_s_freshness_is_bound_to_its_passkey() -> None:
    user = make_user()
    laptop, phone = make_passkey(user), make_passkey(user)
    key = begun(user, passkey_id=laptop.pk).key
    with as_web(), acting_for(user.pk):
        living = living_session(key)
        assert living is not None
        freshen(living, phone.pk)

    phone.delete()  # by which it was freshened, and stands and falls from then on

    assert not lives(key)


# --- The wall ---------------------------------------------------------------------------------------


def test_a_session_s_row_is_seen_by_its_person_alone_and_by_nobody_who_is_not_bound() -> None:
    alice, bob = make_user(), make_user()
    begun(alice)
    begun(bob)
    with session(roles.APP) as app:
        assert app.execute("select * from accounts_session").fetchall() == []
        with app.transaction():
            app.execute("select set_config('raxx.user_id', %s, true)", [str(alice.pk)])
            owners = app.execute("select user_id from accounts_session").fetchall()
    assert owners == [{"user_id": alice.pk}]


@pytest.mark.parametrize(
    "statement",
    [
        "update accounts_session set user_id = user_id",
        "update accounts_session set key_hash = key_hash",
        "update accounts_session set expires_at = now() + interval '1 year'",
        "update accounts_session set idle_s = 2000000000",
        "update accounts_session set epoch = 0",
        "update accounts_session set is_enrol_only = false",
        "delete from accounts_session",
        "truncate accounts_session",
        "update accounts_user set is_staff = true",
        "update accounts_user set tier = 'pro_plus'",
    ],
)
def test_the_role_that_serves_people_may_not_make_a_session_more_than_it_is(statement: str) -> None:
    user = make_user()
    begun(user)
    with acting_for(user.pk), as_web(), pytest.raises(DatabaseError, match="permission denied"):
        connection.cursor().execute(statement)


def test_a_session_or_an_assertion_for_somebody_else_is_refused_by_the_database() -> None:
    alice, bob = make_user(), make_user()
    theirs = session_with(make_session(bob))
    fields = {"key_hash": b"k" * 32, "epoch": 0, "idle_s": 60, "expires_at": timezone.now()}
    with acting_for(alice.pk), as_web():
        with pytest.raises(DatabaseError, match="row-level security"):
            Session.objects.create(user=bob, **fields)
        with pytest.raises(DatabaseError, match=r"assertion_in_own_session|waits for the commit"):
            Assertion.objects.create(
                user=alice, session=theirs, digest=b"d" * 32, expires_at=timezone.now() + timedelta(hours=1)
            )
    assert not Assertion.objects.exists()


@pytest.mark.parametrize("role", [roles.SUPPORT, roles.WORKER])
def test_no_other_role_may_look_a_session_up_by_its_key(role: str) -> None:
    with session(role) as other, pytest.raises(Exception, match="permission denied"):
        other.execute("select * from accounts_session_of_key(%s)", [b"k"])
