"""Every command of `manage.py` teaches, speaks JSON, can say beforehand what it would do, and is proved by tests."""

from __future__ import annotations

import ast
import re
from argparse import SUPPRESS, _SubParsersAction
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.apps import apps
from django.core.management import get_commands, load_command_class

from accounts.management.command import USUAL_EXITS, OperatorCommand
from tests.commands.proofs import (
    CHANGE_NOTHING,
    COMMANDS,
    EXITS,
    PROCESSES,
    PROOFS,
    REFUSED,
    WRONG_OPTION,
)

if TYPE_CHECKING:
    from argparse import Action, ArgumentParser

ROOT = Path(__file__).resolve().parents[2]
NAMED = {
    "up", "doctor", "create_user", "invite_staff", "create_api_key", "set_tier", "grant", "freeze", "tape",
    "import_assets", "import_tape", "rebuild_positions", "snapshot", "verify_ledger", "verify_audit",
    "anchor_audit", "purge_history", "export_user", "erase_user", "kill_switch", "revoke_live_connections",
    "rewrap_tokens", "replay_events", "backup", "restore",
}  # fmt: skip


def parser_of(name: str) -> ArgumentParser:
    return load_command_class(get_commands()[name], name).create_parser("manage.py", name)


def help_of(name: str) -> str:
    out = StringIO()
    parser_of(name).print_help(out)
    return out.getvalue()


def steps_of(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    """Return the steps of a command that has some, by their names."""
    found = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    return dict(found[0].choices) if found else {}


@cache
def functions_of(file: str) -> set[str]:
    """Return the names of the test functions of a file."""
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


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
def test_each_option_says_what_it_is_for_and_what_holds_without_it_and_each_step_what_it_does(
    name: str,
) -> None:
    parser = parser_of(name)

    for said in (parser, *steps_of(parser).values()):
        mute = [action.dest for action in said._actions if not action.help and action.nargs != "A..."]
        assert mute == [], said.prog
        assert [option for option in map(untold_default, said._actions) if option] == [], said.prog
        assert said.description, said.prog


def untold_default(option: Action) -> str:
    """Return an option whose help does not say what holds without it, "" for another one."""
    value = option.default
    if not value or value == SUPPRESS or option.dest == "verbosity":
        return ""
    words = (
        " ".join(value)
        if isinstance(value, list)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )
    return "" if words in (option.help or "") else f"{option.dest}: {words}"


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
    has_step = any("--dry-run" in step.format_help() for step in steps_of(parser_of(name)).values())
    assert ("--dry-run" in text or has_step) is (name not in CHANGE_NOTHING)


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    missing = [name for name in COMMANDS if not re.search(rf"(manage\.py |`){name}\b", readme)]
    assert missing == []


def test_each_command_that_changes_something_names_a_test_of_each_of_its_four_promises() -> None:
    unproved = {*COMMANDS} - PROCESSES - {*CHANGE_NOTHING} - {*PROOFS}
    assert not unproved, (
        f"{sorted(unproved)}: add a row to tests/commands/rows.py, which proves effect, dry run, second run and death "
        "half-way by one test; or name tests of its own in OTHERS of tests/commands/proofs.py"
    )
    assert {*PROOFS} <= {*COMMANDS} - PROCESSES

    named = {test for proofs in PROOFS.values() for test in proofs.tests()}
    assert [test for test in sorted(named) if not _is_there(test)] == []
    assert [name for name, proofs in PROOFS.items() if len(proofs.tests()) < 4] == []


def test_each_exit_code_that_a_help_names_is_what_a_test_gets() -> None:
    meant = {}
    for name in COMMANDS:
        codes = re.search(r"^Exit codes:\n((?:  \d  .+\n)+)", help_of(name), re.MULTILINE)
        assert codes is not None
        for line in codes[1].splitlines():
            code, words = int(line[:4]), line[4:].strip()
            if words != USUAL_EXITS.get(code):
                meant[name, code] = words

    assert {*meant} == {*EXITS}, "name in EXITS of tests/commands/proofs.py the test that gets the code"
    assert [test for test in (*EXITS.values(), REFUSED, WRONG_OPTION) if not _is_there(test)] == []


def _is_there(test: str) -> bool:
    file, _, function = test.partition("::")
    return function in functions_of(file)
