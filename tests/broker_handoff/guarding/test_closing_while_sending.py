"""The kill switch against those who send: what is closed between acceptance and sending never goes out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from broker_handoff.models import IntentEvent, LiveIntent
from broker_handoff.ports import BrokerRefused
from broker_handoff.services import guarding, sending, switches
from broker_handoff.services.claims import Ways
from broker_handoff.services.tokens import sealed_for, store
from broker_handoff.vault import Token
from tests.broker_handoff.guarding.conftest import TERMS, make_intent
from tests.factories.rows import make_user

pytestmark = pytest.mark.django_db(transaction=True)


class Refusing:
    """A broker that writes down what reaches it, and wants none of it."""

    def __init__(self):
        self.reached = []

    def __call__(self, _token):
        return self

    def submit(self, client_order_id, _terms):
        self.reached.append(client_order_id)
        raise BrokerRefused("no")

    def order_of(self, _client_order_id):
        return None

    def cancel(self, broker_order_id):
        self.reached.append(broker_order_id)


@pytest.fixture
def broker():
    return Refusing()


@pytest.fixture
def ways(trader, keys, broker):
    store(trader.connection, sealed_for(trader.user_id, trader.connection.pk, Token("a token"), keys))
    return Ways(
        keys=keys,
        build=broker,
        refusal=lambda intent, now: guarding.refusal(intent, is_gate_open=trader.gates, now=now),
    )


def close(scope, trader):
    return switches.close_as_staff(
        operator=make_user(is_staff=True),
        scope=scope,
        reason="odd fills",
        user_id=trader.user_id if scope == "user" else None,
        connection_id=trader.connection.pk if scope == "connection" else None,
    )


@pytest.mark.parametrize("scope", ["global", "user", "connection"])
def test_an_order_that_was_accepted_before_the_closing_is_blocked_and_reaches_nobody(
    trader, ways, broker, scope
):
    intent = trader.accept()
    close(scope, trader)

    sending.attempt(intent.pk, ways)

    intent.refresh_from_db()
    assert (intent.status, intent.reason) == ("blocked", f"switch_{scope}")
    assert intent.words.endswith("is closed: odd fills")
    assert (intent.sent_at, broker.reached) == (None, [])
    assert sending.attempt(intent.pk, ways) is None


def test_with_the_switch_open_the_same_order_reaches_the_broker(trader, ways, broker):
    intent = trader.accept()

    sending.attempt(intent.pk, ways)

    intent.refresh_from_db()
    assert (intent.status, intent.words, broker.reached) == ("refused", "no", [intent.pk])


def test_a_cancel_goes_out_while_the_switch_is_closed(trader, ways, broker):
    order = make_intent(
        trader.connection,
        status="working",
        broker_order_id="B1",
        created_at=timezone.now() - timedelta(hours=1),
    )
    close("global", trader)

    sending.attempt(trader.accept("cancel", {}, order.pk).pk, ways)

    assert broker.reached == ["B1"]


def test_nothing_is_claimed_after_a_closing_has_returned(trader, ways):
    type(trader.connection).objects.update(open_orders_max=50, day_notional_max=100_000)
    intents = [
        make_intent(trader.connection, terms={**TERMS, "limit_price": f"{100 - number / 100:.2f}"})
        for number in range(24)
    ]
    started = threading.Barrier(5)

    def sends(mine):
        try:
            started.wait()
            for intent in mine:
                sending.attempt(intent.pk, ways)
        finally:
            connection.close()

    def closes():
        try:
            started.wait()
            return close("user", trader), timezone.now()
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as threads:
        senders = [threads.submit(partial(sends, intents[number::4])) for number in range(4)]
        _, returned_at = threads.submit(closes).result()
        for sender in senders:
            sender.result()

    assert set(LiveIntent.objects.values_list("status", flat=True)) <= {"blocked", "refused"}
    blocked = LiveIntent.objects.filter(status="blocked")
    assert set(blocked.values_list("reason", flat=True)) <= {"switch_user"}
    assert not IntentEvent.objects.filter(status="sending", at__gt=returned_at).exists()
    assert not blocked.exclude(sent_at=None).exists()
