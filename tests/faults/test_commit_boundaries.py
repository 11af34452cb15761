"""A matcher is killed at every commit that it makes, and the next one goes on: the decisions stay the same."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance import rawtape
from tests.faults.failpoints import AFTER, BEFORE, IN_DOUBT, POINTS
from tests.faults.faults import number_of_faults
from tests.faults.script import outcome, play, random_tape
from tests.faults.stage import recorded_stage, written_stage
from trading.ledger_audit import audit_ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.faults.children import Nursery
    from tests.faults.stage import HauntedStage

pytestmark = pytest.mark.django_db(transaction=True)

# Whoever dies before a commit must have made the one before it, or nobody would ever come further.
NUMBERS = {BEFORE: 2, IN_DOUBT: 1, AFTER: 1}
MISSING = (
    f"NO RECORDED DAY: {rawtape.path_of('quote')} is missing; set RAXX_LEAN_DATA to a folder in LEAN's format"
)
SEEDS = range(max(1, number_of_faults() // 50))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_death_at_any_commit_changes_no_decision_on_a_written_tape(
    tmp_path: Path, nursery: Nursery, seed: int
) -> None:
    tape = random_tape(random.Random(seed))

    def stage(name: str, **options: Any) -> HauntedStage:
        return written_stage(tmp_path / name, tape, nursery, **options)

    _require_same_decisions(stage, seed)


def test_a_death_at_any_commit_changes_no_decision_on_a_recorded_tape(nursery: Nursery) -> None:
    if not rawtape.is_there():
        pytest.skip(MISSING)

    def stage(_name: str, **options: Any) -> HauntedStage:
        return recorded_stage(nursery, **options)

    _require_same_decisions(stage, 7)


def _require_same_decisions(make: Callable[..., HauntedStage], seed: int) -> None:
    """Play a script undisturbed, then once for each point with deaths at every commit, and compare."""
    undisturbed, _ = _played(make("undisturbed"), seed)
    orders, events, fills, _ = undisturbed
    assert len(fills) > 2
    for point in POINTS:
        decided, deaths = _played(make(point, point=point, number=NUMBERS[point]), seed)
        print(
            f"seed {seed}: {deaths} matchers died {point} their commits, {len(orders)} orders, {len(events)} events"
        )
        assert decided == undisturbed
        assert deaths > len(fills)
    assert audit_ledger().differences == ()


def _played(stage: HauntedStage, seed: int) -> tuple[tuple[Any, ...], int]:
    account = stage.account(multiplier=4)
    try:
        play(stage, account, random.Random(seed + 1000))
    finally:
        stage.close()
    return outcome(account), stage.deaths
