"""One shard, several matchers: the living owner is left alone, a dead one is followed, a zombie is refused."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from matching.models import Shard
from tests.faults.stage import written_stage
from tests.trading.stage import quote, story
from trading.ledger_audit import audit_ledger
from trading.models import Fill, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.children import Child, Nursery
    from tests.faults.stage import HauntedStage

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_S = 2  # the shortest that there is
ENVIRONMENT = {"RAXX_LEASE_S": str(LEASE_S)}
TAPE = [quote(second, "9.95", 5, "10.00", 5) for second in range(20)]


@pytest.fixture
def stage(tmp_path: Path, nursery: Nursery) -> Iterator[HauntedStage]:
    """Return a tape that shows five shares at 10 dollars every second, with a matcher that decides it."""
    opened = written_stage(tmp_path, TAPE, nursery)
    try:
        opened.go(1)
        yield opened
    finally:
        opened.close()


def shard() -> Shard:
    return Shard.objects.get()


def take_over(nursery: Nursery, stage: HauntedStage) -> None:
    """Start one matcher after the other, as a supervisor does, until one of them has the shard."""
    epoch = shard().epoch
    while shard().epoch == epoch:
        standby = nursery.bear("matcher")
        nursery.wait(lambda: standby.status is not None or shard().epoch > epoch, "nobody takes over")  # noqa: B023
        assert standby.status in {None, 3}, standby.said
        stage.adopt(standby)


def until_longer_than_a_lease(nursery: Nursery, since: float, while_lives: Callable[[], None]) -> None:
    """Wait until the owner has been heard a lease and more after an instant of the wall's time."""

    def is_past() -> bool:
        while_lives()
        return shard().updated_at.timestamp() > since + 1.5 * LEASE_S

    nursery.wait(is_past, "the owner is not heard of any more")


def test_a_second_matcher_is_refused_with_a_clear_word_and_the_first_goes_on(
    nursery: Nursery, stage: HauntedStage
) -> None:
    account = stage.account()
    epoch = shard().epoch
    second = nursery.bear("matcher")

    nursery.wait(lambda: second.status is not None, "the second matcher waits for ever")

    assert second.status == 3
    assert f"shard {stage.market.pk}/0 is owned by a living matcher" in second.said
    (order,) = stage.submit(account, quantity="3", limit_price="10.00")
    assert Order.objects.get(pk=order).status == "filled"
    assert (shard().epoch, stage.deaths) == (epoch, 0)


def test_a_matcher_that_is_frozen_past_its_lease_commits_nothing_when_it_wakes(
    nursery: Nursery, stage: HauntedStage
) -> None:
    account = stage.account()
    zombie = stage.present
    zombie.send(signal.SIGSTOP)
    nursery.wait(lambda: is_stopped(zombie), "it does not stop")
    take_over(nursery, stage)
    (order,) = stage.submit(account, quantity="3", limit_price="10.00")
    stage.go(5)
    epoch, told = shard().epoch, story(order)

    zombie.send(signal.SIGCONT)
    nursery.wait(lambda: zombie.status is not None, f"the zombie does not end: {zombie.said}")

    assert zombie.status == 3
    assert "owned by a living matcher" in zombie.said
    assert (shard().epoch, story(order), Fill.objects.count()) == (epoch, told, 1)
    (later,) = stage.submit(account, quantity="2", limit_price="10.00")
    assert Order.objects.get(pk=later).status == "filled"
    assert audit_ledger().differences == ()


def test_a_commit_under_an_old_epoch_is_refused_though_its_session_lives(
    nursery: Nursery, stage: HauntedStage
) -> None:
    """The lock is lost with its session; the epoch is what stops a matcher whose session outlived its right."""
    account = stage.account()
    fenced = stage.present
    Shard.objects.update(epoch=99)
    with stage.nobody_decides():
        (order,) = stage.submit(account, quantity="3", limit_price="10.00")

    nursery.wait(lambda: fenced.status is not None, "it goes on under an old epoch")

    assert fenced.status == 3
    assert f"shard {stage.market.pk}/0 is owned by another matcher" in fenced.said
    assert Order.objects.get(pk=order).status == "pending_new"
    assert story(order) == []
    stage.adopt(nursery.bear("matcher"))
    stage.round()
    assert Order.objects.get(pk=order).status == "filled"
    assert (shard().epoch, Fill.objects.count()) == (100, 1)


def test_who_recovers_for_longer_than_the_lease_keeps_its_shard(
    nursery: Nursery, stage: HauntedStage, place: Path
) -> None:
    account = stage.account()
    nursery.end(stage.present, signal.SIGKILL)
    (gate := place / "gate").unlink(missing_ok=True)
    os.mkfifo(gate)
    slow = nursery.bear("matcher", gate=gate)  # opens its feed when somebody opens the gate
    nursery.wait(lambda: shard().epoch == 2, "nobody claims the shard")
    claimed = shard().updated_at.timestamp()

    until_longer_than_a_lease(nursery, claimed, lambda: require_alive(slow))
    second = nursery.bear("matcher")
    nursery.wait(lambda: second.status is not None, "the second matcher waits for ever")

    assert second.status == 3
    assert "owned by a living matcher" in second.said
    gate.open("w").close()
    stage.adopt(slow)
    (order,) = stage.submit(account, quantity="3", limit_price="10.00")
    assert Order.objects.get(pk=order).status == "filled"
    assert (shard().epoch, stage.deaths) == (2, 0)


def require_alive(child: Child) -> None:
    assert child.status is None, child.said


def is_stopped(child: Child) -> bool:
    with open(f"/proc/{child.pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] == "T"
