"""How a command shows the one thing that it made or changed: a line a field, or one JSON object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.core.management.base import BaseCommand


def show(
    command: BaseCommand,
    fields: Mapping[str, str | int | Sequence[str] | None],
    *,
    as_json: bool,
    hint: str = "",
) -> None:
    """Print the fields, and for people a hint; they are spared what is empty."""
    if as_json:
        command.stdout.write(json.dumps(fields))
        return
    for name, value in fields.items():
        text = str(value) if isinstance(value, str | int) else " ".join(value or ())
        if text:
            command.stdout.write(f"{name:15}{text}")
    if hint:
        command.stdout.write(hint)
