"""`manage.py backup`: write the whole database to a folder, as it is at one instant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from accounts.management.command import OperatorCommand
from raxx.backups import BackupFailed, back_up, database_there, require_place, size_of
from raxx.embedded import ServiceFailed
from raxx.folder import FolderInUse

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(OperatorCommand):
    help = (
        "Write the database to a new folder, as it is at one instant, with the audit log's anchors and a manifest: "
        "SHA-256 of each file, rows of each table, newest migrations. The installation may run meanwhile. Under the "
        "folder's name there is a whole backup, or nothing."
    )
    when = (
        "Daily, and before an upgrade. Keep it away from this machine, and the secrets away from it: with both, everything "
        "can be opened. --with-secrets copies those of the data folder, and is refused where there are none: in production "
        "they are files elsewhere (/etc/raxx/credentials), which you keep by your own means. Archives of exports are not in it."
    )
    examples = (
        "--to /backups/2026-03-01",
        "--to /backups/2026-03-01 --with-secrets --json",
        "--to /backups/x --dry-run",
    )
    changes = True
    is_long = True
    refusals = (BackupFailed, FolderInUse, ServiceFailed, OSError)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to", required=True, type=Path, metavar="FOLDER", help="a folder that is not there yet"
        )
        parser.add_argument(
            "--with-secrets",
            action="store_true",
            help="copy the data folder's secrets as well; refused where it has none",
        )

    def handle(self, *, to: Path, with_secrets: bool, json: bool, dry_run: bool, **_: Any) -> None:
        secrets = settings.DATA_FOLDER.root / "secrets" if with_secrets else None
        with database_there(settings.DATA_FOLDER, settings.DATABASE_SERVER):
            if dry_run:
                require_place(to.expanduser(), secrets=secrets)
                size = size_of(settings.DATABASE_SERVER)
                shown = {"folder": str(to), "database_bytes": size}
                self.tell(
                    shown,
                    [f"{size / 1e6:.0f} MB of database would be written to {to}"],
                    as_json=json,
                    is_dry=True,
                )
                return
            with self.progress(as_json=json) as progress:
                manifest = back_up(
                    settings.DATABASE_SERVER,
                    to.expanduser(),
                    anchors=settings.AUDIT_ANCHORS,
                    secrets=secrets,
                    progress=progress.step,
                )
        rows = sum(manifest["rows"].values())
        shown = {"folder": str(to), **{name: manifest[name] for name in ("taken_at", "migrations", "rows")}}
        self.tell(shown, [f"{rows} rows of {len(manifest['rows'])} tables in {to}"], as_json=json)
