"""Exactly one order at the broker, whatever is lost, late or dead on the way, and the truth in the row."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from broker_handoff.guards import Guard, Refusal
from broker_handoff.models import BrokerConnection, IntentEvent, LiveIntent
from broker_handoff.pace import Pace
from broker_handoff.ports import BrokerRefused, BrokerUnavailable, OutcomeUnknown, TokenRefused
from broker_handoff.services import sending
from broker_handoff.services.sending import attempt, drain, due
from broker_handoff.services.tokens import sealed_for, shred, store
from broker_handoff.vault import Token
from tests.broker_handoff.fake import LOST, TWICE, UNHEARD
from tests.broker_handoff.wishes import Bench, steps

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys
    from broker_handoff.services.claims import Claim

pytestmark = pytest.mark.django_db(transaction=True)

PATIENT = Pace(wait_min=timedelta(0), wait_max=timedelta(0))  # processing: 30 s


@pytest.fixture
def bench(keys: LocalKeys) -> Bench:
    return Bench(keys)


def test_an_order_goes_out_once_under_our_id(bench: Bench) -> None:
    intent = bench.settle(bench.wish())

    (order,) = bench.broker.named(intent.pk)
    assert (intent.status, intent.broker_order_id, intent.broker_status) == ("working", order.id, "new")
    assert steps(intent) == ["sending", "working"]
    assert bench.broker.calls == ["submit"]
    assert attempt(intent.pk, bench.ways) is None


@pytest.mark.parametrize(
    ("troubles", "calls"),
    [
        pytest.param([UNHEARD], ["submit", "order_of"], id="the answer is lost"),
        pytest.param([UNHEARD, LOST], ["submit", "order_of", "order_of"], id="then a question too"),
        pytest.param([TWICE], ["submit", "order_of"], id="the request comes twice"),
        pytest.param([LOST], ["submit", "order_of", "order_of", "submit"], id="the request is lost"),
        pytest.param([BrokerUnavailable("429", 0.0)], ["submit", "submit"], id="too often"),
        pytest.param(
            [LOST, LOST, BrokerUnavailable("429"), UNHEARD],
            ["submit", *["order_of"] * 5, "submit"],
            id="much at a time",
        ),
    ],
)
def test_whatever_is_lost_there_is_one_order(
    bench: Bench, troubles: list[str | Exception], calls: list[str]
) -> None:
    bench.broker.troubles = deque(troubles)

    intent = bench.settle(bench.wish())

    assert len(bench.broker.named(intent.pk)) == 1
    assert intent.status == "working"
    assert bench.broker.calls == calls


def test_a_broker_that_has_none_is_believed_only_when_nothing_can_be_on_its_way(bench: Bench) -> None:
    bench.pace = PATIENT
    bench.broker.troubles = deque([LOST])
    intent = bench.wish()

    for _ in range(4):
        assert bench.attempt(intent) == "sending"

    assert bench.broker.calls == ["submit", *["order_of"] * 3]
    bench.age(intent, timedelta(seconds=31))
    assert bench.attempt(intent) == "accepted"


def test_one_question_after_the_wait_is_not_two(bench: Bench) -> None:
    bench.pace = PATIENT
    bench.broker.troubles = deque([LOST])
    intent = bench.wish()
    bench.attempt(intent)
    bench.age(intent, timedelta(seconds=31))

    assert bench.attempt(intent) == "sending"
    assert bench.attempt(intent) == "accepted"


def test_an_order_that_arrives_between_the_questions_is_found(bench: Bench) -> None:
    bench.broker.troubles = deque([LOST])
    intent = bench.wish()
    bench.attempt(intent)
    bench.attempt(intent)

    bench.broker.place(str(intent.pk), **intent.terms)

    assert bench.attempt(intent) == "working"
    assert len(bench.broker.named(intent.pk)) == 1


def test_a_worker_that_died_with_the_lease_is_followed_by_a_question(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = bench.wish()
    with monkeypatch.context() as patch:
        patch.setattr(sending.asking, "outcome_of", _die)
        with pytest.raises(KeyboardInterrupt):
            bench.attempt(intent)
    assert bench.attempt(intent) is None  # the lease lives

    bench.age(intent, timedelta(seconds=61))
    assert bench.settle(intent).status == "working"
    assert bench.broker.calls == ["order_of", "order_of", "submit"]


def test_a_worker_that_died_after_the_answer_is_followed_by_a_question(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = bench.wish()
    with monkeypatch.context() as patch:
        patch.setattr(sending, "_settle", _die)
        with pytest.raises(KeyboardInterrupt):
            bench.attempt(intent)

    bench.age(intent, timedelta(seconds=61))
    assert bench.settle(intent).status == "working"
    assert bench.broker.calls == ["submit", "order_of"]


def test_a_worker_that_wakes_after_its_lease_changes_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = bench.wish()
    settle = sending._settle

    def late(claim: Claim, outcome: Any, pace: Pace) -> object:
        LiveIntent.objects.filter(pk=intent.pk).update(leased_until=timezone.now())
        monkeypatch.setattr(sending, "_settle", settle)
        assert bench.attempt(intent) == "working"  # the other one has asked
        bench.broker.end(bench.broker.named(intent.pk)[0].id, "canceled")
        return settle(claim, outcome, pace)

    monkeypatch.setattr(sending, "_settle", late)

    assert bench.attempt(intent) is None
    intent.refresh_from_db()
    assert intent.status == "working"
    assert steps(intent) == ["sending", "working"]


def test_a_worker_that_stood_still_sends_nothing_any_more(bench: Bench) -> None:
    bench.pace = Pace(send_within=timedelta(seconds=-1))
    intent = bench.wish()

    assert bench.attempt(intent) == "accepted"
    assert bench.broker.calls == []


@pytest.mark.parametrize("troubles", [[], [LOST]], ids=["never tried", "tried in vain"])
def test_after_its_deadline_nothing_is_sent(bench: Bench, troubles: list[str | Exception]) -> None:
    bench.broker.troubles = deque(troubles)
    intent = bench.wish()
    if troubles:
        bench.attempt(intent)
    sent = bench.broker.calls.count("submit")
    bench.age(intent, timedelta(minutes=3))

    bench.settle(intent)

    assert (intent.status, intent.reason) == ("lapsed", "deadline")
    assert intent.finished_at is not None
    assert bench.broker.calls.count("submit") == sent
    assert bench.broker.named(intent.pk) == []


def test_what_arrived_before_the_deadline_has_not_lapsed_after_it(bench: Bench) -> None:
    bench.broker.troubles = deque([UNHEARD])
    intent = bench.wish()
    bench.attempt(intent)
    bench.age(intent, timedelta(minutes=3))

    assert bench.settle(intent).status == "working"


def test_an_outage_is_waited_out_with_growing_waits_until_the_deadline(bench: Bench) -> None:
    bench.pace = Pace()
    bench.broker.troubles = deque([BrokerUnavailable("away")] * 30)
    intent = bench.wish()
    waits = []
    for _ in range(4):
        bench.attempt(intent)
        intent.refresh_from_db()
        waits.append((intent.next_attempt_at - timezone.now()).total_seconds())

    assert [1 <= waits[0] <= 2, 2 <= waits[1] + 0.5 <= 4.5, waits[3] > 7] == [True] * 3
    assert intent.next_attempt_at <= intent.deadline_at
    assert intent.status == "accepted"


def test_the_brokers_wish_is_kept(bench: Bench) -> None:
    bench.broker.troubles = deque([BrokerUnavailable("429", 40.0)])
    intent = bench.wish()

    bench.attempt(intent)

    intent.refresh_from_db()
    assert intent.next_attempt_at > timezone.now() + timedelta(seconds=35)


def test_a_refusal_ends_it_in_the_brokers_words(bench: Bench) -> None:
    bench.broker.troubles = deque([BrokerRefused("insufficient buying power", "40310000")])

    intent = bench.settle(bench.wish())

    assert (intent.status, intent.reason, intent.words) == ("refused", "broker", "insufficient buying power")
    assert bench.broker.orders == {}
    assert steps(intent) == ["sending", "refused"]


def test_a_refusal_is_not_believed_while_the_broker_cannot_be_asked(bench: Bench) -> None:
    bench.broker.troubles = deque([TWICE, OutcomeUnknown("cut")])
    intent = bench.wish()

    assert bench.attempt(intent) == "sending"
    assert bench.settle(intent).status == "working"


def test_a_token_that_is_void_ends_the_order_and_says_so_of_the_connection(bench: Bench) -> None:
    bench.broker.tokens = set()

    intent = bench.settle(bench.wish())

    assert (intent.status, intent.reason) == ("refused", "needs_reauth")
    bench.connection.refresh_from_db()
    assert bench.connection.status == BrokerConnection.Status.NEEDS_REAUTH


def test_an_order_in_doubt_stays_in_doubt_when_the_token_goes(bench: Bench) -> None:
    bench.broker.troubles = deque([UNHEARD])
    intent = bench.wish()
    bench.attempt(intent)
    bench.broker.tokens = set()
    bench.age(intent, timedelta(minutes=5))

    assert bench.attempt(intent) == "sending"
    bench.broker.tokens = None
    assert bench.settle(intent).status == "working"


@pytest.mark.parametrize("kind", ["submit", "cancel"])
def test_what_is_in_doubt_when_the_token_is_shredded_is_unresolved_after_its_deadline(
    bench: Bench, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    intent = bench.wish() if kind == "submit" else bench.cancel(bench.settle(bench.wish()))
    bench.broker.troubles = deque([LOST])
    bench.attempt(intent)
    shred(bench.connection)

    assert bench.attempt(intent) == "sending"
    intent.refresh_from_db()
    assert intent.next_attempt_at == intent.deadline_at
    bench.age(intent, timedelta(minutes=16))
    assert bench.attempt(intent) == "unresolved"

    intent.refresh_from_db()
    assert (intent.reason, intent.words) == ("token_gone", sending.UNANSWERABLE)
    assert intent.finished_at is not None
    assert steps(intent) == ["sending", "unresolved"]
    (told,) = AuditEntry.objects.filter(action="live.intent_unresolved")
    assert str(intent.pk) in told.body
    assert [record.levelname for record in caplog.records if str(intent.pk) in record.getMessage()] == [
        "ERROR"
    ]
    assert bench.attempt(intent) is None


CANARY = "CANARY.w8Zq/3vT-0nLk7RxPb2"


@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        pytest.param(BrokerRefused(f"no order for {CANARY}"), "refused", id="refused"),
        pytest.param(TokenRefused(f"{CANARY} is void"), "refused", id="void"),
        pytest.param(BrokerUnavailable(f"{CANARY} asks too often"), "accepted", id="away"),
        pytest.param(OutcomeUnknown(f"{CANARY} broke"), "sending", id="unknown"),
    ],
)
def test_the_brokers_words_are_kept_without_the_token_that_they_repeat(
    bench: Bench, caplog: pytest.LogCaptureFixture, trouble: Exception, status: str
) -> None:
    sealed = sealed_for(bench.connection.user_id, bench.connection.pk, Token(CANARY), bench.keys)
    store(bench.connection, sealed)
    bench.broker.troubles = deque([trouble])
    intent = bench.wish()

    assert bench.attempt(intent) == status

    intent.refresh_from_db()
    assert "(the token)" in intent.words
    kept = [
        intent.words,
        *(str(detail) for detail in IntentEvent.objects.values_list("detail", flat=True)),
        *AuditEntry.objects.values_list("body", flat=True),
        caplog.text,
    ]
    assert [text for text in kept if CANARY in text] == []


def test_a_token_that_does_not_open_blocks_the_order(bench: Bench) -> None:
    intent = bench.wish()
    shred(bench.connection)

    bench.settle(intent)

    assert (intent.status, intent.reason) == ("blocked", "vault")
    assert bench.broker.calls == []


def test_a_guard_that_says_no_in_the_last_moment_blocks_the_order(bench: Bench) -> None:
    bench.refusals = [Refusal(guard=Guard.SWITCH_GLOBAL, words="the kill switch is closed")]

    intent = bench.settle(bench.wish())

    assert (intent.status, intent.reason, intent.words) == (
        "blocked",
        "switch_global",
        "the kill switch is closed",
    )
    assert bench.broker.calls == []
    assert AuditEntry.objects.filter(action="live.token_used").count() == 0


def test_the_guards_are_asked_again_before_it_is_sent_again(bench: Bench) -> None:
    bench.broker.troubles = deque([LOST])
    bench.refusals = [None, Refusal(guard=Guard.SWITCH_USER, words="closed meanwhile")]

    intent = bench.settle(bench.wish())

    assert (intent.status, intent.reason) == ("blocked", "switch_user")
    assert bench.broker.orders == {}


def test_each_use_of_the_token_is_in_the_audit_log_with_what_for(bench: Bench) -> None:
    bench.broker.troubles = deque([UNHEARD])

    intent = bench.settle(bench.wish())

    told = AuditEntry.objects.filter(action="live.token_used").order_by("pk").values_list("body", flat=True)
    assert [f"submit {intent.pk}" in told[0], f"ask {intent.pk}" in told[1], len(told)] == [True, True, 2]


def test_due_are_those_whose_time_has_come_and_that_nobody_has(bench: Bench) -> None:
    later = bench.wish(next_attempt_at=timezone.now() + timedelta(hours=1))
    now, over = bench.wish(), bench.settle(bench.wish())

    assert due(9) == [now.pk]
    assert later.pk != over.pk


def test_who_drains_goes_on_until_nothing_is_due(bench: Bench) -> None:
    bench.broker.troubles = deque([LOST])
    wishes = [bench.wish() for _ in range(25)]

    drain(bench.ways)

    assert {bench.broker.named(wish.pk)[0].word for wish in wishes} == {"new"}
    assert due(9) == []


def test_who_drains_stops_when_its_time_is_over(bench: Bench) -> None:
    wish = bench.wish()

    assert drain(bench.ways, slice_s=0) == 0
    assert due(9) == [wish.pk]


def _die(*_: object) -> object:
    raise KeyboardInterrupt


# Cancels


def test_a_cancel_ends_the_order_at_the_broker(bench: Bench) -> None:
    order = bench.settle(bench.wish())

    cancel = bench.settle(bench.cancel(order))

    assert cancel.status == "done"
    assert [one.word for one in bench.broker.named(order.pk)] == ["canceled"]


@pytest.mark.parametrize("trouble", [LOST, UNHEARD, TWICE])
def test_a_cancel_in_doubt_is_settled_by_the_order_itself(bench: Bench, trouble: str) -> None:
    order = bench.settle(bench.wish())
    bench.broker.troubles = deque([trouble])

    cancel = bench.settle(bench.cancel(order))

    assert cancel.status == "done"
    assert [one.word for one in bench.broker.named(order.pk)] == ["canceled"]


def test_a_cancel_of_what_was_filled_meanwhile_is_refused(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    bench.broker.fill(order.broker_order_id, "10")

    cancel = bench.settle(bench.cancel(order))

    assert (cancel.status, cancel.reason, cancel.words) == ("refused", "not_open", "the order is filled")


def test_a_cancel_of_what_was_never_sent_ends_both_here(bench: Bench) -> None:
    order = bench.wish()

    cancel = bench.settle(bench.cancel(order))

    order.refresh_from_db()
    assert (cancel.status, order.status, order.reason) == ("done", "canceled", "not_sent")
    assert bench.broker.calls == []
    assert bench.settle(order).status == "canceled"


def test_a_cancel_waits_for_an_order_in_doubt(bench: Bench) -> None:
    bench.broker.troubles = deque([UNHEARD])
    order = bench.wish()
    bench.attempt(order)
    cancel = bench.cancel(order)

    assert bench.attempt(cancel) is None
    bench.settle(order)
    assert bench.settle(cancel).status == "done"


# Replacements


def test_a_replacement_is_an_order_of_its_own(bench: Bench) -> None:
    order = bench.settle(bench.wish())

    successor = bench.settle(bench.replace(order, qty="5"))

    assert successor.status == "working"
    assert [one.quantity for one in bench.broker.named(successor.pk)] == [5]
    assert [one.word for one in bench.broker.named(order.pk)] == ["replaced"]


@pytest.mark.parametrize("trouble", [LOST, UNHEARD, TWICE])
def test_a_replacement_in_doubt_is_made_once(bench: Bench, trouble: str) -> None:
    order = bench.settle(bench.wish())
    bench.broker.troubles = deque([trouble])

    successor = bench.settle(bench.replace(order, limit_price="11"))

    assert successor.status == "working"
    assert len(bench.broker.orders) == 2


def test_what_does_not_work_any_more_is_not_replaced(bench: Bench) -> None:
    order = bench.settle(bench.wish())
    bench.settle(bench.cancel(order))
    LiveIntent.objects.filter(pk=order.pk).update(status="canceled", finished_at=timezone.now())

    successor = bench.settle(bench.replace(order, qty="5"))

    assert (successor.status, successor.reason) == ("blocked", "not_open")
