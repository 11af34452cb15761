"""What is done in the background, by Celery. Each task may run twice, late, or beside itself."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.services.tiers import apply_due
from raxx import celery as _project  # noqa: F401 - as in broker_handoff: what the web sends goes to the project's queue
from trading.services.fitting import fit_everybody
from trading.services.grants import note_expired
from trading.services.history_purge import purge_histories
from trading.services.leavers import end_orders_of_leavers
from trading.services.settling import settle_accounts
from trading.services.snapshots import take_due_snapshots
from trading.services.staff_acts import due as due_acts, perform_act
from trading.webhooks import delivery

logger = logging.getLogger(__name__)

SWEEP_S = 2.0  # the longest that an event waits for its webhook


@shared_task(name="trading.sweep_webhooks", expires=SWEEP_S)
def sweep_webhooks() -> None:
    """Start a delivery for each endpoint that has something to send."""
    for endpoint_id in delivery.due():
        deliver_webhook.delay(str(endpoint_id))


@shared_task(name="trading.deliver_webhook", expires=60)
def deliver_webhook(endpoint_id: str) -> None:
    """Send what waits for one endpoint; a lease keeps a second task from doing it as well."""
    delivery.deliver(UUID(endpoint_id))


@shared_task(name="trading.settle_accounts", expires=SWEEP_S)
def finish_resets_and_closings() -> None:
    """Do what accounts wait for whose orders have ended."""
    settle_accounts()


@shared_task(name="trading.end_orders_of_leavers", expires=5)
def end_the_orders_of_leavers() -> None:
    """End the open orders of people who have asked to be erased."""
    end_orders_of_leavers()


@shared_task(name="trading.forget_deliveries")
def forget_deliveries() -> None:
    """Delete the record of old attempts."""
    delivery.forget_old()


@shared_task(name="trading.apply_tiers")
def apply_tiers() -> None:
    """Apply the downgrades whose day has come, and fit whoever has more than their tier allows."""
    apply_due(now=timezone.now())
    fit_everybody()


@shared_task(name="trading.purge_history")
def purge_history() -> None:
    """Let go of what is older than its owner's tier keeps."""
    purge_histories(now=timezone.now())


@shared_task(name="trading.take_snapshots", expires=600)
def take_snapshots() -> None:
    """Write down what accounts were worth at the last closes."""
    for taken in take_due_snapshots():
        if taken.unpriced:
            logger.warning("%s: %d accounts without a price at the close", taken.date, taken.unpriced)


@shared_task(name="trading.expire_grants")
def expire_grants() -> None:
    """Write down which of the staff's grants have expired; they stopped counting by themselves."""
    note_expired(now=timezone.now())


@shared_task(name="trading.perform_staff_act", expires=60)
def perform_staff_act(act_id: str) -> None:
    """Do what a member of staff has asked for."""
    perform_act(UUID(act_id))


def perform_soon(act_id: UUID) -> None:
    """Start that task now. Where the queue is away, the sweep starts it as soon as it is back."""
    try:
        perform_staff_act.apply_async([str(act_id)], retry=False)
    except OperationalError as error:
        logger.warning("act %s is performed later: %s", act_id, error)


@shared_task(name="trading.sweep_staff_acts", expires=5)
def sweep_staff_acts() -> None:
    """Start a task for each wish of the staff that nobody performs."""
    for act_id in due_acts():
        perform_staff_act.delay(str(act_id))
