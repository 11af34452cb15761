"""What time has ended is written down by the worker, and deleted when it has been over for long enough."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnCredential

from accounts.links import LIFE
from accounts.models import Assertion, AuditEntry, Ceremony, Session, SpentLink, User
from accounts.services import sweeping
from accounts.services.sweeping import end_dead_sessions, forget_old
from accounts.signals import credentials_changed
from accounts.tasks import sweep_sessions
from raxx import roles
from raxx.celery import app
from tests.factories.people import make_session, session_with
from tests.factories.rows import make_user
from tests.factories.sessions import session

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@contextmanager
def as_worker() -> Iterator[None]:
    """Work as the role that Celery has."""
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            yield
        finally:
            cursor.execute("reset role")


def ago(span: timedelta) -> Any:
    return timezone.now() - span


def test_each_dead_session_is_ended_with_its_reason_and_the_living_are_left_alone() -> None:
    living = session_with(make_session(make_user()))
    expired = session_with(make_session(make_user(), expires_at=ago(HOUR)))
    idle = session_with(make_session(make_user(), idle_s=60, last_seen_at=ago(HOUR)))
    inactive = session_with(make_session(make_user(is_active=False)))
    older = session_with(make_session(make_user(auth_epoch=3), epoch=2))
    orphan = session_with(make_session(make_user()))
    WebAuthnCredential.objects.filter(pk=orphan.passkey_id).delete()
    enrolling = session_with(make_session(make_user(), is_enrol_only=True))

    with as_worker():
        assert end_dead_sessions() == 5

    reasons = dict(Session.objects.values_list("pk", "end_reason"))
    assert reasons == {
        living.pk: "",
        enrolling.pk: "",
        expired.pk: "expired",
        idle.pk: "expired",
        inactive.pk: "deactivated",
        older.pk: "revoked",
        orphan.pk: "passkey_removed",
    }
    ends = dict(Session.objects.values_list("pk", "ended_at"))
    assert ends[expired.pk] == expired.expires_at
    assert ends[idle.pk] == idle.last_seen_at + timedelta(minutes=1)
    assert ends[living.pk] is None
    assert set(Session.objects.exclude(ended_at=None).values_list("fresh_until", flat=True)) == {None}
    chains = AuditEntry.objects.filter(action="session.ended").values_list("chain", flat=True)
    assert set(chains) == {row.user_id for row in (expired, idle, inactive, older, orphan)}


def test_sweeping_again_changes_nothing() -> None:
    make_session(make_user(), expires_at=ago(HOUR))
    with as_worker():
        end_dead_sessions()
        before = list(Session.objects.values())
        assert end_dead_sessions() == 0

    assert list(Session.objects.values()) == before
    assert AuditEntry.objects.count() == 1


def test_more_than_one_transaction_s_worth_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_ONCE", 2)
    dead = [session_with(make_session(make_user(), expires_at=ago(HOUR))).pk for _ in range(5)]
    alive = [session_with(make_session(make_user())).pk for _ in range(2)]

    with as_worker():
        assert end_dead_sessions() == 5

    assert set(Session.objects.filter(ended_at=None).values_list("pk", flat=True)) == set(alive)
    assert set(Session.objects.filter(end_reason="expired").values_list("pk", flat=True)) == set(dead)


def test_a_session_that_is_being_ended_elsewhere_is_left_to_whoever_does_it() -> None:
    row = session_with(make_session(make_user(), expires_at=ago(HOUR)))
    with session(roles.OWNER, autocommit=False) as other:
        other.execute("select * from accounts_session where id = %s for no key update", [row.pk])
        with as_worker():
            assert end_dead_sessions() == 0


@pytest.mark.parametrize(
    ("ended_at", "is_kept"),
    [(None, True), (29 * DAY, True), (31 * DAY, False)],
    ids=["living", "29 days", "31 days"],
)
def test_a_session_is_deleted_thirty_days_after_its_end(ended_at: timedelta | None, is_kept: bool) -> None:
    row = session_with(make_session(make_user(), ended_at=None if ended_at is None else ago(ended_at)))
    Assertion.objects.create(
        user_id=row.user_id, session=row, digest=b"d" * 32, expires_at=timezone.now() + HOUR
    )

    with as_worker():
        forget_old()

    assert (Session.objects.count(), Assertion.objects.count()) == ((1, 1) if is_kept else (0, 0))


def test_what_ceremonies_leave_behind_is_deleted_in_time() -> None:
    row = session_with(make_session(make_user()))
    for number, expires_at in enumerate((ago(HOUR), timezone.now() + HOUR)):
        Assertion.objects.create(
            user_id=row.user_id, session=row, digest=bytes([number]) * 32, expires_at=expires_at
        )
    for number, age in enumerate((timedelta(minutes=11), timedelta(minutes=9))):
        Ceremony.objects.create(
            binding=bytes([number]), purpose=Ceremony.Purpose.LOG_IN, state={}, created_at=ago(age)
        )
    for number, age in enumerate((sweeping.LINKS_KEPT_FOR + HOUR, sweeping.LINKS_KEPT_FOR - HOUR)):
        SpentLink.objects.create(token_hash=bytes([number]), spent_at=ago(age))

    with as_worker():
        assert forget_old() == {"sessions": 0, "assertions": 1, "ceremonies": 1, "links": 1}

    assert bytes(Assertion.objects.get().digest) == b"\x01" * 32
    assert bytes(Ceremony.objects.get().binding) == b"\x01"
    assert bytes(SpentLink.objects.get().token_hash) == b"\x01"


def test_a_link_is_kept_for_longer_than_its_signature_is_good() -> None:
    assert max(LIFE.values()) < sweeping.LINKS_KEPT_FOR
    assert timedelta(seconds=settings.OTP_WEBAUTHN_TIMEOUT_SECONDS) < sweeping.CEREMONIES_KEPT_FOR


@pytest.mark.parametrize("count", [0, 2], ids=["nothing", "two sessions"])
def test_the_streams_are_told_once_where_anything_was_ended(count: int) -> None:
    heard: list[int] = []

    def hear(**_: Any) -> None:
        heard.append(Session.objects.exclude(ended_at=None).count())

    for _ in range(count):
        make_session(make_user(), expires_at=ago(HOUR))
    credentials_changed.connect(hear)
    try:
        with as_worker():
            end_dead_sessions()
    finally:
        credentials_changed.disconnect(hear)

    assert heard == ([count] if count else [])


def test_the_task_does_both_and_beat_sends_it_every_hour() -> None:
    person = make_user()
    make_session(person, expires_at=ago(HOUR))
    make_session(person, ended_at=ago(31 * DAY))

    with as_worker():
        sweep_sessions()

    assert Session.objects.values_list("end_reason", flat=True).get() == "expired"
    entry = app.conf.beat_schedule["sweep-sessions"]
    assert (entry["task"], entry["schedule"]) == (sweep_sessions.name, HOUR)
    assert sweep_sessions.name in app.tasks
    assert User.objects.filter(pk=person.pk).exists()
