"""Scheduled work: one table, every run of it written down, what was missed made up for, and doctor who tells."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from celery import Celery
from celery.schedules import crontab
from django.db import connection
from django.db.utils import ProgrammingError
from django.utils import timezone

import raxx.tasks
from raxx import job_runs, overdue, roles
from raxx.celery import app as project
from raxx.doctor import examine
from raxx.overdue import SLACK, missed, states
from raxx.schedule import AGAIN_AFTER, BY_NAME, JOB, JOBS
from tests.factories.rows import NOON, make_account, make_market, make_order
from tests.factories.whole_person import as_worker
from tests.raxx.working import working
from tests.trading.stage import store_season
from trading import reference, tasks
from trading.models import ScheduledRun
from trading.services.scheduled_runs import KEPT, begin_run

if TYPE_CHECKING:
    from collections.abc import Iterator

LEDGER = BY_NAME["verify-ledger"]
SWEEP = BY_NAME["sweep-webhooks"]
PATIENCE_S = 20.0


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    job_runs.forget()
    yield
    job_runs.forget()


def ran(name: str, ago: timedelta = timedelta(0), outcome: str = "done", **fields: Any) -> ScheduledRun:
    took = None if outcome in {"running", "lost"} else 5
    at = timezone.now() - ago
    return ScheduledRun.objects.create(
        job=name, started_at=at, outcome=outcome, **{"duration_ms": took, **fields}
    )


def all_ran() -> None:
    for job in JOBS:
        ran(job.name, is_latest_only=job.is_sweep)


def run(name: str, *, result: object = None, error: Exception | None = None) -> None:
    """Do as the worker does around a task."""
    running = job_runs.begin({JOB: name})
    assert running is not None
    job_runs.end(running, has_failed=error is not None, result=error or result)


# --- The table ------------------------------------------------------------------------------------


def test_beat_starts_the_table_and_nothing_else() -> None:
    project.loader.import_default_modules()
    entries = project.conf.beat_schedule

    assert len(BY_NAME) == len(JOBS)
    assert set(entries) == set(BY_NAME)
    for job in JOBS:
        entry = entries[job.name]
        assert entry["task"] in project.tasks, job
        assert entry["options"]["headers"] == {JOB: job.name}
        # A message is worth nothing any more when the next one comes.
        assert entry["options"]["expires"] == job.every.total_seconds()
        assert job.does
        assert job.once
        assert (job.at is not None) == (job.every == timedelta(days=1)), job
    ledger = entries["verify-ledger"]["schedule"]
    assert isinstance(ledger, crontab)
    assert (ledger.hour, ledger.minute) == ({5}, {40})


def test_what_beat_sends_is_known_to_the_worker_as_its_job(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Celery("of_schedule", broker="memory://", set_as_current=False)
    app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)
    seen: dict[str, Any] = {}
    both = threading.Event()

    def begin(request: Any) -> Any:
        seen["begun"] = request.get(JOB)
        return "running"

    def end(running: object, **told: Any) -> None:
        seen.update(running=running, **told)
        both.set()

    monkeypatch.setattr(job_runs, "begin", begin)
    monkeypatch.setattr(job_runs, "end", end)

    @app.task(name="of_schedule.verify")
    def verify() -> dict[str, int]:
        return {"accounts": 3}

    with working(app, shutdown_timeout=PATIENCE_S):
        app.send_task("of_schedule.verify", **LEDGER.options)
        assert both.wait(PATIENCE_S)

    assert seen == {
        "begun": "verify-ledger",
        "running": "running",
        "has_failed": False,
        "result": {"accounts": 3},
    }


# --- Runs -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_run_is_written_down_from_its_begin_to_its_end_by_the_worker_s_role() -> None:
    with as_worker():
        running = job_runs.begin({JOB: "verify-ledger"})
        assert running is not None
        (begun,) = ScheduledRun.objects.all()
        assert (begun.job, begun.outcome, begun.duration_ms) == ("verify-ledger", "running", None)
        job_runs.end(running, has_failed=False, result={"accounts": 3, "faults": 0, "names": "Alice"})
        (ended,) = ScheduledRun.objects.all()
        assert (ended.outcome, ended.error) == ("done", "")
        assert ended.counts == {"accounts": 3, "faults": 0}
        assert ended.duration_ms is not None

        run("verify-ledger", error=ValueError("no such thing\nDETAIL: Key (email)=(alice@example.com)"))
        failed = ScheduledRun.objects.order_by("-pk")[0]
        assert (failed.outcome, failed.error) == ("failed", "ValueError: no such thing")

    assert job_runs.begin({}) is None  # what somebody else has sent is no run of the schedule


@pytest.mark.django_db(transaction=True)
def test_who_serves_people_may_not_read_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.APP}")
        try:
            with pytest.raises(ProgrammingError, match="permission denied"):
                cursor.execute("select * from trading_scheduledrun")
        finally:
            cursor.execute("reset role")


@pytest.mark.django_db(transaction=True)
def test_a_sweep_keeps_one_row_which_changes_when_its_outcome_does(monkeypatch: pytest.MonkeyPatch) -> None:
    run(SWEEP.name, result={"endpoints": 1})
    run(SWEEP.name, result={"endpoints": 2})  # a moment later: not worth a commit
    (row,) = ScheduledRun.objects.all()
    assert (row.outcome, row.counts) == ("done", {"endpoints": 1})

    run(SWEEP.name, error=OSError("no route"))
    row.refresh_from_db()
    assert (row.outcome, row.error) == ("failed", "OSError: no route")

    run(SWEEP.name, result={"endpoints": 3})
    row.refresh_from_db()
    assert (row.outcome, row.counts) == ("done", {"endpoints": 3})
    monkeypatch.setattr(job_runs, "SWEEP_NOTED_S", 0.0)
    run(SWEEP.name, result={"endpoints": 4})
    row.refresh_from_db()
    assert row.counts == {"endpoints": 4}
    assert ScheduledRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_run_that_never_ended_is_lost_and_old_ones_are_forgotten() -> None:
    lost = ran("verify-ledger", timedelta(days=1, hours=1), "running")
    young = ran("verify-ledger", timedelta(hours=2), "running")
    begin_run(job="verify-ledger", every=LEDGER.every, now=timezone.now())
    lost.refresh_from_db()
    young.refresh_from_db()
    assert (lost.outcome, young.outcome) == ("lost", "running")

    old, kept = ran("purge-history", KEPT * 1.01), ran("purge-history", KEPT * 0.99)
    with as_worker():
        assert tasks.forget_scheduled_runs() == {"deleted": 1}
    assert not ScheduledRun.objects.filter(pk=old.pk).exists()
    assert ScheduledRun.objects.filter(pk=kept.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_refuses_does_not_stop_the_task() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"set role {roles.APP}")
        try:
            run("verify-ledger", result={})
            run(SWEEP.name, result={})
        finally:
            cursor.execute("reset role")
    assert not ScheduledRun.objects.exists()


# --- What was missed ------------------------------------------------------------------------------

DAY = timedelta(days=1)
PASTS: dict[str, tuple[list[tuple[timedelta, str]], bool]] = {
    "done in time": ([(DAY, "done")], False),
    "done too long ago": ([(DAY + SLACK * 1.1, "done")], True),
    "failed, and tried again soon enough": ([(DAY * 2, "done"), (AGAIN_AFTER * 0.9, "failed")], False),
    "failed a while ago": ([(DAY * 2, "done"), (AGAIN_AFTER * 1.1, "failed")], True),
    "failed, but done since": ([(timedelta(hours=2), "failed"), (timedelta(hours=1), "done")], False),
    "running": ([(DAY * 2, "done"), (AGAIN_AFTER * 0.5, "running")], False),
    "never": ([], True),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("past", "is_missed"), PASTS.values(), ids=PASTS)
def test_a_job_is_made_up_for_when_none_of_its_runs_ended_well_for_longer_than_its_period(
    past: list[tuple[timedelta, str]], is_missed: bool
) -> None:
    for ago, outcome in past:
        ran("verify-ledger", ago, outcome)

    names = {job.name for job in missed(timezone.now())}

    assert ("verify-ledger" in names) is is_missed
    assert SWEEP.name not in names  # beat comes again before anybody could look


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_what_was_missed_is_sent_once_in_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    all_ran()
    ScheduledRun.objects.filter(job="verify-ledger").update(started_at=timezone.now() - 2 * DAY)
    sent = Mock()
    monkeypatch.setattr(raxx.tasks.current_app, "send_task", sent)

    with as_worker():
        assert raxx.tasks.catch_up() == {"started": 1}
        assert raxx.tasks.catch_up() == {"started": 0}

    sent.assert_called_once_with("trading.verify_ledger", **LEDGER.options)


# --- The doctor -----------------------------------------------------------------------------------


def told() -> tuple[bool, str]:
    (finding,) = examine(["schedule"])
    return finding.is_well, finding.detail


@pytest.mark.django_db
def test_the_doctor_names_what_is_late_what_failed_and_what_found_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The installation is young: nothing has run, and nothing need have.
    monkeypatch.setattr(overdue, "_first", timezone.now)
    assert told() == (True, f"{len(JOBS)} jobs, none late; 0 have run")

    long_ago = timezone.now() - timedelta(days=3)
    monkeypatch.setattr(overdue, "_first", lambda: long_ago)
    all_ran()
    assert told() == (True, f"{len(JOBS)} jobs, none late; {len(JOBS)} have run")

    ledger = ScheduledRun.objects.filter(job="verify-ledger")
    ledger.update(started_at=timezone.now() - 2.1 * DAY)
    assert told() == (False, "did not run for twice their period: verify-ledger")

    ledger.delete()
    assert told() == (False, "did not run for twice their period: verify-ledger")

    ran("verify-ledger", outcome="failed", error="OperationalError: gone")
    assert told() == (False, "verify-ledger failed: OperationalError: gone")

    ran("verify-ledger", counts={"faults": 2})
    assert told() == (False, "verify-ledger found 2 faults")

    ran("verify-ledger", counts={"faults": 0})
    assert told()[0]
    assert {state.job.name for state in states() if state.last is None} == set()


# --- What is new in the table ---------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_ledger_is_verified_by_the_worker_and_a_difference_is_an_alarm(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = make_account(cash=1000)
    with as_worker():
        assert tasks.verify_ledger() == {"accounts": 1, "faults": 0}
    type(account).objects.across_owners().filter(pk=account.pk).update(cash=7)

    with as_worker():
        assert tasks.verify_ledger() == {"accounts": 1, "faults": 1}
    assert "cash_is_the_sum_of_its_postings" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_an_order_of_a_day_that_is_over_is_an_alarm(caplog: pytest.LogCaptureFixture) -> None:
    reference.forget()
    store_season()
    market = make_market()
    account = make_account(market=market)
    make_order(account, status="new")  # of Tuesday's regular session
    make_order(account, status="new", time_in_force="gtc")
    make_order(account, status="expired")
    make_order(account, status="accepted", submitted_at=NOON.replace(hour=21))  # for Wednesday

    def at(hour: int, minute: int) -> dict[str, int]:
        market.anchor_at = datetime(2013, 10, 9, hour, minute, tzinfo=UTC)
        market.save()
        with as_worker():
            return tasks.find_lingering_orders()

    assert at(0, 14) == {"faults": 0}  # the post-market session ended at midnight of UTC
    assert at(0, 16) == {"faults": 1}
    assert "1 orders of 2013-10-08 are still open" in caplog.text
