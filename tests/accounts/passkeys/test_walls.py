"""Row security around the library's tables and ours about people: what the web role sees without any filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone
from django_otp_webauthn.models import WebAuthnAttestation, WebAuthnUserHandle

from accounts.models import Assertion, Erasure, Export, PasskeyReset, RecoveryCodes, Session, User
from raxx import roles
from tests.factories.people import make_passkey, make_session
from tests.factories.rows import make_user
from tests.trading.walls import all_powers, bind, changed, refused, sql

if TYPE_CHECKING:
    from tests.trading.walls import AsRole

pytestmark = pytest.mark.django_db

PEOPLE = "accounts_user"
PASSKEYS = "django_otp_webauthn_webauthncredential"
HANDLES = "django_otp_webauthn_webauthnuserhandle"
ATTESTATIONS = "django_otp_webauthn_webauthnattestation"
# table -> the column that tells whose a row is
WHOSE = {
    PEOPLE: "id",
    PASSKEYS: "user_id",
    HANDLES: "user_id",
    ATTESTATIONS: "credential_id",  # by its passkey
    "accounts_session": "user_id",
    "accounts_assertion": "user_id",
    "accounts_recoverycodes": "user_id",
    "accounts_passkeyreset": "user_id",
    "accounts_export": "user_id",
    "accounts_erasure": "user_id",
}
TABLES_OF_PEOPLE = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p') and n.nspname = 'public' and not c.relrowsecurity
   and (c.relname like 'django_otp%%' or c.relname like 'accounts_%%')
 order by 1"""
OF_NOBODY = ["accounts_ceremony", "accounts_spentlink"]


def with_everything() -> User:
    """Return a person of whom there is a row in every table."""
    person = make_user()
    passkey = make_passkey(person)
    WebAuthnUserHandle.objects.create(user=person)
    WebAuthnAttestation.objects.create(credential=passkey, fmt="none", data=b"", client_data_json=b"")
    make_session(person, passkey)
    Assertion.objects.create(
        user=person, session=Session.objects.get(user=person), digest=b"d" * 32, expires_at=timezone.now()
    )
    RecoveryCodes.objects.create(user=person, digests=[b"d" * 32])
    PasskeyReset.objects.create(user=person, ticket="T")
    Export.objects.create(user=person, status=Export.Status.READY, token_hash=b"h" * 32)
    Erasure.objects.create(user=person, asked_at=timezone.now(), due_at=timezone.now())
    return person


@pytest.fixture
def alice() -> User:
    return with_everything()


@pytest.fixture(autouse=True)
def bob() -> User:
    return with_everything()


def rows_of(table: str, person: User) -> str:
    """Return the condition on the rows of one person's, found while everybody's are seen."""
    keys: list[Any] = [person.pk]
    if table == ATTESTATIONS:
        keys = [key for (key,) in sql(f"select id from {PASSKEYS} where user_id = %s", person.pk)]
    return f"{WHOSE[table]} in ({', '.join(repr(str(key)) for key in keys)})"


def test_every_table_of_the_library_and_of_people_has_row_security_but_those_of_nobody() -> None:
    assert [table for (table,) in sql(TABLES_OF_PEOPLE)] == OF_NOBODY
    forced = sql("select relname from pg_class where relrowsecurity and not relforcerowsecurity")
    assert forced == []


@pytest.mark.parametrize("table", WHOSE)
def test_a_query_without_a_filter_shows_the_bound_person_s_rows_alone(
    alice: User, as_role: AsRole, table: str
) -> None:
    mine = rows_of(table, alice)
    ((all_of_mine,),) = sql(f"select count(*) from {table} where {mine}")
    with as_role(roles.APP):
        nobody = sql(f"select count(*) from {table}")
        bind(alice.pk)
        seen = sql(f"select count(*), count(*) filter (where {mine}) from {table}")

    assert nobody == [(0,)]
    assert seen == [(all_of_mine, all_of_mine)]
    assert all_of_mine > 0


@pytest.mark.parametrize("table", WHOSE)
def test_nothing_of_another_person_s_is_changed_or_deleted_even_with_every_privilege(
    alice: User, bob: User, as_role: AsRole, table: str
) -> None:
    theirs = rows_of(table, bob)
    before = sql(f"select t::text from {table} t order by 1")
    column = WHOSE[table]
    with all_powers(table), as_role(roles.APP):
        bind(alice.pk)
        assert changed(f"update {table} set {column} = {column} where {theirs}") == 0
        assert changed(f"delete from {table} where {theirs}") == 0

    assert sql(f"select t::text from {table} t order by 1") == before


@pytest.mark.parametrize("table", [table for table, whose in WHOSE.items() if whose == "user_id"])
def test_nothing_is_given_away_even_with_every_privilege(
    alice: User, bob: User, as_role: AsRole, table: str
) -> None:
    with all_powers(table), as_role(roles.APP):
        bind(alice.pk)
        with refused("row-level security"):
            changed(f"update {table} set user_id = %s", bob.pk)


def test_nobody_makes_themself_staff_or_paying(alice: User, as_role: AsRole) -> None:
    with as_role(roles.APP):
        bind(alice.pk)
        for change in ("is_staff = true", "is_superuser = true", "tier = 'pro'", "email = 'x@example.com'"):
            with refused("permission denied"):
                changed(f"update accounts_user set {change} where id = %s", alice.pk)


@pytest.mark.parametrize("fields", [{"is_staff": True}, {"is_superuser": True}, {"tier": "pro"}])
def test_nobody_signs_up_as_more_than_a_free_person(as_role: AsRole, fields: dict[str, Any]) -> None:
    planned = User(email="new@example.com", **fields)
    with as_role(roles.APP):
        bind(planned.pk)
        with refused("row-level security"):
            planned.save(force_insert=True)


def test_nobody_signs_up_for_another(alice: User, as_role: AsRole) -> None:
    with as_role(roles.APP):
        bind(alice.pk)
        with refused("row-level security"):
            User(email="new@example.com").save(force_insert=True)


def test_a_session_by_another_person_s_passkey_cannot_be(alice: User, bob: User, as_role: AsRole) -> None:
    theirs = sql(f"select id from {PASSKEYS} where user_id = %s", bob.pk)[0][0]
    with as_role(roles.APP):
        bind(alice.pk)
        with refused("session_by_own_passkey"):
            changed("update accounts_session set passkey_id = %s", theirs)
            sql("set constraints all immediate")


@pytest.mark.parametrize(
    ("question", "argument"),
    [
        ("accounts_person_of_passkey(%s)", "0" * 64),
        ("accounts_person_of_email(%s)", "nobody@example.com"),
    ],
)
def test_what_is_asked_before_anybody_is_bound_answers_for_what_is_there(
    as_role: AsRole, question: str, argument: str
) -> None:
    with as_role(roles.APP):
        assert sql(f"select {question}", argument) == [(None,)]
