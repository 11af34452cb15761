"""What is done in the background, by Celery. Each task may run twice, late, or beside itself."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

from accounts.services.tiers import apply_due
from raxx import celery as _project  # noqa: F401 - as in broker_handoff: what the web sends goes to the project's queue
from trading.ledger_audit import audit_ledger
from trading.lingering import lingering_orders
from trading.services.fitting import fit_everybody
from trading.services.grants import note_expired
from trading.services.history_purge import purge_histories
from trading.services.interest import accrue_due
from trading.services.leavers import end_orders_of_leavers
from trading.services.scheduled_runs import forget_old_runs
from trading.services.settling import settle_accounts
from trading.services.snapshots import take_due_snapshots
from trading.services.staff_acts import due as due_acts, perform_act
from trading.webhooks import delivery

logger = logging.getLogger(__name__)

SWEEP_S = 2.0  # the longest that an event waits for its webhook


@shared_task(name="trading.sweep_webhooks", expires=SWEEP_S)
def sweep_webhooks() -> dict[str, int]:
    """Start a delivery for each endpoint that has something to send."""
    due = delivery.due()
    for endpoint_id in due:
        deliver_webhook.delay(str(endpoint_id))
    return {"endpoints": len(due)}


@shared_task(name="trading.deliver_webhook", expires=60)
def deliver_webhook(endpoint_id: str) -> None:
    """Send what waits for one endpoint; a lease keeps a second task from doing it as well."""
    delivery.deliver(UUID(endpoint_id))


@shared_task(name="trading.settle_accounts", expires=SWEEP_S)
def finish_resets_and_closings() -> dict[str, int]:
    """Do what accounts wait for whose orders have ended."""
    return {"finished": settle_accounts()}


@shared_task(name="trading.end_orders_of_leavers", expires=5)
def end_the_orders_of_leavers() -> dict[str, int]:
    """End the open orders of people who have asked to be erased."""
    return {"accounts": end_orders_of_leavers()}


@shared_task(name="trading.forget_deliveries")
def forget_deliveries() -> dict[str, int]:
    """Delete the record of old attempts."""
    return {"deleted": delivery.forget_old()}


@shared_task(name="trading.apply_tiers")
def apply_tiers() -> dict[str, int]:
    """Apply the downgrades whose day has come, and fit whoever has more than their tier allows."""
    return {"applied": apply_due(now=timezone.now()), "fitted": fit_everybody()}


@shared_task(name="trading.purge_history")
def purge_history() -> dict[str, int]:
    """Let go of what is older than its owner's tier keeps."""
    purged = purge_histories(now=timezone.now())
    return {
        "accounts": len(purged),
        "events": sum(each.events for each in purged),
        "left": sum(not each.is_whole for each in purged),
    }


@shared_task(name="trading.take_snapshots", expires=600)
def take_snapshots() -> dict[str, int]:
    """Write down what accounts were worth at the last closes."""
    closes = take_due_snapshots()
    for taken in closes:
        if taken.unpriced:
            logger.warning("%s: %d accounts without a price at the close", taken.date, taken.unpriced)
    return {"taken": sum(each.taken for each in closes), "unpriced": sum(each.unpriced for each in closes)}


@shared_task(name="trading.expire_grants")
def expire_grants() -> dict[str, int]:
    """Write down which of the staff's grants have expired; they stopped counting by themselves."""
    return {"expired": note_expired()}


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
def sweep_staff_acts() -> dict[str, int]:
    """Start a task for each wish of the staff that nobody performs."""
    due = due_acts()
    for act_id in due:
        perform_staff_act.delay(str(act_id))
    return {"acts": len(due)}


@shared_task(name="trading.verify_ledger", expires=86_400)
def verify_ledger() -> dict[str, int]:
    """Recompute every balance; each difference is an alarm in the log."""
    audit = audit_ledger()
    for difference in audit.differences:
        logger.error("ledger: %s", difference)
    return {"accounts": audit.accounts, "faults": len(audit.differences)}


@shared_task(name="trading.find_lingering_orders", expires=600)
def find_lingering_orders() -> dict[str, int]:
    """Look for orders of a day that is over; each market that has some is an alarm in the log."""
    total = 0
    for found in lingering_orders():
        total += found.orders
        logger.error("market %s: %d orders of %s are still open", found.market_id, found.orders, found.date)
    return {"faults": total}


@shared_task(name="trading.accrue_interest", expires=3_600)
def accrue_interest() -> dict[str, int]:
    """Charge for cash that was owed over the last nights."""
    return {"charged": accrue_due(rate=settings.MARGIN_INTEREST)}


@shared_task(name="trading.forget_scheduled_runs", expires=86_400)
def forget_scheduled_runs() -> dict[str, int]:
    """Delete the record of old runs of all this."""
    return {"deleted": forget_old_runs()}
