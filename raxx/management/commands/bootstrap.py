"""`manage.py bootstrap`: the database, its roles, and what they may do, as this release expects them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, OperationalError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from accounts.management.command import OperatorCommand
from raxx import roles
from raxx.bootstrap import LoginMissing, bootstrap
from raxx.grants import grant_after_migrate
from raxx.logins import Logins, LoginUnusable

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
        "Before the first start, before `migrate` of each release, after a restore on a new server, and when a log-in has "
        "leaked. DATABASE_URL names the administrative login; as raxx_owner it sees to the grants alone."
    )
    examples = (
        "--logins /etc/raxx/credentials",
        "--logins /etc/raxx/credentials --dry-run --json",
        "--logins /etc/raxx/credentials --rotate raxx_app",
    )
    changes = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--logins",
            type=Path,
            metavar="FOLDER",
            help="in production, where each role's DATABASE_URL is kept, in FOLDER/ROLE, readable by you alone",
        )
        parser.add_argument(
            "--rotate",
            action="append",
            default=[],
            choices=[*roles.ROLES, "all"],
            metavar="ROLE",
            help="give ROLE (or all) a new random password and end its sessions; may be repeated",
        )

    def handle(self, *, json: bool, dry_run: bool, logins: Path | None, rotate: list[str], **_: Any) -> None:
        server: Server = settings.DATABASE_SERVER
        _refuse(server, logins, rotate)
        kept = (
            None if logins is None else Logins(logins.absolute())
        )  # `raxx-manage` works elsewhere than who types
        rotated = roles.ROLES if "all" in rotate else tuple(dict.fromkeys(rotate))
        try:
            changes = bootstrap(server, dry_run=dry_run, logins=kept, rotated=rotated)
            if kept is not None:
                known = server.knowing(kept.passwords()).login(roles.OWNER)
                connection.settings_dict["PASSWORD"] = known.get("password", "")
            waits = _waits_for_migrations(dry_run=dry_run)
            if not waits:
                changes += _grant(dry_run=dry_run)
        except (psycopg.Error, Error) as error:
            raise CommandError(f"PostgreSQL: {str(error).strip()}") from None
        except (LoginMissing, LoginUnusable) as error:
            raise CommandError(str(error)) from None
        document = {"dry_run": dry_run, "changes": changes, "grants_wait_for_migrate": waits}
        lines = [f"would: {change}" if dry_run else change for change in changes] or ["nothing to change"]
        hint = "grants of packages' tables come with `manage.py migrate`" if waits else ""
        self.tell(document, lines, as_json=json, hint=hint)


def _refuse(server: Server, logins: Path | None, rotate: list[str]) -> None:
    """Raise CommandError for options that do not go together, or not with the login."""
    login = server.administrator["user"]
    if server.is_single_role:
        if login != roles.OWNER:
            raise CommandError(
                f"DATABASE_URL names {login}, which may change no roles and no grants;"
                f" give the administrative login, or {roles.OWNER} for the grants alone"
            )
        if logins is not None:
            raise CommandError("--logins needs the administrative login in DATABASE_URL")
    elif server.secret_key is None and logins is None:
        raise CommandError(
            "with the administrative login say where the roles' log-ins are kept: --logins FOLDER"
        )
    elif server.secret_key is not None and logins is not None:
        raise CommandError(
            "--logins is for RAXX_ENV=production: elsewhere passwords follow from RAXX_SECRET_KEY"
        )
    if rotate and logins is None:
        raise CommandError("--rotate writes new log-ins: say where with --logins FOLDER")


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
