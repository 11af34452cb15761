"""What is done in the background on the way to a live broker. Each task may run twice, late, or beside itself."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from broker_handoff import adapters
from broker_handoff.services import gate, guarding, reconciling, sending
from broker_handoff.services.claims import Ways
from broker_handoff.services.disconnecting import end_old_consents, revoke_one, waiting_revocations
from broker_handoff.services.gate import is_gate_open
from broker_handoff.services.telling import tell, untold
from broker_handoff.shadow.mirroring import mirror_due
from raxx import celery as _project  # noqa: F401 - whoever sends a task from here sends it to the project's queue

logger = logging.getLogger(__name__)

REVOCATIONS_S = 15.0
SENDING_S, RECONCILING_S, MIRRORING_S = 2.0, 30.0, 2.0
COMPARED_AT_ONCE = 100
DRAINERS_MAX = 3  # beside the sweep itself


@shared_task(name="broker_handoff.send_intent", expires=30)
def send_intent(intent_id: str) -> None:
    """Make one attempt at what a person wants done at their broker, where one is due."""
    sending.attempt(UUID(intent_id), live_ways())


def send_soon(intent_id: UUID) -> None:
    """Start that task now. Where the queue is away, the sweep starts it as soon as it is back."""
    try:
        send_intent.apply_async([str(intent_id)], retry=False)
    except OperationalError as error:
        logger.warning("intent %s is sent later: %s", intent_id, error)


def live_ways() -> Ways:
    """Return how this installation sends, by its settings."""
    return Ways(
        keys=adapters.key_service(),
        build=adapters.builder(),
        refusal=lambda intent, now: guarding.refusal(intent, is_gate_open=is_gate_open, now=now),
    )


@shared_task(name="broker_handoff.sweep_intents", expires=SENDING_S)
def sweep_intents() -> dict[str, int]:
    """Have what waits attempted, here and by others where it is much: the rows are the queue, Celery's is a bell."""
    others = len(sending.due(DRAINERS_MAX * sending.PAGE)) // sending.PAGE
    for _ in range(others):
        drain_intents.delay()
    return drain_intents()


@shared_task(name="broker_handoff.drain_intents", expires=SENDING_S)
def drain_intents() -> dict[str, int]:
    """Make attempts for a while."""
    return {"attempts": sending.drain(live_ways())}


@shared_task(name="broker_handoff.reconcile_connection", expires=RECONCILING_S)
def reconcile_connection(connection_id: str) -> None:
    """Compare one account at the broker with what we know of it."""
    reconciling.reconcile(UUID(connection_id), keys=adapters.key_service(), build=adapters.builder())


def compare_soon(connection_id: UUID) -> None:
    """Have that done now. Where the queue is away, the sweep has it done as soon as it is back."""
    try:
        reconcile_connection.apply_async([str(connection_id)], retry=False)
    except OperationalError as error:
        logger.warning("connection %s is compared later: %s", connection_id, error)


@shared_task(name="broker_handoff.sweep_connections", expires=10)
def sweep_connections() -> None:
    """Start a comparison of each connection whose turn has come."""
    while taken := reconciling.due(COMPARED_AT_ONCE):
        for connection_id in taken:
            reconcile_connection.delay(str(connection_id))


@shared_task(name="broker_handoff.revoke_connection", expires=600)
def revoke_connection(connection_id: str) -> None:
    """Ask the broker to take back the token of a connection that is over."""
    revoke_one(
        connection_id=UUID(connection_id),
        consent=adapters.consent(),
        keys=adapters.key_service(),
        now=timezone.now(),
    )


def revoke_soon(connection_id: UUID) -> None:
    """Start that task now. Where the queue is away, the sweep starts it as soon as it is back."""
    try:
        revoke_connection.apply_async([str(connection_id)], retry=False)
    except OperationalError as error:
        logger.warning("the broker is asked later: %s", error)


@shared_task(name="broker_handoff.sweep_revocations", expires=REVOCATIONS_S)
def sweep_revocations() -> None:
    """Start a task for each connection whose token the broker has yet to take back; mail whom nobody has told yet."""
    for connection_id in waiting_revocations(now=timezone.now()):
        revoke_connection.delay(str(connection_id))
    for connection_id in untold(now=timezone.now()):
        tell(connection_id=connection_id, now=timezone.now())


@shared_task(name="broker_handoff.mirror_shadows", expires=MIRRORING_S)
def mirror_shadows() -> dict[str, int]:
    """Bring every mirrored account's shadow forward that is due and that no other worker is at."""
    return {"passes": mirror_due(adapters.shadow) if settings.SHADOW_KEY_ID else 0}


@shared_task(name="broker_handoff.judge_records", expires=3_600)
def judge_records() -> dict[str, int]:
    """Judge whoever traded in the month that ended last, once it has ended."""
    return {"judged": gate.judge_due(now=timezone.now())}


@shared_task(name="broker_handoff.end_old_consents", expires=3_600)
def end_consents() -> dict[str, int]:
    """Disconnect those whose consent has been over for a week."""
    return {"ended": end_old_consents(now=timezone.now())}
