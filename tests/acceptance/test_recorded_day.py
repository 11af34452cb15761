"""A recorded day through the unmodified SDK: every fill is the tape's, and every book agrees.

These tests share one installation, with test_faults.py and test_stopping.py, and build on each other, from top to bottom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.agreement import Played, play, require_agreement
from tests.acceptance.bot import Bot
from tests.acceptance.expectation import fingerprint
from tests.acceptance.script import DAY, ORDERS, Cancel, CancelAll, Place, Replace

if TYPE_CHECKING:
    from tests.acceptance.expectation import Expectation
    from tests.acceptance.house import House

# Of the fill list of the script. A change of the fill model changes it, and nothing else may.
GOLDEN = "0f502da78b60a9721620964f7218d1501b7498bad9bc3675a9bea18f18c3e9c5"


@pytest.fixture(scope="module")
def first(house: House, expectation: Expectation) -> Played:
    """Play the day on a fresh installation."""
    with Bot(house.demo, "first") as bot:
        return play(bot, expectation, DAY)


def test_the_raw_tape_leads_to_the_golden_fills(expectation: Expectation) -> None:
    assert fingerprint(expectation.fills) == GOLDEN


def test_the_script_is_as_mixed_as_a_real_day(expectation: Expectation) -> None:
    places = [action for action in expectation.asked if isinstance(action, Place)]

    assert ORDERS >= 30
    assert {place.side for place in places} == {"buy", "sell"}
    assert {place.time_in_force for place in places} == {"day", "gtc", "ioc", "fok"}
    assert {place.limit is None for place in places} == {True, False}
    assert any(place.notional for place in places)
    assert any(place.quantity and place.quantity % 1 for place in places)
    assert any(place.extended_hours for place in places)
    assert {type(action) for action in expectation.asked} == {Place, Cancel, CancelAll, Replace}
    assert {one.status for one in expectation.orders.values()} == {
        "filled",
        "canceled",
        "expired",
        "replaced",
    }
    # Takers, makers before and behind others, and orders that had to wait for their fills.
    assert any(len(one.fills) > 2 and one.has_rested for one in expectation.orders.values())
    assert any(len(one.fills) > 1 and not one.has_rested for one in expectation.orders.values())


def test_every_fill_is_what_the_raw_tape_says_and_every_book_agrees(
    house: House, first: Played, expectation: Expectation
) -> None:
    require_agreement(first, expectation, lambda: house.manage("verify_ledger"))

    assert fingerprint(first.fills) == GOLDEN
    assert first.bot.lost_answers == 0


def test_the_day_played_again_gives_the_same_fills(
    house: House, first: Played, expectation: Expectation
) -> None:
    Bot(house.demo, "operator").restart_tape()
    with Bot(house.demo, "second") as bot:
        second = play(bot, expectation, DAY)

    require_agreement(second, expectation, lambda: house.manage("verify_ledger"))
    assert second.fills == first.fills
    assert fingerprint(second.fills) == GOLDEN


def test_the_doctor_finds_a_running_house_well(house: House) -> None:
    examined = house.manage("doctor")

    assert examined.returncode == 0, examined.stdout + examined.stderr
