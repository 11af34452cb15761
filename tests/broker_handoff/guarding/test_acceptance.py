"""An accepted wish is a row, its event and its audit entry, or nothing of it; and the passkey's yes is used up with it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from kombu.exceptions import OperationalError

from accounts.binding import acting_for
from accounts.errors import StepUpRequired
from accounts.models import Assertion, AuditEntry
from broker_handoff import tasks
from broker_handoff.errors import GuardRefused
from broker_handoff.models import IntentEvent, LiveIntent
from broker_handoff.services.intents import accept_intent
from broker_handoff.services.sending import due
from broker_handoff.terms import digest_of
from tests.broker_handoff.guarding.conftest import TERMS, Trader
from tests.factories.people import as_web

pytestmark = pytest.mark.django_db(transaction=True)


def accept(trader: Trader, **asked: Any) -> LiveIntent:
    """Accept the order without another showing of the passkey."""
    with as_web(), acting_for(trader.user_id):
        return accept_intent(
            session=trader.session,
            kind=LiveIntent.Kind.SUBMIT,
            terms=TERMS,
            is_gate_open=trader.gates,
            **asked,
        )


def test_an_accepted_order_has_its_event_its_audit_entry_and_a_deadline(trader: Trader) -> None:
    intent = trader.accept()

    digest = digest_of(kind="submit", connection_id=trader.connection.pk, terms=TERMS, target_id=None)
    intent.refresh_from_db()
    assert (intent.status, intent.notional, bytes(intent.digest)) == ("accepted", 100, digest)
    assert intent.deadline_at - intent.created_at == timedelta(minutes=2)
    assert list(IntentEvent.objects.values_list("intent_id", "status")) == [(intent.pk, "accepted")]
    entry = AuditEntry.objects.get(action="live.intent_accepted")
    assert entry.subject == trader.user_id
    assert f'"digest":"{digest.hex()}"' in entry.body
    assert f'"session":"{trader.session.id}"' in entry.body


def test_a_yes_is_good_once(trader: Trader) -> None:
    trader.accept()

    with pytest.raises(StepUpRequired) as asked:
        accept(trader, is_repeat=True)

    assert asked.value.context["digest"] == LiveIntent.objects.get().digest.hex()
    assert LiveIntent.objects.count() == 1


def test_a_refused_order_leaves_nothing_and_the_yes_stays_good(trader: Trader) -> None:
    trader.gates.shut.add(trader.user_id)
    trader.says_yes()

    with pytest.raises(GuardRefused):
        accept(trader)

    assert (LiveIntent.objects.count(), IntentEvent.objects.count()) == (0, 0)
    assert not AuditEntry.objects.filter(action="live.intent_accepted").exists()
    assert Assertion.objects.count() == 1
    trader.gates.shut.clear()
    assert accept(trader).status == "accepted"


def test_of_eight_answers_to_one_yes_one_is_accepted(trader: Trader) -> None:
    trader.says_yes()
    told: list[str] = []
    together = threading.Barrier(8)

    def ask() -> None:
        try:
            together.wait(20)
            accept(trader, is_repeat=True)
        except StepUpRequired:
            told.append("step up")
        else:
            told.append("accepted")
        finally:
            database.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(told) == ["accepted", *["step up"] * 7]
    assert LiveIntent.objects.count() == 1


def test_an_order_is_accepted_while_the_queue_is_away_and_waits_for_the_sweep(
    trader: Trader, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("no queue")

    monkeypatch.setattr(tasks.send_intent, "apply_async", away)
    intent = trader.accept()

    tasks.send_soon(intent.pk)

    assert "is sent later" in caplog.text
    assert due(9) == [intent.pk]


@pytest.mark.parametrize(("waiting", "others"), [(0, 0), (1, 0), (45, 2), (200, 3)])
def test_the_sweep_drains_and_calls_others_where_much_waits(
    monkeypatch: pytest.MonkeyPatch, waiting: int, others: int
) -> None:
    drained: list[object] = []
    called: list[None] = []
    monkeypatch.setattr(tasks.sending, "due", lambda most: [None] * min(waiting, most))
    monkeypatch.setattr(tasks.sending, "drain", drained.append)
    monkeypatch.setattr(tasks.drain_intents, "delay", lambda: called.append(None))

    tasks.sweep_intents()

    assert (len(drained), len(called)) == (1, others)
