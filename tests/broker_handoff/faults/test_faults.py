"""A thousand intents while the network, the workers and the queue fail: at the broker is what was meant, each once."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.utils import timezone

from broker_handoff import adapters
from broker_handoff.models import IntentEvent, LiveIntent
from broker_handoff.states import FINAL, NEXT, IntentStatus
from raxx import embedded, process, roles
from raxx.process import Program
from tests.acceptance.killer import seed
from tests.broker_handoff.faults.proxy import FAULTS, running_proxy
from tests.broker_handoff.faults.worker import BLOCKED_QUANTITY, POINTS, hurried
from tests.broker_handoff.peer.installation import SYMBOL
from tests.broker_handoff.people import make_connection
from tests.broker_handoff.wishes import make_intent, new_intent
from tests.stream.server import database_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import redis

    from broker_handoff.models import BrokerConnection
    from tests.broker_handoff.faults.proxy import Proxy
    from tests.broker_handoff.peer.installation import Peer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.acceptance,
    pytest.mark.timeout(900),
    pytest.mark.django_db(transaction=True),
]

INTENTS = int(os.environ.get("RAXX_HANDOFF_INTENTS", "200"))  # CI has a thousand
WITHIN_S = 400.0
SHARE = 0.25  # of the exchanges that go wrong
ODDS = max(0.004, min(0.03, 8 / INTENTS))  # of dying at each point of an attempt
LATE_S = 2.5  # longer than anybody waits, shorter than an absence is believed
FLUSHES = 4
TERMS = {
    "symbol": SYMBOL,
    "side": "buy",
    "type": "limit",
    "time_in_force": "gtc",
    "qty": "1",
    "limit_price": "1.5",
}
REFUSED = {**TERMS, "qty": "1000000"}
BLOCKED = {**TERMS, "qty": BLOCKED_QUANTITY}


@contextmanager
def workers(proxy: Proxy, folder: Path, chance: int) -> Iterator[Path]:
    """Run Celery over the test's database while the block lasts; yield the list of the dead."""
    deaths = folder / "deaths"
    deaths.touch()
    nowhere = "http://127.0.0.1:1"
    program = Program(
        name="worker",
        argv=(sys.executable, "-m", "tests.broker_handoff.faults.worker"),
        environment={
            "DATABASE_URL": database_url(roles.WORKER),
            "PYTHONPATH": str(settings.BASE_DIR),
            "CELERY_SKIP_CHECKS": "1",
            "RAXX_LIVE": "on",
            "RAXX_BROKER_API_URL": proxy.url,
            "RAXX_BROKER_AUTHORIZE_URL": nowhere,
            "RAXX_BROKER_TOKEN_URL": nowhere,
            "RAXX_BROKER_CLIENT_ID": "nobody",
            "RAXX_BROKER_CLIENT_SECRET": "nothing",
            "RAXX_FAULT_SEED": str(chance),
            "RAXX_FAULT_ODDS": str(ODDS),
            "RAXX_FAULT_DEATHS": str(deaths),
        },
        folder=settings.BASE_DIR,
    )
    with (folder / "worker.log").open("ab") as log:
        child = process.spawn(program, settings.DATA_FOLDER.root / "a worker of the handoff", log)
    try:
        yield deaths
    finally:
        embedded.stop(program, child)
        process.kill_group(child.pid)


def test_the_broker_ends_with_exactly_what_was_meant(peer: Peer, valkey: redis.Redis, tmp_path: Path) -> None:
    chance = seed()
    began = time.monotonic()
    before = {order["id"] for order in peer.orders()}
    connection = make_connection(token=peer.token, keys=adapters.key_service())
    few = max(4, INTENTS // 40)
    soon = timezone.now() + timedelta(seconds=15)
    many = timezone.now() + timedelta(seconds=2 * WITHIN_S)
    refused = _wishes(connection, REFUSED, many, few)
    blocked = _wishes(connection, BLOCKED, many, few)
    hasty = _wishes(connection, TERMS, soon, few)
    meant = _wishes(connection, TERMS, many, INTENTS - 5 * few)

    with running_proxy(peer.url, share=SHARE, seed=chance, late_s=LATE_S) as proxy:
        assert hurried().processing.total_seconds() > LATE_S
        with workers(proxy, tmp_path, chance) as dead:
            _until_settled(valkey)
            first = _statuses()
            assert {first[one.pk] for one in meant} == {"working"}
            # What works is canceled and replaced under the same faults.
            canceled, replaced = meant[:few], meant[few : 2 * few]
            cancels = [_follow(connection, "cancel", _fresh(one), {}, many) for one in canceled]
            followers = [_follow(connection, "replace", _fresh(one), {"qty": "2"}, many) for one in replaced]
            _until_settled(valkey)
            deaths = Counter(dead.read_text().splitlines())

    print(
        f"RAXX_FAULT_SEED={chance}: {INTENTS} intents in {time.monotonic() - began:.0f} s; "
        f"{sum(proxy.done.values())} exchanges: {dict(proxy.done)}; deaths: {dict(deaths)}"
    )
    statuses = _statuses()
    made = [order for order in peer.orders() if order["id"] not in before]
    at_broker = {order["client_order_id"]: order for order in made}
    assert len(at_broker) == len(made)  # no name twice
    assert {statuses[one.pk] for one in refused} == {"refused"}
    assert {statuses[one.pk] for one in blocked} == {"blocked"}
    assert {statuses[one.pk] for one in hasty} <= {"working", "lapsed"}
    assert {statuses[one.pk] for one in cancels} == {"done"}
    assert {statuses[one.pk] for one in followers} == {"working"}
    # A cancel that was in doubt has learnt of its order's end by the way.
    assert {statuses[one.pk] for one in canceled} <= {"working", "canceled"}
    in_time = [one for one in hasty if statuses[one.pk] == "working"]
    there = [*meant, *followers, *in_time]
    assert set(at_broker) == {str(one.pk) for one in there}
    assert {at_broker[str(one.pk)]["status"] for one in canceled} <= {"canceled", "pending_cancel"}
    assert {at_broker[str(one.pk)]["status"] for one in replaced} <= {"replaced", "pending_replace"}
    rows = LiveIntent.objects.in_bulk([one.pk for one in there])
    assert all(rows[one.pk].broker_order_id == at_broker[str(one.pk)]["id"] for one in there)
    _require_possible_steps()
    assert set(deaths) == set(POINTS)
    assert set(proxy.done) == {*FAULTS, "none"}


def _wishes(
    connection: BrokerConnection, terms: dict[str, str], deadline_at: Any, count: int
) -> list[LiveIntent]:
    made = [new_intent(connection, terms=terms, deadline_at=deadline_at) for _ in range(count)]
    return LiveIntent.objects.bulk_create(made)


def _follow(
    connection: BrokerConnection, kind: str, target: LiveIntent, terms: dict[str, str], deadline_at: Any
) -> LiveIntent:
    return make_intent(connection, kind=kind, target=target, terms=terms, deadline_at=deadline_at)


def _fresh(intent: LiveIntent) -> LiveIntent:
    return LiveIntent.objects.get(pk=intent.pk)


def _statuses() -> dict[Any, str]:
    return dict(LiveIntent.objects.values_list("pk", "status"))


def _until_settled(valkey: redis.Redis) -> None:
    """Wait until nobody has anything to send, and empty Valkey some times meanwhile."""
    open_ = LiveIntent.objects.filter(status__in=("accepted", "sending"))
    total = open_.count()
    flushes = [total * (FLUSHES - n) // (FLUSHES + 1) for n in range(FLUSHES)]
    left = _wait(open_.count, flushes, valkey)
    assert left == 0, Counter(open_.values_list("status", "words"))


def _wait(count: Callable[[], int], flushes: list[int], valkey: redis.Redis) -> int:
    until = time.monotonic() + WITHIN_S
    while (left := count()) and time.monotonic() < until:
        if flushes and left <= flushes[0]:
            flushes.pop(0)
            valkey.flushall()
        time.sleep(0.1)  # the rows of others' transactions have no bell
    return left


def _require_possible_steps() -> None:
    """Assert that every intent went by the table of states, in its events."""
    before: dict[Any, IntentStatus] = {}
    for intent_id, status in IntentEvent.objects.order_by("at", "pk").values_list("intent_id", "status"):
        was, now = before.get(intent_id, IntentStatus.ACCEPTED), IntentStatus(status)
        assert now is was or now in NEXT.get(was, frozenset()), (intent_id, was, now)
        before[intent_id] = now
    rows = LiveIntent.objects.all()
    assert all(before.get(row.pk) == row.status for row in rows)
    assert all((row.finished_at is not None) == (row.status in FINAL) for row in rows)
