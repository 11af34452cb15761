"""The adapter for Alpaca keeps the contract, against a second installation that plays the broker."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from django.db import connection as database
from django.db.models.signals import post_save

from broker_handoff.adapters.alpaca import AlpacaBroker
from broker_handoff.models import LiveIntent
from broker_handoff.services.claims import Ways
from broker_handoff.services.following import follow
from broker_handoff.services.reconciling import differences, reconcile
from broker_handoff.services.sending import attempt
from broker_handoff.shadow.links import turn_on
from raxx import roles
from tests.broker_handoff.contract import BrokerContract, Stand
from tests.broker_handoff.peer.installation import SYMBOL
from tests.broker_handoff.people import make_connection
from tests.broker_handoff.shadow.stage import Stage
from tests.broker_handoff.wishes import make_intent
from tests.factories.sessions import session

if TYPE_CHECKING:
    from broker_handoff.adapters.local_keys import LocalKeys
    from tests.broker_handoff.peer.installation import Peer

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


class TestAlpaca(BrokerContract):
    @pytest.fixture
    def stand(self, peer: Peer) -> Stand:
        resting = {
            "symbol": SYMBOL,
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
            "qty": "1",
            "limit_price": "1.5",
        }
        return Stand(
            build=lambda token: AlpacaBroker(token=token, url=peer.url),
            token=peer.token,
            number=peer.number,
            resting=resting,
            refused={**resting, "qty": "1000000"},
        )


MARKET = {"symbol": SYMBOL, "side": "buy", "type": "market", "time_in_force": "day", "qty": "1"}
PATIENCE_S = 30.0


@pytest.mark.django_db(transaction=True)
def test_a_fill_at_the_peer_comes_back_by_its_stream(peer: Peer, keys: LocalKeys) -> None:
    connection = make_connection(token=peer.token, keys=keys)
    ways = _ways(peer, keys)
    stop, listening, filled = threading.Event(), threading.Event(), threading.Event()

    def follow_it() -> None:
        try:
            follow(connection.pk, keys=keys, build=ways.build, stop=stop, is_listening=listening.set)
        finally:
            database.close()

    def told(sender: object, instance: LiveIntent, **_: object) -> None:
        if instance.status == "filled":
            filled.set()
            stop.set()

    post_save.connect(told, sender=LiveIntent)
    thread = threading.Thread(target=follow_it)
    thread.start()
    try:
        assert listening.wait(PATIENCE_S)
        intent = make_intent(connection, terms=MARKET)
        attempt(intent.pk, ways)
        assert filled.wait(PATIENCE_S)
    finally:
        stop.set()
        # Whatever happens at the peer wakes who listens to it.
        ways.build(peer.token).submit(uuid4(), {**MARKET, "type": "limit", "limit_price": "1.5"})
        thread.join(PATIENCE_S)
        post_save.disconnect(told, sender=LiveIntent)

    intent.refresh_from_db()
    assert (intent.status, intent.filled_quantity, intent.broker_status) == ("filled", 1, "filled")
    assert intent.filled_average_price is not None


@pytest.mark.django_db(transaction=True)
def test_the_same_comes_back_by_comparison_and_a_strangers_order_is_shown(
    peer: Peer, keys: LocalKeys
) -> None:
    connection = make_connection(token=peer.token, keys=keys)
    ways = _ways(peer, keys)
    intent = make_intent(connection, terms=MARKET)
    stranger = ways.build(peer.token).submit(uuid4(), {**MARKET, "type": "limit", "limit_price": "1.5"})
    attempt(intent.pk, ways)

    for _ in range(200):
        reconcile(connection.pk, keys=keys, build=ways.build)
        intent.refresh_from_db()
        if intent.status == "filled":
            break

    assert intent.status == "filled"
    assert ("order_not_ours", stranger.id) in {(row.kind, row.subject) for row in differences(connection)}


@pytest.mark.django_db(transaction=True)
def test_paper_orders_are_mirrored_to_the_peer_by_a_key_and_compared(peer: Peer) -> None:
    demo = peer.house.demo
    broker = AlpacaBroker(token=demo["secret"], url=peer.url, key_id=demo["key_id"])
    with session(roles.APP) as app, session(roles.WORKER) as worker:
        stage = Stage(app, worker, symbol=SYMBOL)
        turn_on(account=stage.account, broker=broker)
        market = {"type": "market", "quantity": "1", "limit_price": None, "reserve_price": "100"}
        filled, changed = stage.place(**market), stage.place(limit_price="1.5")
        stage.decide((filled, "new"), (changed, "new"), (filled, "fill", "1", "100"))
        stage.look(broker)
        successor = stage.replace(changed, limit_price="1.25")
        stage.look(broker)
        stage.cancel(successor)
        for _ in range(200):
            link = stage.look(broker)
            if stage.parity_of(filled).there.average_price is not None:
                break

        found = {each["client_order_id"]: each for each in peer.orders()}
        told = stage.parity_of(filled)
        words = [stage.row(each).shadow_status for each in (changed, successor)]

    assert (link.fault, link.shadow_account) == ("", peer.number)
    assert told.outcome == "both"
    assert told.there.average_price == Decimal(found[str(filled)]["filled_avg_price"])
    assert told.time_difference_ms is not None
    assert (words[0], found[str(successor)]["limit_price"]) == ("replaced", "1.25")
    assert found[str(successor)]["status"] in {"pending_cancel", "canceled"}


def _ways(peer: Peer, keys: LocalKeys) -> Ways:
    return Ways(
        keys=keys,
        build=lambda token: AlpacaBroker(token=token, url=peer.url),
        refusal=lambda _intent, _now: None,
    )
