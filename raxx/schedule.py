"""Every piece of scheduled work, in one table: what beat starts, and when; what doctor and metrics watch.

What has to happen at an instant of the market (sessions that open and close, day orders that expire, auctions) is
not here: the matcher does it by market time, which a tape may stop or hurry (matching/engine/sessions.py). Here is
what may be a moment late: every job finds what is due by itself, from rows, so that it may run twice, late, or
beside itself, and makes up for what was missed. raxx/decisions/0001-scheduled-work.md says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

JOB = "raxx_job"  # header of a message: for which row of the table it runs
SWEEP_BELOW = timedelta(minutes=1)  # more frequent jobs keep one row each, of their last run
MADE_UP_FROM = timedelta(minutes=5)  # more frequent ones come again soon enough by themselves
AGAIN_AFTER = timedelta(minutes=10)  # what failed, or was sent and has not begun, is sent again
OVERDUE_MIN = timedelta(minutes=1)  # what is short is not late because a worker was busy for a moment

SECOND, MINUTE, HOUR, DAY = (
    timedelta(seconds=1),
    timedelta(minutes=1),
    timedelta(hours=1),
    timedelta(days=1),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row. `once` says once per what its effect happens, however often it runs.

    Daily work has an hour, `at`, of UTC: after New York's post-market session, whichever the season.
    """

    name: str
    task: str
    does: str
    once: str
    every: timedelta = DAY
    at: time | None = None

    @property
    def is_sweep(self) -> bool:
        """Whether it runs too often for each run to be kept."""
        return self.every < SWEEP_BELOW

    @property
    def is_made_up(self) -> bool:
        """Whether a run that was missed is started as soon as it can be."""
        return self.every >= MADE_UP_FROM

    @property
    def overdue_after(self) -> timedelta:
        """How long after its last run it is late."""
        return max(2 * self.every, OVERDUE_MIN)

    @property
    def options(self) -> dict[str, Any]:
        """Return how its message is sent: worthless by the time of the next one."""
        return {"expires": self.every.total_seconds(), "headers": {JOB: self.name}}


JOBS = (
    Job(
        name="sweep-webhooks",
        task="trading.sweep_webhooks",
        every=2 * SECOND,
        does="starts deliveries, and deliveries again, of webhooks that have something to send",
        once="event and endpoint, by its cursor and lease",
    ),
    Job(
        name="sweep-staff-acts",
        task="trading.sweep_staff_acts",
        every=5 * SECOND,
        does="has the wishes of the staff performed that nobody performs",
        once="wish",
    ),
    Job(
        name="settle-accounts",
        task="trading.settle_accounts",
        every=2 * SECOND,
        does="finishes the resets and closings whose orders have ended",
        once="account and generation",
    ),
    Job(
        name="end-orders-of-leavers",
        task="trading.end_orders_of_leavers",
        every=5 * SECOND,
        does="ends the open orders of people who have asked to be erased",
        once="order",
    ),
    Job(
        name="make-exports",
        task="accounts.make_exports",
        every=5 * SECOND,
        does="makes the archives that people wait for",
        once="request",
    ),
    Job(
        name="sweep-intents",
        task="broker_handoff.sweep_intents",
        every=2 * SECOND,
        does="has live intents attempted that wait",
        once="attempt, by a claim",
    ),
    Job(
        name="sweep-connections",
        task="broker_handoff.sweep_connections",
        every=10 * SECOND,
        does="has each live connection compared with its broker when its turn has come",
        once="connection and 30 seconds",
    ),
    Job(
        name="sweep-revocations",
        task="broker_handoff.sweep_revocations",
        every=15 * SECOND,
        does="has brokers take back the tokens of connections that are over, and mails whom nobody has told",
        once="connection",
    ),
    Job(
        name="mirror-shadows",
        task="broker_handoff.mirror_shadows",
        every=2 * SECOND,
        does="brings the shadows of mirrored accounts forward",
        once="event of a mirrored account",
    ),
    Job(
        name="catch-up",
        task="raxx.catch_up",
        every=10 * SECOND,
        does="starts jobs of this table that were missed, or failed a while ago",
        once="job and ten minutes",
    ),
    Job(
        name="expire-grants",
        task="trading.expire_grants",
        every=MINUTE,
        does="writes down which grants of the staff have expired",
        once="grant",
    ),
    Job(
        name="anchor-audit",
        task="accounts.anchor_audit",
        every=5 * MINUTE,
        does="signs how far the audit log has come, outside the database",
        once="head of a chain",
    ),
    Job(
        name="take-snapshots",
        task="trading.take_snapshots",
        every=10 * MINUTE,
        does="writes down what accounts were worth at each market's last closes",
        once="account and trading day; a week is made up for",
    ),
    Job(
        name="sweep-exports",
        task="accounts.sweep_exports",
        every=10 * MINUTE,
        does="deletes archives that nobody fetched in time",
        once="archive",
    ),
    Job(
        name="find-lingering-orders",
        task="trading.find_lingering_orders",
        every=10 * MINUTE,
        does="raises an alarm for orders of the day that the matcher left open after their session",
        once="order and look",
    ),
    Job(
        name="accrue-interest",
        task="trading.accrue_interest",
        every=HOUR,
        does="charges interest for cash that was owed over a New York night, where a rate is set",
        once="account and calendar day; a week is made up for",
    ),
    Job(
        name="judge-records",
        task="broker_handoff.judge_records",
        every=HOUR,
        does="judges for the gate whoever traded in the month that ended last",
        once="person and month",
    ),
    Job(
        name="sweep-sessions",
        task="accounts.sweep_sessions",
        every=HOUR,
        does="writes down which sessions ended by themselves, and deletes old ones",
        once="session",
    ),
    Job(
        name="erase-people",
        task="accounts.erase_people",
        every=HOUR,
        does="forgets everybody whose thirty days are over",
        once="person",
    ),
    Job(
        name="end-old-consents",
        task="broker_handoff.end_old_consents",
        every=HOUR,
        does="disconnects those whose consent has been over for a week",
        once="connection",
    ),
    Job(
        name="verify-new-audit",
        task="accounts.verify_new_audit",
        every=HOUR,
        does="judges what was appended to the audit log since its last anchor",
        once="look",
    ),
    Job(
        name="purge-history",
        task="trading.purge_history",
        at=time(4, 10),
        does="lets go of what is older than its owner's tier keeps",
        once="event",
    ),
    Job(
        name="apply-tiers",
        task="trading.apply_tiers",
        at=time(4, 30),
        does="applies the downgrades whose day has come, and fits whoever has more than their tier allows",
        once="change of a tier",
    ),
    Job(
        name="forget-deliveries",
        task="trading.forget_deliveries",
        at=time(4, 40),
        does="deletes the record of webhooks' attempts after 30 days",
        once="attempt",
    ),
    Job(
        name="forget-chains",
        task="accounts.forget_chains",
        at=time(4, 50),
        does="lets go of the audit log of the erased, two years after its last word",
        once="chain",
    ),
    Job(
        name="forget-runs",
        task="trading.forget_scheduled_runs",
        at=time(5, 0),
        does="deletes the record of scheduled runs after 30 days",
        once="run",
    ),
    Job(
        name="verify-audit",
        task="accounts.verify_audit",
        at=time(5, 10),
        does="judges the whole audit log against its anchors",
        once="look",
    ),
    Job(
        name="verify-ledger",
        task="trading.verify_ledger",
        at=time(5, 40),
        does="recomputes every balance from first principles",
        once="look",
    ),
)
BY_NAME = {job.name: job for job in JOBS}


def beat_schedule() -> dict[str, dict[str, Any]]:
    """Return the table in the words of Celery's beat."""
    from celery.schedules import crontab  # not for those who read the table, and need nothing of Celery

    return {
        job.name: {
            "task": job.task,
            "schedule": job.every if job.at is None else crontab(hour=job.at.hour, minute=job.at.minute),
            "options": job.options,
        }
        for job in JOBS
    }
