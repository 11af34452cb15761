"""Write the OpenAPI document into the repository: `manage.py openapi`, or `make openapi`."""

from __future__ import annotations

from typing import Any

from accounts.management.command import OperatorCommand
from raxx import docs


class Command(OperatorCommand):
    """`openapi`."""

    help = "Write openapi.json, which a test compares with what is served."
    when = "For developers, after a route was changed; a test tells when."
    examples = (
        "",
        "--dry-run",
    )
    exits = {1: "with --dry-run: what is written would change"}
    changes = True

    def handle(self, *_: Any, json: bool, dry_run: bool, **__: Any) -> None:
        """Write it."""
        text = docs.text()
        is_new = not docs.COMMITTED.exists() or docs.COMMITTED.read_text(encoding="utf-8") != text
        shown = {"file": str(docs.COMMITTED), "is_new": is_new}
        if dry_run:
            self.tell(
                shown,
                [f"{docs.COMMITTED} {'would change' if is_new else 'is as it should be'}"],
                as_json=json,
                is_dry=True,
            )
            if is_new:
                self.end_with(1)
            return
        draft = docs.COMMITTED.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(docs.COMMITTED)  # whole, or as it was
        self.tell(shown, [f"{docs.COMMITTED} is written"], as_json=json)
