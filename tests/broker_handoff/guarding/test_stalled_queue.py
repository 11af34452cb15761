"""A queue that takes connections and never answers: an order is answered all the same, and sent by the sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broker_handoff.models import LiveIntent
from broker_handoff.services.claims import Ways
from broker_handoff.services.sending import drain
from broker_handoff.services.tokens import sealed_for, store
from broker_handoff.vault import Token
from raxx import celery as project
from tests.broker_handoff.fake import FakeBroker
from tests.broker_handoff.guarding.test_live_api import send
from tests.counters import silent_server

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys
    from tests.broker_handoff.guarding.conftest import Trader

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(60)]


def test_an_order_is_answered_while_the_queue_stalls_and_goes_out_by_the_sweep(
    trader: Trader, keys: LocalKeys, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store(trader.connection, sealed_for(trader.user_id, trader.connection.pk, Token("a token"), keys))
    # No pool that an earlier test has filled with connections to a queue that works.
    monkeypatch.setattr(project.app, "_pool", None)
    monkeypatch.setattr(project.app.amqp, "_producer_pool", None)
    with silent_server() as server:
        monkeypatch.setenv("CELERY_BROKER_WRITE_URL", server.url)

        answer = send(trader)  # without time-outs it would never come

        assert server.asked
    assert answer.status_code == 202
    assert "is sent later" in caplog.text
    broker = FakeBroker()
    drain(Ways(keys=keys, build=broker.build, refusal=lambda _intent, _now: None))
    intent = LiveIntent.objects.get()
    assert (intent.status, len(broker.named(intent.pk))) == ("working", 1)
