"""What moved at the broker is an update; what differs from what we know is shown and alarmed, and left alone."""

from __future__ import annotations

import logging
import threading
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import User
from broker_handoff import tasks
from broker_handoff.models import BrokerConnection, BrokerDifference, LiveIntent, PositionBaseline
from broker_handoff.ports import OutcomeUnknown
from broker_handoff.services.following import follow
from broker_handoff.services.outcomes import tell
from broker_handoff.services.reconciling import EVERY, connections_to_compare, due, reconcile
from raxx import roles
from tests.broker_handoff.fake import LOST
from tests.broker_handoff.people import make_connection
from tests.broker_handoff.wishes import AT_ONCE, BUY, Bench, steps
from tests.factories.people import signed_in
from tests.factories.sessions import session

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bench(keys: LocalKeys) -> Bench:
    return Bench(keys)


def look(bench: Bench) -> int | None:
    return reconcile(bench.connection.pk, keys=bench.keys, build=bench.broker.build)


def living() -> list[tuple[str, str]]:
    rows = BrokerDifference.objects.filter(ended_at=None).order_by("kind", "subject")
    return list(rows.values_list("kind", "subject"))


def test_what_was_filled_meanwhile_is_an_update_and_no_difference(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    look(bench)
    bench.broker.fill(order.broker_order_id, "4", "9.123456")
    assert look(bench) == 0
    order.refresh_from_db()
    assert (order.status, order.filled_quantity, order.filled_average_price) == (
        "working",
        4,
        Decimal("9.123456"),
    )

    bench.broker.fill(order.broker_order_id, "6")
    assert look(bench) == 0

    order.refresh_from_db()
    assert (order.status, order.broker_status, order.filled_quantity) == ("filled", "filled", 10)
    assert order.finished_at is not None
    assert steps(order) == ["sending", "working", "filled"]


@pytest.mark.parametrize("word", ["canceled", "expired", "rejected", "replaced"])
def test_an_order_that_ended_there_ends_here(bench: Bench, word: str) -> None:
    order = bench.settle(bench.wish())
    bench.broker.end(order.broker_order_id, word)

    assert look(bench) == 0

    order.refresh_from_db()
    assert order.status == word


def test_the_stream_and_the_list_may_tell_in_any_order_and_twice(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    some = bench.broker.fill(order.broker_order_id, "4")
    all_ = bench.broker.fill(order.broker_order_id, "6")

    for told in (all_, some, all_, some):
        assert tell(told, connection_id=bench.connection.pk)

    order.refresh_from_db()
    assert (order.status, order.filled_quantity) == ("filled", 10)
    assert steps(order) == ["sending", "working", "filled"]


def test_an_order_in_doubt_is_led_out_of_it_by_the_stream(bench: Bench) -> None:
    bench.broker.troubles = deque([LOST])
    order = bench.wish()
    bench.attempt(order)

    tell(bench.broker.place(str(order.pk), **BUY), connection_id=bench.connection.pk)

    assert bench.settle(order).status == "working"
    assert bench.broker.calls == ["submit"]


def test_an_order_that_was_thought_absent_is_not_sent_again_once_it_is_told_of(bench: Bench) -> None:
    bench.broker.troubles = deque([LOST])
    order = bench.wish()
    while bench.attempt(order) != "accepted":
        continue

    tell(bench.broker.place(str(order.pk), **BUY), connection_id=bench.connection.pk)

    assert bench.settle(order).status == "working"
    assert bench.broker.calls.count("submit") == 1


def test_what_the_stream_tells_of_another_connections_order_changes_nothing(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    others = make_connection()
    filled = bench.broker.fill(order.broker_order_id, "10")

    assert not tell(filled, connection_id=others.pk)
    order.refresh_from_db()
    assert order.status == "working"


def test_a_strangers_order_is_shown_alarmed_once_and_left_alone(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = bench.broker.place("theirs", **BUY)

    with caplog.at_level(logging.ERROR):
        assert [look(bench), look(bench)] == [1, 1]

    assert living() == [("order_not_ours", theirs.id)]
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert bench.broker.orders[theirs.id].word == "new"
    assert set(bench.broker.calls) == {"open_orders", "positions"}


def test_a_difference_that_has_ended_stays_as_a_record(bench: Bench) -> None:
    theirs = bench.broker.place("theirs", **BUY)
    look(bench)
    bench.broker.end(theirs.id, "canceled")

    assert look(bench) == 0

    (row,) = BrokerDifference.objects.all()
    assert row.ended_at is not None
    assert row.user_id == bench.connection.user_id


def test_an_order_that_the_broker_has_no_more_is_missing_and_still_works_here(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    del bench.broker.orders[order.broker_order_id]

    assert look(bench) == 1

    assert living() == [("order_missing", order.broker_order_id)]
    order.refresh_from_db()
    assert order.status == "working"


def test_an_order_that_arrived_after_we_said_it_had_lapsed_is_shown(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    LiveIntent.objects.filter(pk=order.pk).update(status="lapsed", finished_at=order.created_at)

    assert look(bench) == 1
    assert living() == [("order_after_end", order.broker_order_id)]


def test_other_terms_than_were_said_yes_to_are_shown(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    LiveIntent.objects.filter(pk=order.pk).update(terms={**BUY, "side": "sell"})

    assert look(bench) == 1
    assert living() == [("terms_differ", order.broker_order_id)]


def test_a_fill_that_was_taken_back_is_shown_and_not_taken_over(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    before = bench.broker.orders[order.broker_order_id]
    bench.broker.fill(order.broker_order_id, "4")
    look(bench)
    bench.broker.put(before)
    bench.broker.held.clear()

    look(bench)

    assert ("fills_shrank", order.broker_order_id) in living()
    order.refresh_from_db()
    assert order.filled_quantity == 4


def test_a_position_is_judged_by_what_moves_without_us(bench: Bench) -> None:
    bench.broker.held = {"OLD": Decimal(3), "XYZ": Decimal(-2)}
    assert look(bench) == 0
    order = bench.settle(bench.wish())
    bench.broker.fill(order.broker_order_id, "4")
    assert look(bench) == 0

    bench.broker.held["OLD"] = Decimal(1)
    assert look(bench) == 1

    (row,) = BrokerDifference.objects.all()
    assert (row.kind, row.subject, row.ours, row.theirs) == (
        "position_differs",
        "OLD",
        {"quantity": "3"},
        {"quantity": "1"},
    )


def test_an_account_that_was_empty_at_first_has_been_looked_at(bench: Bench) -> None:
    assert look(bench) == 0
    bench.broker.held = {"XYZ": Decimal(1)}

    assert look(bench) == 1
    assert PositionBaseline.objects.count() == 1


def test_positions_wait_while_an_order_is_in_doubt(bench: Bench) -> None:
    look(bench)
    bench.broker.troubles = deque([LOST])
    bench.attempt(bench.wish())
    bench.broker.held = {"XYZ": Decimal(10)}

    assert look(bench) == 0


def test_a_broker_that_does_not_answer_ends_no_difference(bench: Bench) -> None:
    bench.broker.place("theirs", **BUY)
    look(bench)
    bench.broker.troubles = deque([OutcomeUnknown("time-out")])

    assert look(bench) is None
    assert len(living()) == 1


def test_a_void_token_is_noticed_and_the_connection_compared_no_more(bench: Bench) -> None:
    assert connections_to_compare() == [bench.connection.pk]
    bench.broker.tokens = set()

    assert look(bench) is None

    bench.connection.refresh_from_db()
    assert bench.connection.status == BrokerConnection.Status.NEEDS_REAUTH
    assert connections_to_compare() == []


def test_two_who_ask_whose_turn_it_is_share_them_and_wait_for_nobody(bench: Bench) -> None:
    others = [make_connection(), make_connection()]
    make_connection(next_compare_at=timezone.now() + EVERY)
    with session(roles.WORKER) as another, another.transaction():
        another.execute(
            "select 1 from broker_handoff_brokerconnection where id = %s for no key update",
            [bench.connection.pk],
        )
        assert due(1) == [others[0].pk]
        assert due(9) == [others[1].pk]

    assert due(9) == [bench.connection.pk]
    assert due(9) == []
    bench.connection.refresh_from_db()
    assert bench.connection.next_compare_at > timezone.now()


def test_the_sweep_starts_a_comparison_of_each_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    other = make_connection()
    started: list[str] = []
    monkeypatch.setattr(tasks, "COMPARED_AT_ONCE", 1)
    monkeypatch.setattr(tasks.reconcile_connection, "delay", started.append)

    tasks.sweep_connections()
    tasks.sweep_connections()

    assert sorted(started) == sorted([str(bench.connection.pk), str(other.pk)])


def test_a_person_sees_their_own_differences_and_nobody_elses(bench: Bench) -> None:
    ended = bench.broker.place("theirs", **BUY)
    look(bench)
    bench.broker.end(ended.id, "canceled")
    look(bench)
    there = bench.broker.place("theirs too", **BUY)
    look(bench)

    mine = signed_in(bench.connection.user).client().get("/raxx/v1/live/differences")

    told = [(row["kind"], row["subject"], row["ended_at"] is None) for row in mine.json()]
    assert told == [("order_not_ours", there.id, True), ("order_not_ours", ended.id, False)]
    assert signed_in().client().get("/raxx/v1/live/differences").json() == []


def test_the_stream_is_followed_through_a_cut_until_told_to_stop(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    bench.broker.told.queue.clear()
    stop, listening = threading.Event(), threading.Semaphore(0)
    thread = _following(bench, stop, listening)
    assert listening.acquire(timeout=20)
    bench.broker.hang_up()
    assert listening.acquire(timeout=20)

    bench.broker.fill(order.broker_order_id, "10")
    stop.set()
    bench.broker.hang_up()
    thread.join(20)

    order.refresh_from_db()
    assert order.status == "filled"


def test_a_stream_that_refuses_the_token_is_not_followed(bench: Bench) -> None:
    bench.broker.tokens = set()
    thread = _following(bench, threading.Event(), threading.Semaphore(0))
    thread.join(20)

    bench.connection.refresh_from_db()
    assert bench.connection.status == BrokerConnection.Status.NEEDS_REAUTH
    assert User.objects.filter(pk=bench.connection.user_id).exists()


def _following(bench: Bench, stop: threading.Event, listening: threading.Semaphore) -> threading.Thread:
    def run() -> None:
        from django.db import connection

        try:
            follow(
                bench.connection.pk,
                keys=bench.keys,
                build=bench.broker.build,
                stop=stop,
                pace=AT_ONCE,
                is_listening=listening.release,
            )
        finally:
            connection.close()

    thread: Any = threading.Thread(target=run)
    thread.start()
    return thread
