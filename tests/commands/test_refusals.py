"""A dry run's refusals are the real ones, by the table in refusals.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.management import CommandError

from tests.commands.calls import run
from tests.commands.refusals import REFUSALS, Refusal
from tests.commands.snapshots import everything

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("refusal", REFUSALS, ids=[refusal.name for refusal in REFUSALS])
def test_what_a_run_refuses_its_dry_run_refuses_in_the_same_words_and_both_change_nothing(
    refusal: Refusal, world: World, tmp_path: Path
) -> None:
    refusal.prepare(world)
    call = (refusal.command, *refusal.words(world))
    before = everything(tmp_path)

    with pytest.raises(CommandError, match=refusal.refused) as dry:
        run(*call, "--dry-run")
    with pytest.raises(CommandError) as real:
        run(*call)

    assert str(dry.value) == str(real.value)
    assert everything(tmp_path) == before


def test_a_dry_run_of_what_is_so_already_says_that_it_is(world: World) -> None:
    world.close_switch()
    close = ("kill_switch", "close", "--scope", "global", "--reason", "r", "--operator", "sam@example.com")

    assert run(*close, "--dry-run")["outcome"] == "was closed already"
