"""The Celery application: `celery -A raxx worker` and `celery -A raxx beat`.

A task belongs to the request, command or task that sent it: the message carries the request's id and the
trace, and what the task logs and writes has them too. What beat sends begins a request of its own, and is
written down as a run of its job (raxx.schedule).
"""

from __future__ import annotations

import logging.config
import os
from contextvars import ContextVar
from typing import Any, NamedTuple

from celery import Celery
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun, worker_init

from accounts import tracing
from raxx import job_runs, roles, schedule, telemetry

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raxx.settings")

REQUEST_ID, TRACEPARENT = "raxx_request_id", "traceparent"  # headers of the message

app = Celery("raxx")
app.config_from_object("django.conf:settings", namespace="CELERY")
if roles.current_process() != "beat":  # which sends them by name, and runs none
    app.autodiscover_tasks()
# Here, and no setting: Celery's words are for who imports Celery.
app.conf.beat_schedule = schedule.beat_schedule()
app.set_default()  # of every thread: the web process sends from those that serve


class _Run(NamedTuple):
    """A running task's span, and what stood where it stands now: a task may call another."""

    span: telemetry.Begun | None
    trace_before: tracing.Trace
    run_before: _Run | None
    job: job_runs.Running | None  # of the schedule; None for what something else has sent


_run: ContextVar[_Run | None] = ContextVar("raxx_task_run", default=None)


@setup_logging.connect(weak=False)
def _log_as_everything_else_does(**_: Any) -> None:
    """Keep Celery from formatting lines its own way."""
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)


@worker_init.connect(weak=False)
def _send_spans(**_: Any) -> None:
    telemetry.start("worker")


@before_task_publish.connect(weak=False)
def _hand_on(headers: dict[str, Any], **_: Any) -> None:
    known = tracing.current()
    if known.request_id:
        headers[REQUEST_ID] = known.request_id
        headers[TRACEPARENT] = tracing.traceparent()


@task_prerun.connect(weak=False)
def _begin(task: Any, **_: Any) -> None:
    before = tracing.current()
    said = task.request.get
    request_id, traceparent = said(REQUEST_ID), said(TRACEPARENT)
    if request_id is None and task.request.is_eager:  # it was called, not sent
        request_id, traceparent = before.request_id, tracing.traceparent()
    tracing.begin(request_id=request_id or "", traceparent=traceparent or "")
    tracing.set_actor("task", task.name)
    span = telemetry.begin_task(task.name)
    _run.set(_Run(span, before, _run.get(), job_runs.begin(task.request)))


@task_postrun.connect(weak=False)
def _end(state: str | None = None, retval: object = None, **_: Any) -> None:
    run = _run.get()
    if run is None:
        return  # it never began
    if run.job is not None:
        job_runs.end(run.job, has_failed=state == "FAILURE", result=retval)
    if run.span is not None:
        telemetry.end_task(run.span, has_failed=state == "FAILURE")
    _run.set(run.run_before)
    tracing.resume(run.trace_before)
