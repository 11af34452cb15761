"""The database roles: what they are, and what they may not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from django.conf import settings
from django.db import ProgrammingError, connection

from raxx import roles
from raxx.bootstrap import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    AsRole = Callable[[str], AbstractContextManager[None]]

pytestmark = pytest.mark.django_db


def test_tests_run_as_the_owner() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select current_user")
        assert cursor.fetchone() == (roles.OWNER,)


@pytest.mark.parametrize("role", roles.ROLES)
def test_a_role_logs_in_with_its_derived_password_and_has_no_power_over_the_server(role: str) -> None:
    with psycopg.connect(**settings.DATABASE_SERVER.login(role)) as session:
        flags = session.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolcanlogin"
            " from pg_roles where rolname = current_user"
        ).fetchone()

    assert flags == (role, False, False, False, False, True)


@pytest.mark.parametrize("role", [role for role in roles.ROLES if role != roles.OWNER])
def test_a_role_cannot_take_another_ones_place(role: str) -> None:
    with psycopg.connect(**settings.DATABASE_SERVER.login(role)) as session:
        for other in roles.ROLES:
            if other != role:
                with pytest.raises(psycopg.errors.InsufficientPrivilege), session.transaction():
                    session.execute(f"set role {other}")


def test_a_wrong_password_is_refused() -> None:
    login = {**settings.DATABASE_SERVER.login(roles.APP), "password": "wrong"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**login)


def test_bootstrapping_again_changes_nothing() -> None:
    def picture() -> list[tuple[object, ...]]:
        with psycopg.connect(**settings.DATABASE_SERVER.administrative_login()) as session:
            return session.execute(
                "select rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolconfig,"
                " pg_get_userbyid(datdba) from pg_roles left join pg_database on datname = %s"
                " where rolname = any(%s) order by rolname",
                [settings.DATABASE_SERVER.database, list(roles.ROLES)],
            ).fetchall()

    before = picture()
    bootstrap(settings.DATABASE_SERVER, for_tests=True)

    assert picture() == before
    assert {row[-1] for row in before} == {roles.OWNER}


def test_the_app_role_writes_sessions_and_cannot_alter_their_table(as_role: AsRole) -> None:
    with as_role(roles.APP), connection.cursor() as cursor:
        cursor.execute("insert into django_session values ('key', 'data', now())")
        cursor.execute("select count(*) from django_session")
        assert cursor.fetchone() == (1,)
        with pytest.raises(ProgrammingError, match="must be owner"):
            cursor.execute("alter table django_session add column more int")


def test_a_real_bootstrap_takes_back_what_tests_were_given() -> None:
    server = settings.DATABASE_SERVER
    bootstrap(server)
    try:
        with psycopg.connect(**server.login(roles.OWNER)) as session:
            assert session.execute(
                "select rolcreatedb from pg_roles where rolname = current_user"
            ).fetchone() == (False,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("set role raxx_app")
    finally:
        bootstrap(server, for_tests=True)
