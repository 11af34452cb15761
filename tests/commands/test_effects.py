"""What commands do, would do, do twice, and leave when they are killed half-way, by the table in rows.py.

What a command does in all its cases is tested beside its service; each row there is one case of it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command

from tests.commands.calls import run
from tests.commands.forks import Ended, killed_at
from tests.commands.row import ONE_STEP, Row
from tests.commands.rows import ROWS
from tests.commands.snapshots import everything, leavings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_trial_changes_nothing_a_kill_leaves_nothing_half_done_and_the_next_run_makes_it_true(
    row: Row, world: World, tmp_path: Path
) -> None:
    row.prepare(world)
    before = everything(tmp_path)

    assert run(row.command, *row.words(world), "--dry-run")["dry_run"] is True
    assert everything(tmp_path) == before

    _survives_kills(row, world, tmp_path)


def _survives_kills(row: Row, world: World, folder: Path) -> None:
    """Run it, killed at its first boundary, then at its second, and so on, each time as the one before has left it."""
    call = (row.command, *row.words(world))
    before, boundary = everything(folder), 1
    assert not row.holds(world)
    while (ended := killed_at(boundary, call)).was_killed:
        is_done = row.done_at is not None and boundary >= row.done_at
        if boundary < (row.done_at or ONE_STEP):
            assert everything(folder) == before
        assert row.holds(world) or not is_done
        assert row.sound(world)
        boundary += 1

    assert boundary > ONE_STEP, ended
    assert row.holds(world)
    assert leavings(folder) == []
    _says(row, ended)
    after = everything(folder)
    if row.is_told:
        assert after["accounts_auditentry"] != before.get("accounts_auditentry")
    if row.refused:
        with pytest.raises(CommandError, match=row.refused):
            run(*call)
    else:
        run(*call)
    assert (everything(folder) == after) is row.twice_is_once


def _says(row: Row, ended: Ended) -> None:
    """Judge what the run said that came after all that was killed: what it found is what it says."""
    if row.refused:
        assert row.refused in ended.refusal
        return
    assert ended.refusal == ""
    assert {name: ended.document[name] for name, _ in row.says} == dict(row.says)


def test_freezing_and_thawing_an_account_are_told(world: World) -> None:
    def frozen() -> bool:
        return world.now().frozen_at is not None

    words = ("--account", world.account.number, "--reason", "r")
    assert run("freeze", *words, "--thaw")["outcome"] == "was not frozen"
    assert (run("freeze", *words)["outcome"], frozen()) == ("frozen", True)
    assert (run("freeze", *words)["outcome"], frozen()) == ("was frozen already", True)
    assert run("freeze", *words, "--thaw", "--dry-run")["outcome"] == "would be thawed"
    assert (run("freeze", *words, "--thaw")["outcome"], frozen()) == ("thawed", False)


def test_a_dry_run_of_up_names_what_would_start_and_starts_nothing(own_files: None, tmp_path: Path) -> None:
    before = everything(tmp_path)

    shown = run("up", "--port", "0", "--dry-run")

    assert (shown["dry_run"], "matcher" in " ".join(shown["processes"])) == (True, True)
    assert everything(tmp_path) == before


def test_with_json_a_mail_that_is_printed_is_no_part_of_the_document(
    settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

    call_command("create_user", "--email", "new@example.com", "--json")

    printed = capsys.readouterr()
    assert json.loads(printed.out)["email"] == "new@example.com"
    assert "Subject: " in printed.err
