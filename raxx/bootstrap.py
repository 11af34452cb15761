"""Create the database and its roles, with the administrative login; running it again changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from raxx import roles
from raxx.logins import new_password
from raxx.scram import matches

if TYPE_CHECKING:
    from collections.abc import Collection

    from raxx.logins import Logins
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


class LoginMissing(Exception):
    """A role is there, and no file has its log-in: a new one would shut out whoever holds the old one."""


def bootstrap(
    server: Server,
    *,
    for_tests: bool = False,
    dry_run: bool = False,
    logins: Logins | None = None,
    rotated: Collection[str] = (),
) -> list[str]:
    """Make the four roles and the database, owned by raxx_owner, be as they should; return what was changed.

    `for_tests` also lets the owner create databases and take the other roles with SET ROLE, so
    that a test can put them on inside its transaction: never do that where people's rows are.
    With `dry_run` nothing is changed, and what would be is returned.

    With `logins` each role has the password of its file there; a new role, and one of `rotated`, gets a random one, which
    is in the file before the role has it. So a run that was killed half-way is put right by the next one. The
    sessions of a rotated role are ended: who has the old password may have one open.

    Does nothing when DATABASE_URL names one of our roles: somebody prepared that server.
    Raises psycopg.Error when the server cannot be reached or the login may not do this, LoginMissing and LoginUnusable.
    """
    if server.is_single_role:
        return []
    login = {**server.administrative_login(), "connect_timeout": "10"}
    with psycopg.connect(**{**login, "dbname": MAINTENANCE_DATABASE}, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [ADVISORY_KEY])
        work = _Work(connection, server, for_tests=for_tests, dry_run=dry_run)
        if logins is not None:
            work.take_up(logins, rotated)
        for role in roles.ROLES:
            work.make_role(role)
        for role in rotated:
            work.end_sessions(role)
        if for_tests:
            work.loosen()
        else:
            work.separate()
        work.make_database()
    return work.changes


class _Work:
    """Looks at what there is, and changes what differs."""

    def __init__(self, connection: Connection, server: Server, *, for_tests: bool, dry_run: bool) -> None:
        self._connection = connection
        self._server = server
        self._for_tests = for_tests
        self._dry_run = dry_run
        self._source = "that follows from RAXX_SECRET_KEY"
        self.changes: list[str] = []

    def take_up(self, logins: Logins, rotated: Collection[str]) -> None:
        """Take the passwords of the files, and write those that differ. Raises LoginMissing, LoginUnusable."""
        kept = logins.passwords()
        for role in roles.ROLES:
            if role not in kept and role not in rotated and self._has_any_password(role):
                raise LoginMissing(
                    f"{role} is there, and {logins.folder} has no log-in of it: copy the file from where it is, or"
                    f" give it a new one with --rotate {role}, which shuts out who has the old one"
                )
        chosen = {
            role: kept[role] if role in kept and role not in rotated else new_password()
            for role in roles.ROLES
        }
        self._server, self._source = self._server.knowing(chosen), f"of its file in {logins.folder}"
        for role, password in chosen.items():
            is_new = role in rotated or role not in kept
            if self._dry_run:
                self.changes += [f"{logins.folder / role} has a new log-in of {role}"] if is_new else []
            elif logins.keep(self._server, role, password):
                self.changes.append(
                    f"{logins.folder / role} has {'a new' if is_new else 'the'} log-in of {role}"
                )

    def make_role(self, role: str) -> None:
        """Have the role, with no power over the server, its own password and its limits of time."""
        name = sql.Identifier(role)
        found = self._ask(
            "select rolcanlogin, rolcreaterole, rolcreatedb, rolsuper or rolbypassrls or rolreplication, rolconfig"
            " from pg_roles where rolname = %s",
            role,
        )
        can_login, makes_roles, makes_databases, is_mighty, config = found or (False, False, False, False, [])
        if found is None:
            self._do(f"role {role} is made", sql.SQL("create role {} login").format(name))
        may_make = self._for_tests and role == roles.OWNER
        if found and (not can_login or makes_roles or makes_databases is not may_make):
            said = sql.SQL("alter role {} login nocreaterole nocreatedb").format(name)
            self._do(f"role {role} may log in, and make no roles or databases", said)
        if is_mighty:
            # Only a superuser may say these words, so say them only where they change something.
            said = sql.SQL("alter role {} nosuperuser nobypassrls noreplication").format(name)
            self._do(f"role {role} is bound by row security", said)
        if found is None or not self._has_password(role):
            # Hashed here, so that the clear password appears in no server log.
            password = self._password_of(role).encode()
            pgconn = self._connection.pgconn
            verifier = pgconn.encrypt_password(password, role.encode(), b"scram-sha-256").decode()
            said = sql.SQL("alter role {} password {}").format(name, sql.Literal(verifier))
            self._do(f"role {role} has the password {self._source}", said)
        for setting, value in ROLE_SETTINGS.get(role, {}).items():
            if f"{setting}={value}" not in (config or []):
                words = (name, sql.Identifier(setting), sql.Literal(value))
                step = sql.SQL("alter role {} set {} = {}").format(*words)
                self._do(f"role {role} has {setting} {value}", step)

    def end_sessions(self, role: str) -> None:
        """End what the role has open; whoever may not is told so among the changes."""
        open_ones = "select count(*) from pg_stat_activity where usename = %s and pid <> pg_backend_pid()"
        found = self._ask(open_ones, role)
        if not (found and found[0]):
            return
        if not self._dry_run:
            try:
                self._ask(open_ones.replace("count(*)", "count(pg_terminate_backend(pid))"), role)
            except psycopg.errors.InsufficientPrivilege:
                self.changes.append(
                    f"the sessions of {role} GO ON: this login may not end them, so end them as one who may"
                )
                return
        self.changes.append(f"{found[0]} open sessions of {role} are ended")

    def separate(self) -> None:
        """End every membership of one of our roles in another role."""
        found = self._connection.execute(
            "select m.rolname, r.rolname from pg_auth_members a join pg_roles m on m.oid = a.member"
            " join pg_roles r on r.oid = a.roleid where m.rolname = any(%s)",
            [list(roles.ROLES)],
        ).fetchall()
        for member, role in found:
            said = sql.SQL("revoke {} from {}").format(sql.Identifier(role), sql.Identifier(member))
            self._do(f"role {member} is no member of {role} any more", said)

    def loosen(self) -> None:
        """Let the owner make databases and take the others' places."""
        owner = sql.Identifier(roles.OWNER)
        self._connection.execute(sql.SQL("alter role {} createdb").format(owner))
        for role in roles.ROLES:
            if role != roles.OWNER:
                self._connection.execute(
                    sql.SQL("grant {} to {} with inherit false, set true").format(sql.Identifier(role), owner)
                )

    def make_database(self) -> None:
        """Have the database, and have it owned by raxx_owner."""
        database = self._server.database
        name, owner = sql.Identifier(database), sql.Identifier(roles.OWNER)
        found = self._ask("select pg_get_userbyid(datdba) from pg_database where datname = %s", database)
        if found is not None and found[0] == roles.OWNER:
            return
        # Giving a database to a role asks for the right to act as it, which a mere CREATEROLE
        # login must grant itself first (and gives back).
        is_superuser = self._ask("select rolsuper from pg_roles where rolname = current_user")
        borrowed = not (is_superuser and is_superuser[0])
        steps = []
        if borrowed:
            steps.append(sql.SQL("grant {} to current_user with inherit true, set true").format(owner))
        if found is None:
            made = sql.SQL("create database {} owner {} encoding 'UTF8' template template0")
            steps.append(made.format(name, owner))
        else:
            steps.append(sql.SQL("alter database {} owner to {}").format(name, owner))
        if borrowed:
            steps.append(sql.SQL("revoke {} from current_user").format(owner))
        verb = "is made, and" if found is None else "now"
        self._do(f"database {database} {verb} belongs to {roles.OWNER}", *steps)

    def _ask(self, question: str, *values: str) -> tuple[Any, ...] | None:
        return self._connection.execute(question, values).fetchone()

    def _do(self, said: str, *steps: sql.Composed) -> None:
        self.changes.append(said)
        if not self._dry_run:
            for step in steps:
                self._connection.execute(step)

    def _password_of(self, role: str) -> str:
        password: str = self._server.login(role)["password"]
        return password

    def _has_any_password(self, role: str) -> bool:
        """Tell whether somebody may be able to log in as the role; where verifiers may not be read, whether it is there."""
        try:
            stored = self._ask("select rolpassword from pg_authid where rolname = %s", role)
        except psycopg.errors.InsufficientPrivilege:
            return self._ask("select from pg_roles where rolname = %s", role) is not None
        return stored is not None and stored[0] is not None

    def _has_password(self, role: str) -> bool:
        """Tell whether the role's password is the one it should be; by a log-in where verifiers may not be read."""
        try:
            stored = self._ask("select rolpassword from pg_authid where rolname = %s", role)
        except psycopg.errors.InsufficientPrivilege:
            login = {**self._server.login(role), "dbname": MAINTENANCE_DATABASE, "connect_timeout": "10"}
            try:
                with psycopg.connect(**login) as session:
                    return session.pgconn.used_password
            except psycopg.OperationalError:
                return False
        return stored is not None and stored[0] is not None and matches(stored[0], self._password_of(role))
