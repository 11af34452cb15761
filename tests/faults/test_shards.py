"""One shard, several matchers: the living owner is left alone, a dead one is followed, a zombie is refused."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from matching.models import Market, Shard
from matching.ports import Disturbed
from tests.faults.children import database_url, opened_nursery
from tests.faults.stage import written_stage
from tests.trading.stage import quote, story
from trading.adapters.journal import PostgresJournal
from trading.ledger_audit import audit_ledger
from trading.models import Fill, Order
from trading.services.markets import activate_market

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.children import Child, Nursery
    from tests.faults.stage import HauntedStage

pytestmark = pytest.mark.django_db(transaction=True)

LEASE_S = 2  # the shortest that there is
TAPE = [quote(second, "9.95", 5, "10.00", 5) for second in range(20)]
STANDS_BY = "every shard of every active market has a matcher: standing by"
HAS_SHARD = "has shard"


@pytest.fixture(scope="module")
def open_nursery(django_db_setup: None, valkey_url: str, place: Path) -> Iterator[Nursery]:
    """Return a nursery whose matchers wait as short as they may."""
    with opened_nursery(place, RAXX_LEASE_S=str(LEASE_S)) as opened:
        yield opened


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


def a_standby(nursery: Nursery) -> Child:
    """Return a matcher that has looked for a free shard and found none."""
    child = nursery.bear("matcher")
    nursery.wait(lambda: STANDS_BY in child.said, f"it does not stand by: {child.said}")
    return child


def pinned(nursery: Nursery, market: int, number: int) -> Child:
    """Return a matcher that wanted one shard and no other, when it has ended."""
    child = nursery.bear("matcher", options=["--market", str(market), "--shard", str(number)])
    nursery.wait(lambda: child.status is not None, "it waits for ever")
    return child


def until_longer_than_a_lease(nursery: Nursery, since: float, while_lives: Callable[[], None]) -> None:
    """Wait until the owner has been heard a lease and more after an instant of the wall's time."""

    def is_past() -> bool:
        while_lives()
        return shard().updated_at.timestamp() > since + 1.5 * LEASE_S

    nursery.wait(is_past, "the owner is not heard of any more")


def test_one_of_two_who_stand_by_takes_a_dead_one_s_shard_and_the_other_goes_on_waiting(
    nursery: Nursery, stage: HauntedStage
) -> None:
    account = stage.account()
    both = [a_standby(nursery), a_standby(nursery)]
    (before,) = stage.submit(account, quantity="1", limit_price="10.00")
    assert [HAS_SHARD in child.said for child in both] == [False, False]
    epoch = shard().epoch

    with stage.nobody_decides():
        nursery.end(stage.present, signal.SIGKILL)
        (meanwhile,) = stage.submit(account, quantity="3", limit_price="10.00")
    nursery.wait(lambda: any(HAS_SHARD in child.said for child in both), "nobody takes over")
    (successor,) = (child for child in both if HAS_SHARD in child.said)
    stage.adopt(successor)
    stage.round()
    (other,) = (child for child in both if child is not successor)
    nursery.end(other)

    assert f"has shard {stage.market.pk}/0 of 1: it has no matcher" in successor.said
    assert (HAS_SHARD in other.said, other.status, shard().epoch) == (False, 0, epoch + 1)
    assert [Order.objects.get(pk=order).status for order in (before, meanwhile)] == ["filled", "filled"]
    assert Fill.objects.count() == 2
    assert audit_ledger().differences == ()


def test_who_asks_for_one_shard_is_refused_with_a_clear_word_and_its_owner_goes_on(
    nursery: Nursery, stage: HauntedStage
) -> None:
    account = stage.account()
    epoch = shard().epoch

    second, nowhere = pinned(nursery, stage.market.pk, 0), pinned(nursery, stage.market.pk, 1)

    assert (second.status, nowhere.status) == (3, 1)
    assert f"shard {stage.market.pk}/0 is owned by a living matcher" in second.said
    assert f"market {stage.market.pk} has no shard 1" in nowhere.said
    (order,) = stage.submit(account, quantity="3", limit_price="10.00")
    assert Order.objects.get(pk=order).status == "filled"
    assert (shard().epoch, stage.deaths) == (epoch, 0)


def test_a_matcher_that_is_frozen_past_its_lease_is_followed_and_stands_by_when_it_wakes(
    nursery: Nursery, stage: HauntedStage
) -> None:
    account = stage.account()
    zombie, epoch = stage.present, shard().epoch
    successor = a_standby(nursery)
    zombie.send(signal.SIGSTOP)
    nursery.wait(lambda: is_stopped(zombie), "it does not stop")
    nursery.wait(lambda: shard().epoch == epoch + 1, "nobody takes over")
    stage.adopt(successor)
    (order,) = stage.submit(account, quantity="3", limit_price="10.00")
    stage.go(5)
    told = story(order)

    zombie.send(signal.SIGCONT)
    nursery.wait(lambda: STANDS_BY in zombie.said, f"the zombie does not stand by: {zombie.said}")

    assert f"has shard {stage.market.pk}/0 of 1: its matcher is silent" in successor.said
    assert (shard().epoch, story(order), Fill.objects.count()) == (epoch + 1, told, 1)
    nursery.end(successor, signal.SIGKILL)
    stage.adopt(zombie)
    (later,) = stage.submit(account, quantity="2", limit_price="10.00")
    assert Order.objects.get(pk=later).status == "filled"
    assert shard().epoch == epoch + 2
    assert audit_ledger().differences == ()


def test_a_commit_under_an_old_epoch_is_refused_though_its_session_lives(
    nursery: Nursery, stage: HauntedStage
) -> None:
    """The lock is lost with its session; the epoch is what stops a matcher whose session outlived its right."""
    account = stage.account()
    fenced = stage.present
    Shard.objects.update(epoch=99)

    (order,) = stage.submit(account, quantity="3", limit_price="10.00")

    assert f"shard {stage.market.pk}/0 is owned by another matcher: standing by" in fenced.said
    assert Order.objects.get(pk=order).status == "filled"
    assert (shard().epoch, Fill.objects.count()) == (100, 1)  # the shard was free, and it has taken it anew


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
    standby = a_standby(nursery)

    until_longer_than_a_lease(nursery, claimed, lambda: require_alive(slow))

    assert HAS_SHARD not in standby.said
    gate.open("w").close()
    stage.adopt(slow)
    (order,) = stage.submit(account, quantity="3", limit_price="10.00")
    assert Order.objects.get(pk=order).status == "filled"
    assert (shard().epoch, stage.deaths) == (2, 0)


def test_the_matcher_of_a_market_that_is_closed_goes_to_the_one_that_is_opened(
    nursery: Nursery, stage: HauntedStage
) -> None:
    present = stage.present

    other = activate_market(feed="synthetic", symbols=["IBM"])  # in the place of the first
    nursery.wait(
        lambda: Shard.objects.filter(market=other, epoch=1).exists(), f"it does not go: {present.said}"
    )

    assert f"market {stage.market.pk} is closed" in present.said
    assert present.status is None

    # One that was told to decide this shard and no other waits for its market, and does not end.
    waiting = nursery.bear("matcher", options=["--market", str(stage.market.pk), "--shard", "0"])
    nursery.wait(lambda: "is closed: standing by" in waiting.said, f"it does not wait: {waiting.said}")
    activate_market(market=stage.market, beside=True)
    nursery.wait(lambda: HAS_SHARD in waiting.said, f"it does not begin: {waiting.said}")


def test_a_shard_of_a_market_that_was_divided_anew_is_not_claimed_by_the_old_number(
    stage: HauntedStage,
) -> None:
    stage.nursery.end(stage.present)
    Market.objects.update(shard_count=2)
    journal = PostgresJournal(
        database_url("raxx_worker"), market_id=stage.market.pk, symbols=["XYZ"], shards=1
    )

    with pytest.raises(Disturbed, match=f"market {stage.market.pk} does not have 1 shards any more"):
        journal.claim()

    journal.close()
    assert list(Shard.objects.values_list("number", "epoch")) == [(0, 1)]
    with psycopg.connect(database_url("raxx_worker")) as session:
        held = session.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone()
    assert held == (0,)


def require_alive(child: Child) -> None:
    assert child.status is None, child.said


def is_stopped(child: Child) -> bool:
    with open(f"/proc/{child.pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0] == "T"
