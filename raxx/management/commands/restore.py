"""`manage.py restore`: put a backup into an empty database, and prove it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings

from accounts.audit.keys import KeyUnusable
from accounts.management.command import OperatorCommand
from accounts.services.anchoring import verify_audit
from raxx.backups import BackupFailed, database_there, read_manifest, require_empty, restore
from raxx.bootstrap import bootstrap
from raxx.embedded import ServiceFailed
from raxx.folder import FolderInUse
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Make the database and its roles where they are not there, put a backup into it, compare it with the manifest, "
        "and verify ledger and audit log. A database that has anything in it is refused. All of it is restored, or "
        "nothing."
    )
    when = (
        "On a new machine after a loss: install the same release, put the secrets of the backup, or your own copies, into "
        "the data folder, and run this before anything else. And regularly, into a database of another name, to know that "
        "the backups are good. In production `bootstrap --logins` comes first, and makes the roles and the database. Afterwards "
        "`manage.py migrate`, if the release is later than the backup's."
    )
    examples = ("--from /backups/2026-03-01 --dry-run", "--from /backups/2026-03-01")
    exits = {
        1: "not restored, with the reason on stderr; or restored, and something does not balance or is not whole"
    }
    changes = True
    is_long = True
    refusals = (BackupFailed, FolderInUse, ServiceFailed, KeyUnusable, OSError, psycopg.OperationalError)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", required=True, type=Path, dest="source", metavar="FOLDER", help="a backup"
        )

    def handle(self, *, source: Path, json: bool, dry_run: bool, **_: Any) -> None:
        source, server = source.expanduser(), settings.DATABASE_SERVER
        manifest = read_manifest(source)
        with database_there(settings.DATA_FOLDER, server):
            if dry_run:
                with suppress(psycopg.OperationalError):  # neither database nor roles are made yet
                    require_empty(server)
                shown = {"taken_at": manifest["taken_at"], "rows": sum(manifest["rows"].values())}
                line = (
                    f"the backup of {manifest['taken_at']} is whole: {shown['rows']} rows would be restored"
                )
                self.tell(shown, [line], as_json=json, is_dry=True)
                return
            bootstrap(server)
            require_empty(server)
            with self.progress(as_json=json) as progress:
                restore(server, source, anchors=settings.AUDIT_ANCHORS, progress=progress.step)
                progress.step("verifying")
                ledger, log = audit_ledger(), verify_audit()
        shown = {
            "taken_at": manifest["taken_at"],
            "rows": sum(manifest["rows"].values()),
            "ledger_balances": ledger.balances,
            "audit_log_is_whole": log.is_whole,
            "faults": [*map(str, ledger.differences), *map(str, log.faults)],
        }
        state = (
            "the ledger balances and the audit log is whole"
            if not shown["faults"]
            else "not as it should be:"
        )
        self.tell(
            shown,
            [f"{shown['rows']} rows of {manifest['taken_at']} restored; {state}", *shown["faults"]],
            as_json=json,
        )
        if shown["faults"]:
            self.end_with(1)
