"""A person of whom there is at least one row in every table that keeps anything of people."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnAttestation, WebAuthnUserHandle

from accounts.models import (
    Assertion,
    Erasure,
    Export,
    PasskeyReset,
    RecoveryCodes,
    Session,
    Tier,
    TierChange,
    User,
)
from accounts.models.user import new_id
from accounts.privacy.keepers import holdings
from accounts.services.audit import record
from broker_handoff.models import (
    BrokerConnection,
    BrokerDifference,
    ConnectAttempt,
    GateOverride,
    GateVerdict,
    IntentEvent,
    LiveIntent,
    PositionBaseline,
    SealedToken,
    SwitchClosing,
)
from raxx import roles
from tests.factories.people import make_passkey, make_session
from tests.factories.rows import make_account, make_one_of_everything, make_user
from trading.models import AccountGrant, FirstSteps, StaffAct

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accounts.privacy.keepers import Holding

_numbers = count(1)

# Nobody can have a row in it: accounts are granted in a table of ours (trading migration 0010).
NEVER_FILLED = {"guardian_userobjectpermission"}


@contextmanager
def as_worker() -> Iterator[None]:
    """Work as the role that does so in the background. Commits for real."""
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.WORKER}")
        try:
            yield
        finally:
            cursor.execute("reset role")


def make_whole_person(email: str, *, staff: User | None = None) -> User:
    """Insert a person, and a row of theirs everywhere; two accounts. `staff` may look at one of them."""
    person = make_user(email=email, is_staff=True)
    first = make_account(person, cash=1_000)
    make_one_of_everything(first)
    make_one_of_everything(make_account(person, cash=50))
    now = timezone.now()
    passkey = make_passkey(person)
    WebAuthnUserHandle.objects.create(user=person)
    WebAuthnAttestation.objects.create(credential=passkey, fmt="none", data=b"", client_data_json=b"")
    make_session(person, passkey)
    session = Session.objects.get(user=person)
    Assertion.objects.create(user=person, session=session, digest=b"d" * 32, expires_at=now)
    RecoveryCodes.objects.create(user=person, digests=[b"a" * 32, b"b" * 32])
    PasskeyReset.objects.create(user=person, ticket="T", asked_by=staff)
    TierChange.objects.create(
        user=person,
        from_tier=Tier.FREE,
        to_tier=Tier.PRO,
        reason="paid",
        asked_at=now,
        applies_at=now,
        applied_at=now,
    )
    Export.objects.create(user=person, status=Export.Status.EXPIRED)
    Erasure.objects.create(user=person, asked_at=now, due_at=now + timedelta(days=30), canceled_at=now)
    record(action="session.started", user_id=person.pk, details={"device": f"the browser of {email}"})
    record(action="account.reset", user_id=person.pk, account_id=first.pk, details={"by": email})
    group = Group.objects.create(name=f"group {next(_numbers)}")
    person.groups.add(group)
    permission = Permission.objects.get(codename="view_account")
    person.user_permissions.add(permission)
    LogEntry.objects.create(
        user=person,
        content_type=ContentType.objects.get_for_model(User),
        object_id="x",
        object_repr="somebody",
        action_flag=ADDITION,
    )
    _make_grant(holder=person, of=make_account(make_user()), by=person, permission=permission)
    if staff is not None:
        _make_grant(holder=staff, of=first, by=staff, permission=permission)
    StaffAct.objects.create(
        kind="adjust_cash",
        account=first,
        staff_id=new_id(),
        arguments={"amount": "-250.50", "note": "a fee of yours"},
        reason="asked for in the ticket",
    )
    FirstSteps.objects.create(user=person, answers={"fall": "wait"}, profile="trial")
    _make_live(person, session)
    return person


def rows_of(holding: Holding, person: User) -> list[str]:
    """Return a person's rows in one table, whole and as text, less when a key was last used."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select (to_jsonb(t) - 'last_used_at')::text from {holding.table} t where {holding.whose} order by 1",
            {"user": person.pk},
        )
        return [text for (text,) in cursor.fetchall()]


def everything_of(person: User) -> dict[str, list[str]]:
    """Return all rows of a person's in all tables that keep anything of people."""
    return {holding.table: rows_of(holding, person) for holding in holdings()}


def places_of(text: str) -> dict[str, int]:
    """Return every table in which a text stands somewhere, in whatever column, and in how many rows."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("select tablename from pg_tables where schemaname = 'public' order by 1")
        for (table,) in cursor.fetchall():
            cursor.execute(f"select count(*) from {table} t where t::text ilike %s", [f"%{text}%"])
            ((rows,),) = cursor.fetchall()
            if rows:
                found[table] = rows
    return found


def _make_grant(*, holder: User, of: Any, by: User, permission: Permission) -> None:
    now = timezone.now()
    AccountGrant.objects.create(
        user=holder,
        permission=permission,
        content_object=of,
        reason="cannot find an order",
        granted_by=by,
        granted_at=now,
        expires_at=now + timedelta(hours=8),
    )


def _make_live(person: User, session: Session) -> None:
    now = timezone.now()
    connected = BrokerConnection.objects.create(
        user=person, broker_account="B1", consent_expires_at=now + timedelta(days=90)
    )
    ConnectAttempt.objects.create(user=person, session_id=session.pk, state_hash=b"s" * 32, expires_at=now)
    SwitchClosing.objects.create(scope="user", user=person, is_own=True, reason="enough", closed_by=person.pk)
    SealedToken.objects.create(
        connection=connected, user=person, ciphertext=b"sealed", wrapped_key=b"wrapped", key_id="k"
    )
    BrokerDifference.objects.create(user=person, connection=connected, kind="order_missing", subject="O1")
    PositionBaseline.objects.create(user=person, connection=connected, symbol="IBM", quantity=1)
    GateVerdict.objects.create(
        user=person,
        rules_version=1,
        through="2026-01",
        inputs={},
        inputs_digest=b"d" * 32,
        report={},
        is_open=False,
    )
    GateOverride.objects.create(user=person, reason="a demonstration", asked_by=new_id())
    asked = {
        "user": person,
        "connection": connected,
        "digest": b"d" * 32,
        "session_id": session.pk,
        "deadline_at": now + timedelta(minutes=1),
    }
    order = LiveIntent.objects.create(kind="submit", terms={"symbol": "IBM"}, notional=100, **asked)
    LiveIntent.objects.create(kind="cancel", target=order, terms={}, notional=0, **asked)
    IntentEvent.objects.create(user=person, intent=order, status="accepted")
