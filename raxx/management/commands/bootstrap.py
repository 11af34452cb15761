"""`manage.py bootstrap`: the database, its roles, and what they may do, as this release expects them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from accounts.management.command import OperatorCommand
from raxx import roles
from raxx.bootstrap import bootstrap
from raxx.grants import grant_after_migrate

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from raxx.roles import Server

PRIVILEGES = """select c.relname, pg_get_userbyid(a.grantee), a.privilege_type
  from pg_class c cross join lateral aclexplode(c.relacl) a
  where c.relnamespace = 'public'::regnamespace and pg_get_userbyid(a.grantee) = any(%s)"""


class Command(OperatorCommand):
    help = (
        "Make the database, the four roles, their passwords and limits, and what they may do with the tables of "
        "packages, be as this release expects; print each change. Run again, it changes nothing."
    )
    when = (
        "Before the first start, before `migrate` of each release, after a new RAXX_SECRET_KEY, and after a restore "
        "on a new server. DATABASE_URL names the administrative login."
    )
    examples = ("", "--dry-run --json", "--logins /etc/raxx/credentials")
    changes = True
    requires_system_checks: list[str] = []  # the database need not be there yet

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--logins",
            type=Path,
            metavar="FOLDER",
            help="write the DATABASE_URL of each role to FOLDER/ROLE, readable by you alone",
        )

    def handle(self, *, json: bool, dry_run: bool, logins: Path | None, **_: Any) -> None:
        server: Server = settings.DATABASE_SERVER
        if server.is_single_role and server.administrator["user"] != roles.OWNER:
            raise CommandError(
                f"DATABASE_URL names {server.administrator['user']}, which may change no roles and no grants;"
                f" give the administrative login, or {roles.OWNER} for the grants alone"
            )
        if server.is_single_role and logins is not None:
            raise CommandError(
                "--logins needs the administrative login in DATABASE_URL: others may have other passwords"
            )
        try:
            changes = bootstrap(server, dry_run=dry_run)
            waits = _waits_for_migrations(dry_run=dry_run)
            if not waits:
                changes += _grant(dry_run=dry_run)
        except (psycopg.Error, Error) as error:
            raise CommandError(f"PostgreSQL: {str(error).strip()}") from None
        if logins is not None and not dry_run:
            changes += _write_logins(server, logins)
        document = {"dry_run": dry_run, "changes": changes, "grants_wait_for_migrate": waits}
        lines = [f"would: {change}" if dry_run else change for change in changes] or ["nothing to change"]
        hint = "grants of packages' tables come with `manage.py migrate`" if waits else ""
        self.tell(document, lines, as_json=json, hint=hint)


def _waits_for_migrations(*, dry_run: bool) -> bool:
    try:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except OperationalError:
        if dry_run:
            return True  # the role or the database that we would ask is not made
        raise


def _grant(*, dry_run: bool) -> list[str]:
    """Grant, and return what that has changed; a dry run is rolled back."""
    with transaction.atomic():
        before = _privileges()
        for config in apps.get_app_configs():
            grant_after_migrate(config, connection.alias)
        after = _privileges()
        if dry_run:
            transaction.set_rollback(True)
    return [
        *(f"{role} may {word} {table}" for table, role, word in sorted(after - before)),
        *(f"{role} may not {word} {table} any more" for table, role, word in sorted(before - after)),
    ]


def _privileges() -> set[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(PRIVILEGES, [list(roles.ROLES)])
        return {(table, role, word.lower()) for table, role, word in cursor.fetchall()}


def _write_logins(server: Server, folder: Path) -> list[str]:
    """Write the files that differ. Raises CommandError where that cannot be done."""
    changes = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for role in roles.ROLES:
            file, url = folder / role, _url(server, role)
            if file.exists() and file.read_text(encoding="utf-8") == url:
                continue
            draft = folder / f".{role}.{os.getpid()}"
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
                stream.write(url)
            draft.replace(file)
            changes.append(f"{file} has the log-in of {role}")
    except OSError as error:
        raise CommandError(f"{folder} cannot be written: {error.strerror}") from None
    return changes


def _url(server: Server, role: str) -> str:
    login = server.login(role)
    place = {name: login[name] for name in login.keys() - {"user", "password", "dbname"}}
    query = f"?{urlencode(sorted(place.items()))}" if place else ""
    return f"postgresql://{login['user']}:{quote(login['password'], safe='')}@/{login['dbname']}{query}"
