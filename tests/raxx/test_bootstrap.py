"""The database roles: what they are, and what they may not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection, transaction

from raxx import roles
from raxx.bootstrap import bootstrap
from raxx.grants import grant_after_migrate

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


def test_a_role_has_of_other_people_s_tables_what_the_table_of_grants_says(as_role: AsRole) -> None:
    with as_role(roles.APP), connection.cursor() as cursor:
        cursor.execute("select count(*) > 0 from auth_permission")
        assert cursor.fetchone() == (True,)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            cursor.execute("insert into auth_group (name) values ('mine')")
        with pytest.raises(ProgrammingError, match="must be owner"):
            cursor.execute("alter table auth_permission add column more int")


def test_what_the_table_of_grants_does_not_say_is_taken_back(as_role: AsRole) -> None:
    with connection.cursor() as cursor:
        cursor.execute("grant select, insert on django_admin_log to raxx_support")
        for config in apps.get_app_configs():
            grant_after_migrate(config, "default")
        cursor.execute(
            "select has_any_column_privilege('raxx_support', 'django_admin_log', 'select, insert')"
        )
        assert cursor.fetchone() == (False,)


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
