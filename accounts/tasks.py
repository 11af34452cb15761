"""What is done in the background, by Celery, for people and access. Each task may run twice, or beside itself."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from accounts.services.anchoring import anchor_audit, verify_audit
from accounts.services.erasures import erase_due, forget_chains
from accounts.services.exports import make_exports, sweep_exports
from accounts.services.sweeping import end_dead_sessions, forget_old

logger = logging.getLogger(__name__)


@shared_task(name="accounts.anchor_audit", expires=300)
def anchor() -> dict[str, int]:
    """Write down outside the database how far the audit log has come."""
    return {"anchors": int(anchor_audit() is not None)}


@shared_task(name="accounts.verify_new_audit", expires=3_600)
def verify_new() -> dict[str, int]:
    """Judge what was appended since the last anchor; every fault is an alarm in the log."""
    return _alarm(since_anchor=True)


@shared_task(name="accounts.verify_audit", expires=86_400)
def verify_all() -> dict[str, int]:
    """Judge the whole audit log; every fault is an alarm in the log."""
    return _alarm(since_anchor=False)


@shared_task(name="accounts.sweep_sessions", expires=3_600)
def sweep_sessions() -> dict[str, int]:
    """Write down which sessions have ended by themselves, and delete what has been over for long enough."""
    return {"ended": end_dead_sessions(), "deleted": sum(forget_old().values())}


@shared_task(name="accounts.make_exports", expires=5)
def make_the_exports() -> dict[str, int]:
    """Make the archives that people wait for."""
    return {"made": make_exports()}


@shared_task(name="accounts.sweep_exports", expires=600)
def sweep_the_exports() -> None:
    """Delete archives that nobody fetched in time."""
    sweep_exports()


@shared_task(name="accounts.erase_people", expires=3_600)
def erase_people() -> dict[str, int]:
    """Forget everybody whose thirty days are over; who cannot be forgotten yet is an alarm in the log."""
    waiting = erase_due(now=timezone.now()).waiting
    for user_id in waiting:
        logger.error("user %s was due to be erased, and is not", user_id)
    return {"waiting": len(waiting)}


@shared_task(name="accounts.forget_chains", expires=86_400)
def forget_old_chains() -> dict[str, int]:
    """Let go of the audit log of people who are erased, two years after its last word."""
    return {"chains": forget_chains()}


def _alarm(*, since_anchor: bool) -> dict[str, int]:
    report = verify_audit(since_anchor=since_anchor)
    for fault in report.faults:
        logger.error("audit log: %s", fault)
    for warning in report.warnings:
        logger.warning("audit log: %s", warning)
    return {"faults": len(report.faults), "warnings": len(report.warnings)}
