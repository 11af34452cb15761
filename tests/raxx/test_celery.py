"""A task belongs to what sent it: through a real broker, to a real worker."""

from __future__ import annotations

import logging
import re
import threading

import pytest
from celery import Celery, shared_task

from accounts import tracing
from raxx import celery as project
from tests.raxx.working import working

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PATIENCE_S = 20.0

logger = logging.getLogger("raxx.of_test")


class Seen:
    """What tasks have seen, as they end."""

    def __init__(self):
        self._traces = {}
        self._changed = threading.Condition()

    def note(self, name):
        with self._changed:
            self._traces[name] = tracing.current()
            self._changed.notify_all()

    def of(self, name):
        with self._changed:
            assert self._changed.wait_for(lambda: name in self._traces, PATIENCE_S), name
            return self._traces[name]


seen = Seen()


@pytest.fixture(scope="module")
def app():
    """Return an application on a broker in memory, with the project's signals, which are of every application."""
    app = Celery("of_test", broker="memory://", set_as_current=False)
    app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)

    @app.task(name="of_test.inner", bind=True)
    def inner(task, name):
        logger.warning("inner")
        seen.note(name)

    @app.task(name="of_test.outer", bind=True)
    def outer(task, name):
        seen.note(name)
        inner.delay(f"{name} inner")
        inner.apply(args=(f"{name} within",)).get(disable_sync_subtasks=False)
        seen.note(f"{name} after")

    @app.task(name="of_test.failing", bind=True)
    def failing(task, name):
        seen.note(name)
        raise RuntimeError("as it should")

    return app


@pytest.fixture(scope="module")
def worker(app):
    """Have a worker that does one task after the other."""
    with working(app, shutdown_timeout=PATIENCE_S):
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    tracing.end()


def test_a_task_has_the_request_and_the_trace_of_who_sent_it_and_acts_as_itself(app, worker):
    sent = tracing.begin(request_id="mine.1", traceparent=f"00-{TRACE_ID}-00f067aa0ba902b7-01")
    app.tasks["of_test.outer"].delay("one")
    ran = seen.of("one after")

    assert (ran.request_id, ran.trace_id, ran.parent_span_id) == ("mine.1", TRACE_ID, sent.span_id)
    assert ran.span_id not in {"", sent.span_id}
    assert ran.actor == "task:of_test.outer"
    assert seen.of("one") == ran


def test_what_a_task_sends_or_calls_belongs_to_the_same_request(app, worker):
    tracing.begin(request_id="mine.2")
    app.tasks["of_test.outer"].delay("two")
    sent, called, after = (seen.of(name) for name in ("two inner", "two within", "two after"))

    assert {sent.request_id, called.request_id, after.request_id} == {"mine.2"}
    assert {sent.actor, called.actor} == {"task:of_test.inner"}
    assert sent.parent_span_id == called.parent_span_id == after.span_id
    assert after == seen.of("two")


def test_a_task_that_nobody_s_request_sent_begins_one(app, worker):
    for name in ("three", "four"):
        app.tasks["of_test.inner"].delay(name)
    first, second = seen.of("three"), seen.of("four")

    assert re.fullmatch(r"[0-9a-f]{32}", first.request_id)
    assert first.request_id == first.trace_id != second.request_id


def test_a_line_that_a_task_writes_or_its_failure_names_the_request(app, worker):
    found: dict[str, str] = {}

    class Noting(logging.Handler):
        def emit(self, record):
            found.setdefault(record.getMessage().split("[")[0], tracing.current().request_id)

    handlers = [logging.getLogger(name) for name in ("raxx.of_test", "celery.app.trace")]
    noting = Noting()
    for one in handlers:
        one.addHandler(noting)
    tracing.begin(request_id="mine.5")
    try:
        app.tasks["of_test.failing"].delay("five")
        app.tasks["of_test.inner"].delay("six")
        seen.of("six")  # so the one before is over
    finally:
        for one in handlers:
            one.removeHandler(noting)

    assert found["inner"] == "mine.5"
    assert found["Task of_test.failing"] == "mine.5"


def test_the_worker_knows_nothing_of_a_task_that_is_over():
    @shared_task(name="of_test.here")
    def here():
        seen.note("here")

    assert project.app.tasks["of_test.here"].apply().successful()

    assert seen.of("here").actor == "task:of_test.here"
    assert tracing.current() is tracing.NOBODY
