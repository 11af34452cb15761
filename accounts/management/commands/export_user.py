"""`manage.py export_user`: an archive of all that is kept of a person, for who cannot ask for it themselves."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from accounts.services.exports import export_now


class Command(BaseCommand):
    help = "Write a ZIP with everything that is kept of a person. It is in the audit log that you did."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="whose")
        parser.add_argument(
            "--out", required=True, type=Path, help="a file that is not there yet; readable by you alone"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, email: str, out: Path, json: bool, **_: Any) -> None:
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            message = f"nobody has the address {email}"
            raise CommandError(message)
        try:
            counts = export_now(user=user, path=out)
        except OSError as error:
            message = f"{out} cannot be written: {error.strerror}"
            raise CommandError(message) from None
        if json:
            self.stdout.write(json_text.dumps({"user_id": str(user.pk), "file": str(out), "rows": counts}))
            return
        for table, count in counts.items():
            if count:
                self.stdout.write(f"{table:45}{count:>10}")
        self.stdout.write(str(out))
