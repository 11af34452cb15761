"""Create the database and its roles, with the administrative login; running it again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from raxx import roles

if TYPE_CHECKING:
    from raxx.roles import Server

    Connection = psycopg.Connection[tuple[Any, ...]]

MAINTENANCE_DATABASE = "postgres"
ADVISORY_KEY = 0x72617878  # one bootstrap at a time on a server; "raxx" in ASCII

# A web process that hangs inside a transaction would hold its account's lock for everybody.
ROLE_SETTINGS = {
    roles.APP: {"idle_in_transaction_session_timeout": "60s", "statement_timeout": "30s"},
    roles.SUPPORT: {"idle_in_transaction_session_timeout": "60s", "statement_timeout": "30s"},
    roles.WORKER: {"idle_in_transaction_session_timeout": "60s"},
}


def bootstrap(server: Server, *, for_tests: bool = False) -> None:
    """Make the four roles and the database, owned by raxx_owner, be as they should.

    `for_tests` also lets the owner create databases and take the other roles with SET ROLE, so
    that a test can put them on inside its transaction: never do that where people's rows are.

    Does nothing when DATABASE_URL names one of our roles: somebody prepared that server.
    Raises psycopg.Error when the server cannot be reached or the login may not do this.
    """
    if server.is_single_role:
        return
    login = {**server.administrative_login(), "connect_timeout": "10"}
    with psycopg.connect(**{**login, "dbname": MAINTENANCE_DATABASE}, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [ADVISORY_KEY])
        for role in roles.ROLES:
            _make_role(connection, role, server)
        if for_tests:
            _loosen_for_tests(connection)
        else:
            _separate(connection)
        _make_database(connection, server.database)


def _make_role(connection: Connection, role: str, server: Server) -> None:
    name = sql.Identifier(role)
    exists = connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone()
    if not exists:
        connection.execute(sql.SQL("create role {} login").format(name))
    connection.execute(sql.SQL("alter role {} login nocreaterole nocreatedb").format(name))
    flags = connection.execute(
        "select rolsuper or rolbypassrls or rolreplication from pg_roles where rolname = %s", [role]
    ).fetchone()
    if flags is None or flags[0]:
        # Only a superuser may say these words, so say them only where they change something.
        connection.execute(sql.SQL("alter role {} nosuperuser nobypassrls noreplication").format(name))

    # Hashed here, so that the clear password appears in no server log.
    password = roles.password_of(role, server.secret_key).encode()
    verifier = connection.pgconn.encrypt_password(password, role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(verifier)))
    for setting, value in ROLE_SETTINGS.get(role, {}).items():
        connection.execute(
            sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), sql.Literal(value))
        )


def _separate(connection: Connection) -> None:
    """End every membership of one of our roles in another role."""
    found = connection.execute(
        "select m.rolname, r.rolname from pg_auth_members a join pg_roles m on m.oid = a.member"
        " join pg_roles r on r.oid = a.roleid where m.rolname = any(%s)",
        [list(roles.ROLES)],
    ).fetchall()
    for member, role in found:
        connection.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(role), sql.Identifier(member)))


def _loosen_for_tests(connection: Connection) -> None:
    owner = sql.Identifier(roles.OWNER)
    connection.execute(sql.SQL("alter role {} createdb").format(owner))
    for role in roles.ROLES:
        if role != roles.OWNER:
            connection.execute(
                sql.SQL("grant {} to {} with inherit false, set true").format(sql.Identifier(role), owner)
            )


def _make_database(connection: Connection, database: str) -> None:
    name, owner = sql.Identifier(database), sql.Identifier(roles.OWNER)
    found = connection.execute(
        "select pg_get_userbyid(datdba) from pg_database where datname = %s", [database]
    ).fetchone()
    if found is None or found[0] != roles.OWNER:
        # Giving a database to a role asks for the right to act as it, which a mere CREATEROLE
        # login must grant itself first (and gives back).
        is_superuser = connection.execute(
            "select rolsuper from pg_roles where rolname = current_user"
        ).fetchone()
        borrowed = not (is_superuser and is_superuser[0])
        if borrowed:
            connection.execute(sql.SQL("grant {} to current_user with inherit true, set true").format(owner))
        if found is None:
            connection.execute(
                sql.SQL("create database {} owner {} encoding 'UTF8' template template0").format(name, owner)
            )
        else:
            connection.execute(sql.SQL("alter database {} owner to {}").format(name, owner))
        if borrowed:
            connection.execute(sql.SQL("revoke {} from current_user").format(owner))
