"""Write the OpenAPI document into the repository: `manage.py openapi`, or `make openapi`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from raxx import docs


class Command(BaseCommand):
    """`openapi`."""

    help = "Write openapi.json, which a test compares with what is served."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        """Write it."""
        docs.COMMITTED.write_text(docs.text(), encoding="utf-8")
        self.stdout.write(f"{docs.COMMITTED} is written")
