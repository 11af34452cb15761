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
from raxx.backups import (
    BackupFailed,
    begin_restore,
    database_there,
    finish_restore,
    read_manifest,
    restore,
)
from raxx.bootstrap import bootstrap
from raxx.embedded import ServiceFailed
from raxx.folder import FolderInUse
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

    from raxx.roles import Server


class Command(OperatorCommand):
    help = (
        "Make the database and its roles where they are not there, put a backup into it, compare it with the manifest, "
        "and verify ledger and audit log. A database that has anything in it is refused. All of it is restored, or "
        "nothing; killed at any instant, the same call goes on from there, until it has told what it found."
    )
    when = (
        "On a new machine after a loss: install the same release, put the secrets of the backup, or your own copies, into "
        "the data folder, and run this before anything else. And regularly, into a database of another name, to know that "
        "the backups are good; RAXX_AUDIT_ANCHORS then names an empty folder, into which the backup's anchors come: the "
        "installation's own tell of what came later, and would say that it is missing. In production `bootstrap --logins` comes first, and makes the roles and the database. Afterwards "
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
                self._try(server, source, manifest, as_json=json)
                return
            bootstrap(server)
            with self.progress(as_json=json) as progress:
                restore(server, source, anchors=settings.AUDIT_ANCHORS, progress=progress.step)
                progress.step("verifying")
                ledger, log = audit_ledger(), verify_audit()
            faults = [*map(str, ledger.differences), *map(str, log.faults)]
            shown = {
                "taken_at": manifest["taken_at"],
                "rows": sum(manifest["rows"].values()),
                "ledger_balances": ledger.balances,
                "audit_log_is_whole": log.is_whole,
                "faults": faults,
            }
            state = "not as it should be:" if faults else "the ledger balances and the audit log is whole"
            line = f"{shown['rows']} rows of {manifest['taken_at']} restored; {state}"
            self.tell(shown, [line, *faults], as_json=json)
            finish_restore(server)
        if faults:
            self.end_with(1)

    def _try(self, server: Server, source: Path, manifest: dict[str, Any], *, as_json: bool) -> None:
        is_to_be_filled = True
        with suppress(psycopg.OperationalError):  # neither database nor roles are made yet
            is_to_be_filled = begin_restore(server, source, is_trial=True)
        shown = {"taken_at": manifest["taken_at"], "rows": sum(manifest["rows"].values())}
        would = (
            "would be restored"
            if is_to_be_filled
            else "are restored already; anchors and proofs would follow"
        )
        line = f"the backup of {manifest['taken_at']} is whole: {shown['rows']} rows {would}"
        self.tell(shown, [line], as_json=as_json, is_dry=True)
