"""`manage.py rewrap_tokens`: after a new key of the key service, wrap the keys of all live tokens under it."""

from __future__ import annotations

from typing import Any

from accounts import tracing
from accounts.management.command import OperatorCommand
from broker_handoff.adapters import key_service
from broker_handoff.services.tokens import rewrap_one, tokens_by_key, tokens_not_under
from broker_handoff.vault import KeyServiceAway, VaultRefused


class Command(OperatorCommand):
    help = (
        "Have the key service wrap each live token's key anew under its present key; no token is opened. May be "
        "stopped and run again at any time, also beside running workers. Exits with 1 where one was refused. "
        "Afterwards the old key can be disabled."
    )
    when = "After the key service has got a new key, before the old one is disabled."
    examples = (
        "--dry-run",
        "--json",
    )
    exits = {1: "some were refused: run it again"}
    changes = True
    is_long = True
    refusals = (VaultRefused, KeyServiceAway)

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        tracing.set_actor("command", "rewrap_tokens")
        keys = key_service()
        current = keys.current_key_id
        waiting = tokens_not_under(current)
        rewrapped, failures = 0, {}
        with self.progress(as_json=options["json"]) as progress:
            for number, connection_id in enumerate(() if dry_run else waiting, start=1):
                progress(number, len(waiting), "tokens")
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
        self.tell(report, _lines(report, is_dry=dry_run), as_json=options["json"], is_dry=dry_run)
        if failures:
            self.end_with(1)


def _lines(report: dict[str, Any], *, is_dry: bool) -> list[str]:
    lines = [f"connection {one}: {words}" for one, words in report["failed"].items()]
    lines += [f"{count} under {key}" for key, count in report["tokens_by_key"].items()]
    done = "would be" if is_dry else "were"
    count = report["waiting"] if is_dry else report["rewrapped"]
    lines.append(f"{count} tokens {done} wrapped anew under {report['key']}, {len(report['failed'])} failed")
    return lines
