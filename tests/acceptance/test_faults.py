"""SIGKILL at random moments: nothing acknowledged is lost, nothing fills twice, the day stays the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance import killer
from tests.acceptance.agreement import play, require_agreement
from tests.acceptance.bot import Bot
from tests.acceptance.expectation import expected, fingerprint
from tests.acceptance.killer import Killer
from tests.acceptance.script import DAY, CancelAll, Step, actions_of, number_of
from tests.acceptance.test_recorded_day import GOLDEN

if TYPE_CHECKING:
    from tests.acceptance.expectation import Expectation
    from tests.acceptance.house import House

pytestmark = pytest.mark.faults

MORNING: list[Step] = [*DAY[:12], ("10:15:00", [CancelAll()])]  # enough of the day for a few more kills


def test_the_day_is_the_same_when_matcher_and_web_are_killed_in_the_midst_of_it(
    house: House, expectation: Expectation
) -> None:
    victims = ("web worker", "web worker", "matcher", "web worker")
    certain = {
        # The next matcher must know how many stand ahead of an order whose prints are about to come,
        number_of("queues-for-prints", DAY) + 1: "matcher",
        # what is left of the offer that the account has just taken from,
        number_of("wants-more-than-shown", DAY): "matcher",
        # and the place that an order is about to keep.
        number_of("rest-keeps-place", DAY): "matcher",
    }
    fate = Killer(house, victims, actions=actions_of(DAY), seed=killer.seed(), certain=certain)
    Bot(house.demo, "operator").restart_tape()  # others have played here

    with Bot(house.demo, "killed", is_patient=True, before_action=fate.before_action) as bot:
        played = play(bot, expectation, DAY)
    fate.finish()

    require_agreement(played, expectation, lambda: house.manage("verify_ledger"))
    assert fingerprint(played.fills) == GOLDEN


def test_the_day_is_the_same_when_hub_valkey_and_postgres_are_killed(house: House, tape: None) -> None:
    morning = expected(MORNING)
    fate = Killer(house, ("hub", "postgres", "valkey"), actions=actions_of(MORNING), seed=killer.seed())
    operator = Bot(house.demo, "operator", is_patient=True)
    operator.restart_tape()

    with Bot(house.demo, "bereft", is_patient=True, before_action=fate.before_action) as bot:
        played = play(bot, morning, MORNING)
    fate.finish()

    require_agreement(played, morning, lambda: house.manage("verify_ledger"))
