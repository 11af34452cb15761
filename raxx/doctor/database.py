"""PostgreSQL: reachable, durable, migrated, with the right roles and with walls that stand."""

from __future__ import annotations

from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

from raxx import roles
from raxx.doctor.registry import Unwell, check

VERSION_MIN = 18  # our SQL uses what came with it
OUR_APPS = ("accounts", "matching", "trading", "broker_handoff")
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Stronger forms of a promise keep it, too.
DURABLE_ENOUGH = {"remote_write", "remote_apply"}


@check("database")
def database() -> str:
    """Ask whether the server answers, is new enough, and keeps what it acknowledged."""
    with connection.cursor() as cursor:
        cursor.execute("show server_version_num")
        version = int(cursor.fetchone()[0])
        cursor.execute("select name, setting from pg_settings where name = any(%s)", [list(DURABLE)])
        found = dict(cursor.fetchall())
    if version // 10_000 < VERSION_MIN:
        raise Unwell(f"PostgreSQL {version // 10_000}", f"use PostgreSQL {VERSION_MIN} or later")
    for name, wanted in DURABLE.items():
        if found[name] != wanted and found[name] not in DURABLE_ENOUGH:
            raise Unwell(f"{name} is {found[name]}", f"alter system set {name} = {wanted}, then reload")
    return f"PostgreSQL {version // 10_000}.{version % 10_000}, durable"


@check("migrations")
def migrations() -> str:
    """Ask whether the schema is the one that this code expects."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    missing = [f"{step.app_label}.{step.name}" for step, _ in plan]
    if missing:
        raise Unwell(f"not applied: {', '.join(missing)}", "python manage.py migrate")
    return "all applied"


@check("roles")
def database_roles() -> str:
    """Ask whether our roles exist, log in, and are neither powerful nor each other."""
    fix = "python manage.py bootstrap, with the administrative DATABASE_URL, repairs the roles"
    with connection.cursor() as cursor:
        cursor.execute(
            "select rolname, rolsuper or rolbypassrls or rolcreaterole or rolreplication, rolcanlogin"
            " from pg_roles where rolname = any(%s)",
            [list(roles.ROLES)],
        )
        found = {name: (power, login) for name, power, login in cursor.fetchall()}
        cursor.execute(
            "select m.rolname, r.rolname from pg_auth_members a join pg_roles m on m.oid = a.member"
            " join pg_roles r on r.oid = a.roleid where m.rolname = any(%s)",
            [list(roles.ROLES)],
        )
        memberships = cursor.fetchall()
    for role in roles.ROLES:
        if role not in found:
            raise Unwell(f"{role} does not exist", fix)
        if found[role] != (False, True):
            raise Unwell(f"{role} has powers that it should not, or may not log in", fix)
    if memberships:
        member, role = memberships[0]
        raise Unwell(f"{member} is a member of {role}", f"revoke {role} from {member}")
    return ", ".join(roles.ROLES)


def owned_tables() -> list[str]:
    """Return our tables whose rows belong to somebody, by asking the catalogue for `user_id`.

    Tables that only join a user to Django's groups and permissions are not owned by that user.
    """
    joins = {
        model._meta.db_table  # noqa: SLF001 - Django's documented way to a model's table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.auto_created  # noqa: SLF001
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
            " where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace"
            " and a.attname = 'user_id' and not a.attisdropped"
            " and c.relname ~ %s order by 1",
            [f"^({'|'.join(OUR_APPS)})_"],
        )
        return [name for (name,) in cursor.fetchall() if name not in joins]


@check("row security")
def row_security() -> str:
    """Ask whether every owned table is walled, and try it as the app role, acting for nobody."""
    tables = owned_tables()
    if not tables:
        raise Unwell("no owned table found", "python manage.py migrate")
    fix = "apply the migrations; a new owned table needs accounts.isolation.owned_table"
    with connection.cursor() as cursor:
        cursor.execute(
            "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relname = any(%s)"
            " and not (c.relrowsecurity and c.relforcerowsecurity"
            " and exists (select from pg_policy p where p.polrelid = c.oid))",
            [tables],
        )
        open_ones = [name for (name,) in cursor.fetchall()]
    if open_ones:
        raise Unwell(f"without forced row security or a policy: {', '.join(open_ones)}", fix)
    login = {**settings.DATABASE_SERVER.login(roles.APP), "dbname": str(connection.settings_dict["NAME"])}
    with psycopg.connect(**login, connect_timeout=5) as session:
        user = _bound_login(session)
        if user != roles.APP:  # DATABASE_URL names the role of this machine's processes: none serves people
            return f"{len(tables)} tables walled; not tried as {roles.APP}, because DATABASE_URL names {user}"
        for table in tables:
            leak = _sees_a_row(session, table)
            if leak:
                raise Unwell(f"{roles.APP} sees rows of {table} without acting for anybody", fix)
    return f"{len(tables)} tables walled; {roles.APP} acting for nobody sees nothing"


def _bound_login(session: psycopg.Connection[tuple[Any, ...]]) -> str:
    """Return the login's name. Raises Unwell when row security does not bind it."""
    row = session.execute(
        "select current_user, bool_or(r.rolsuper or r.rolbypassrls) from pg_roles r"
        " where pg_has_role(current_user, r.oid, 'member')"
    ).fetchone()
    assert row is not None
    name, is_free = row
    if is_free:
        fix = f"alter role {name} nosuperuser nobypassrls, and end its memberships"
        raise Unwell(f"row security does not bind the login {name}", fix)
    return str(name)


def _sees_a_row(session: psycopg.Connection[tuple[object, ...]], table: str) -> bool:
    try:
        with session.transaction():
            row = session.execute(
                sql.SQL("select exists (select from {})").format(sql.Identifier(table))
            ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return False  # it may not even look
    return bool(row and row[0])
