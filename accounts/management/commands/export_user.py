"""`manage.py export_user`: an archive of all that is kept of a person, for who cannot ask for it themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.command import OperatorCommand
from accounts.models import User
from accounts.privacy.folder import require_place
from accounts.services.erasures import rows_of
from accounts.services.exports import export_now


class Command(OperatorCommand):
    help = (
        "Write a ZIP with everything that is kept of a person. It is in the audit log that you did. Under the file's name "
        "there is a whole archive, or nothing."
    )
    when = (
        "For who asks what is kept of them and cannot sign in. Stopped half-way it is run again, which also removes what "
        "was left; a file that is there is never written over."
    )
    examples = (
        "--email you@example.com --out you.zip",
        "--email you@example.com --out you.zip --dry-run",
    )
    changes = True
    is_long = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose")
        parser.add_argument(
            "--out", required=True, type=Path, help="a file that is not there yet; readable by you alone"
        )

    def handle(self, *, email: str, out: Path, json: bool, dry_run: bool, **_: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            message = f"nobody has the address {email}"
            raise CommandError(message)
        out = out.expanduser()
        try:
            with self.progress(as_json=json) as progress:
                if dry_run:
                    require_place(out)
                    counts = rows_of(user.pk)
                else:
                    counts = export_now(user=user, path=out, progress=progress)
        except OSError as error:
            message = f"{out} cannot be written: {error.strerror}"
            raise CommandError(message) from None
        shown = {"user_id": str(user.pk), "file": str(out), "rows": counts}
        lines = [f"{table:45}{count:>10}" for table, count in counts.items() if count]
        self.tell(shown, [*lines, str(out)], as_json=json, is_dry=dry_run)
