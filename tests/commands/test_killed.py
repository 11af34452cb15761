"""A real SIGKILL in the midst of what takes many transactions: what is left is whole, and the next run goes on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail

from accounts.models import User
from broker_handoff.services.mass_revoke import living_connections
from tests.commands.calls import run
from tests.commands.forks import killed_at
from tests.factories.rows import NOON
from tests.factories.whole_person import make_whole_person, places_of
from tests.trading.ledger_world import build_world, tamper
from tests.trading.past import figures, history_seq, make_old
from trading.ledger_audit import audit_ledger
from trading.models import Order
from trading.services.history_purge import MARKET_KEEPS, purge_histories

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.world import World
    from tests.factories.desk import Desk
    from tests.factories.sessions import Session

pytestmark = pytest.mark.django_db(transaction=True)

ANN = "ann.to.erase@example.com"


def test_an_erasure_that_is_killed_is_ended_by_the_next_run(tmp_path: Path, settings: Any) -> None:
    settings.EXPORTS = tmp_path / "exports"
    person = make_whole_person(ANN)
    Order.objects.across_owners().filter(user=person).update(status="canceled")  # as the market does it
    words = ("erase_user", "--email", ANN, "--reason", "r", "--now", "--ticket", "T-1")

    assert killed_at(8, words).was_killed  # asked for, begun, and some of it deleted

    left = User.objects.get(pk=person.pk)
    assert left.deactivated_at is not None  # nobody gets in
    assert places_of(ANN) != {}
    assert run(*words)["status"] == "erased"
    assert places_of(ANN) == {}


def test_whom_a_killed_run_had_disconnected_hears_of_it_by_the_next_one_and_nobody_hears_twice(
    world: World,
) -> None:
    world.connect(3)
    people = sorted(User.objects.filter(broker_connections__isnull=False).values_list("email", flat=True))
    words = ("revoke_live_connections", "--reason", "r")

    assert killed_at(4, words).was_killed  # just after the second of three was disconnected
    assert len(living_connections()) == 1
    assert mail.outbox == []

    assert run(*words)["disconnected"] == 3
    assert sorted(message.to[0] for message in mail.outbox) == people
    assert run(*words)["disconnected"] == 3
    assert len(mail.outbox) == 3


def test_a_purge_that_is_killed_between_batches_leaves_books_that_balance_and_is_ended_by_the_next_run(
    app: Session, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = build_world(app, desk)
    world.alice.refresh_from_db()
    make_old(world.alice, world.alice.event_seq)
    tamper("update matching_market set anchor_at = %(at)s", at=NOON + MARKET_KEEPS + timedelta(seconds=1))
    before = figures(world.alice)

    monkeypatch.setitem(purge_histories.__kwdefaults__ or {}, "at_once", 4)
    assert killed_at(
        4, ["purge_history", "--account", world.alice.number]
    ).was_killed  # after the second batch

    begun = history_seq(world.alice.pk)
    assert begun > 0
    assert figures(world.alice) == before
    assert audit_ledger().balances
    (purged,) = run("purge_history", "--account", world.alice.number)["accounts"]
    assert purged["is_whole"]
    assert history_seq(world.alice.pk) > begun
    assert figures(world.alice) == before
    assert audit_ledger().balances
    assert run("purge_history", "--account", world.alice.number) == {"accounts": []}
