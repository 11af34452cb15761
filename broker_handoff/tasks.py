"""What is done in the background on the way to a live broker. Each task may run twice, late, or beside itself."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from broker_handoff import adapters
from broker_handoff.services.disconnecting import end_old_consents, revoke_one, waiting_revocations

logger = logging.getLogger(__name__)

REVOCATIONS_S = 15.0


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
    """Start a task for each connection whose token the broker has yet to take back."""
    for connection_id in waiting_revocations(now=timezone.now()):
        revoke_connection.delay(str(connection_id))


@shared_task(name="broker_handoff.end_old_consents", expires=3_600)
def end_consents() -> None:
    """Disconnect those whose consent has been over for a week."""
    end_old_consents(now=timezone.now())
