"""What takes long shows on a terminal how far it has come, on stderr, and nothing of it stays there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command, get_commands, load_command_class

from accounts.management.command import OperatorCommand
from accounts.management.progress import WIPE
from tests.commands.calls import Terminal, filled, finish
from tests.commands.proofs import COMMANDS
from tests.commands.rows import ROWS
from tests.commands.world import ANN, TICKS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.commands.world import World

pytestmark = pytest.mark.django_db(transaction=True)

# How each of those that take long is given something to do.
LONG: dict[str, tuple[Callable[[World], object], tuple[str, ...]]] = {
    "backup": (lambda _: None, ("--to", "{folder}/backup")),
    "erase_user": (
        lambda w: w.tell_something(),
        ("--email", ANN, "--reason", "r", "--now", "--ticket", "T"),
    ),
    "export_user": (lambda _: None, ("--email", ANN, "--out", "{folder}/ann.zip")),
    "gate": (
        lambda _: call_command("gate", "judge", "--email", ANN, "--json", stdout=Terminal()),
        ("recompute",),
    ),
    "import_assets": (lambda w: w.file("assets.csv", "symbol\nACME\n"), ("{folder}/assets.csv",)),
    "import_tape": (lambda w: w.file("ticks.csv", TICKS), ("{folder}/ticks.csv", "--to", "{folder}/tape")),
    "purge_history": (
        next(row.prepare for row in ROWS if row.command == "purge_history"),
        (),
    ),
    "rebuild_positions": (lambda _: None, ()),
    "revoke_live_connections": (lambda w: w.connect(), ("--reason", "r")),
    "rewrap_tokens": (next(row.prepare for row in ROWS if row.command == "rewrap_tokens"), ()),
    "snapshot": (lambda _: None, ()),
    "verify_audit": (lambda w: w.tell_something(), ()),
    "verify_ledger": (lambda _: None, ()),
}
ELSEWHERE = {"restore"}  # needs another database: tests/commands/test_backup.py


def test_each_command_that_takes_long_is_tried_here() -> None:
    long = {
        name
        for name in COMMANDS
        if isinstance(command := load_command_class(get_commands()[name], name), OperatorCommand)
        and command.is_long
    }

    assert long == {*LONG} | ELSEWHERE


@pytest.mark.parametrize("command", [*LONG])
def test_long_work_shows_who_looks_on_how_far_it_has_come_and_wipes_it(
    command: str, world: World, tmp_path: Path
) -> None:
    prepare, words = LONG[command]
    prepare(world)
    watched = Terminal()

    ended = finish(command, *filled(words, folder=str(tmp_path)), err=watched)

    shown = watched.getvalue()
    assert (ended.code, ended.out == "") == (0, False), shown
    assert WIPE not in ended.out
    assert shown.startswith(WIPE)
    assert shown.endswith(WIPE)
    assert shown.replace(WIPE, "").strip()


@pytest.mark.parametrize(("words", "is_shown"), [((), True), (("--json",), False)], ids=["in words", "JSON"])
@pytest.mark.parametrize("command", ["verify_ledger", "import_tape"])
def test_on_a_pseudo_terminal_the_bar_is_on_stderr_and_never_beside_json(
    command: str, words: tuple[str, ...], is_shown: bool, world: World, tmp_path: Path
) -> None:
    prepare, call = LONG[command]
    prepare(world)
    ours, theirs = os.openpty()
    out = Terminal()
    try:
        with os.fdopen(theirs, "w", encoding="utf-8") as stream:
            call_command(command, *filled(call, folder=str(tmp_path)), *words, stdout=out, stderr=stream)
            stream.write("|")  # so that there is something to read in any case
            stream.flush()
            shown = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)

    assert (WIPE in shown) is is_shown
    assert ("] " in shown or "days, IBM" in shown) is is_shown
    assert WIPE not in out.getvalue()
