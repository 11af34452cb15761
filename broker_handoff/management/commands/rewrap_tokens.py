"""`manage.py rewrap_tokens`: after a new key of the key service, wrap the keys of all live tokens under it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from accounts import tracing
from broker_handoff.adapters import key_service
from broker_handoff.services.tokens import rewrap_one, tokens_by_key, tokens_not_under
from broker_handoff.vault import KeyServiceAway, VaultRefused

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    help = (
        "Have the key service wrap each live token's key anew under its present key; no token is opened. May be "
        "stopped and run again at any time, also beside running workers. Exits with 1 where one was refused. "
        "Afterwards the old key can be disabled."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="say how many would be, and change nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        tracing.set_actor("command", "rewrap_tokens")
        keys = key_service()
        current = keys.current_key_id
        waiting = tokens_not_under(current)
        rewrapped, failures = 0, {}
        for connection_id in () if dry_run else waiting:
            try:
                rewrapped += rewrap_one(connection_id, keys)
            except (VaultRefused, KeyServiceAway) as error:
                failures[str(connection_id)] = str(error)
        report = {
            "key": current,
            "waiting": len(waiting),
            "rewrapped": rewrapped,
            "failed": failures,
            "tokens_by_key": tokens_by_key(),
        }
        self.stdout.write(json.dumps(report) if options["json"] else _lines(report, is_dry=dry_run))
        if failures:
            sys.exit(1)


def _lines(report: dict[str, Any], *, is_dry: bool) -> str:
    lines = [f"connection {one}: {words}" for one, words in report["failed"].items()]
    lines += [f"{count} under {key}" for key, count in report["tokens_by_key"].items()]
    done = "would be" if is_dry else "were"
    count = report["waiting"] if is_dry else report["rewrapped"]
    lines.append(f"{count} tokens {done} wrapped anew under {report['key']}, {len(report['failed'])} failed")
    return "\n".join(lines)
