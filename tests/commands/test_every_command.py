"""Every command of `manage.py` teaches, speaks JSON, and can say beforehand what it would do."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from accounts.management.command import OperatorCommand

ROOT = Path(__file__).resolve().parents[2]
OURS = {"accounts", "matching", "trading", "broker_handoff", "raxx"}
COMMANDS = sorted(name for name, app in get_commands().items() if app in OURS)
NAMED = {
    "up", "doctor", "create_user", "invite_staff", "create_api_key", "set_tier", "grant", "freeze", "tape",
    "import_assets", "import_tape", "rebuild_positions", "snapshot", "verify_ledger", "verify_audit",
    "anchor_audit", "purge_history", "export_user", "erase_user", "kill_switch", "revoke_live_connections",
    "rewrap_tokens", "replay_events", "backup", "restore",
}  # fmt: skip
# What runs until it is stopped has no document to print in the end, and nothing to try beforehand.
PROCESSES = {"hub", "matcher", "live_updates", "metrics"}
CHANGE_NOTHING = {
    "doctor": "looks",
    "list_accounts": "lists",
    "list_api_keys": "lists",
    "list_grants": "lists",
    "verify_audit": "looks",
    "verify_ledger": "looks",
    "seed": "the first step of `up`, whose dry run is the one to ask; again it changes nothing",
}


def help_of(name: str) -> str:
    command = load_command_class(get_commands()[name], name)
    out = StringIO()
    command.create_parser("manage.py", name).print_help(out)
    return out.getvalue()


def test_the_commands_that_are_promised_are_there() -> None:
    assert set(COMMANDS) >= NAMED


@pytest.mark.parametrize("name", COMMANDS)
def test_its_help_teaches(name: str) -> None:
    text = help_of(name)

    description = text.partition("\n\n")[2]
    assert len(description.partition("Example")[0]) > 60, "what it does, and when one wants it"
    assert re.search(rf"^Examples?:\n  manage\.py {name}\b", text, re.MULTILINE), text
    codes = re.search(r"^Exit codes:\n((?:  \d  .+\n)+)", text, re.MULTILINE)
    assert codes is not None, text
    assert [line.split()[0] for line in codes[1].splitlines()][:3] == ["0", "1", "2"]


@pytest.mark.parametrize("name", COMMANDS)
def test_its_examples_are_calls_that_it_takes(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    if not isinstance(command, OperatorCommand):
        assert apps.is_installed("matching")
        assert get_commands()[name] == "matching"  # which imports no other app of ours
        return
    parser = command.create_parser("manage.py", name)

    for example in command.examples:
        plain = example.partition("   (")[0]
        uuid = "0191d5f0-0000-7000-8000-000000000000"
        words = re.findall(r'"[^"]*"|\S+', plain.replace("ENDPOINT", uuid).replace("--id ID", f"--id {uuid}"))
        parser.parse_args([word.strip('"') for word in words])  # exits with 2 where it does not


@pytest.mark.parametrize("name", COMMANDS)
def test_it_speaks_json_and_tries_what_it_changes(name: str) -> None:
    text = help_of(name)

    if name in PROCESSES:
        return
    assert "--json" in text
    assert ("--dry-run" in text) is (name not in CHANGE_NOTHING)


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    missing = [name for name in COMMANDS if not re.search(rf"(manage\.py |`){name}\b", readme)]
    assert missing == []
