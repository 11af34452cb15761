"""Spans for a collector: none unless the environment asks, and then with our own ids."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from accounts import tracing
from raxx import celery as project, env, telemetry
from raxx.middleware import ApiMiddleware

ROOT = Path(__file__).resolve().parents[2]
TRACE_ID, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def _the_environment_asks_for_nothing(monkeypatch):
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def exporter():
    """Send this process's spans to a list."""
    exporter = InMemorySpanExporter()
    telemetry.begin_sending("web", SimpleSpanProcessor(exporter))
    yield exporter
    telemetry.stop()
    tracing.end()


def answer(path, *, status=200, **headers):
    seen = []

    def view(request):
        seen.append(tracing.current())
        return HttpResponse(status=status)

    middleware = ApiMiddleware(view)
    response = middleware(RequestFactory().get(path, headers=headers))
    return response, seen[0] if seen else tracing.NOBODY


def test_without_the_variables_there_are_no_spans_and_what_makes_them_is_not_loaded(tmp_path):
    # Of the SDK, redis-py loads the part that counts where it is installed; spans are ours alone.
    parts = {"opentelemetry.sdk.trace", "opentelemetry.exporter"}
    code = f"import sys, raxx.wsgi; print(sorted({parts!r} & sys.modules.keys()))"

    assert run(tmp_path, code).stdout == "[]\n"
    assert telemetry.begin_request("GET") is None
    assert telemetry.begin_task("a.task") is None


def test_a_request_is_a_span_of_the_trace_that_its_lines_name(exporter):
    response, trace = answer("/page")

    [span] = exporter.get_finished_spans()
    assert format(span.context.trace_id, "032x") == trace.trace_id == response["X-Request-ID"]
    assert format(span.context.span_id, "016x") == trace.span_id
    assert (span.parent, span.kind, span.status.status_code) == (None, SpanKind.SERVER, StatusCode.UNSET)
    assert span.attributes["http.request.method"] == "GET"
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["raxx.request_id"] == response["X-Request-ID"]
    assert span.resource.attributes["service.name"] == "raxx-web"


def test_a_caller_s_trace_goes_on(exporter):
    traceparent = f"00-{TRACE_ID}-{PARENT}-01"
    _, trace = answer("/page", traceparent=traceparent, **{"X-Request-ID": "mine.1"})

    [span] = exporter.get_finished_spans()
    assert format(span.context.trace_id, "032x") == trace.trace_id == TRACE_ID
    assert format(span.parent.span_id, "016x") == PARENT
    assert span.parent.is_remote
    assert span.attributes["raxx.request_id"] == "mine.1"
    assert trace.is_sampled


def test_a_trace_that_its_caller_does_not_keep_is_not_sent(exporter):
    response, trace = answer("/page", traceparent=f"00-{TRACE_ID}-{PARENT}-00")

    assert exporter.get_finished_spans() == ()
    assert (response["X-Request-ID"], trace.is_sampled) == (TRACE_ID, False)


def test_a_span_is_named_by_its_route_and_an_answer_of_the_servers_fault_is_an_error(exporter):
    answer("/health/live")
    answer("/page", status=503)

    first, second = exporter.get_finished_spans()
    assert (first.name, first.attributes["http.route"]) == ("GET /health/live", "/health/live")
    assert first.status.status_code is StatusCode.UNSET
    assert (second.name, second.status.status_code) == ("GET", StatusCode.ERROR)


def test_a_task_is_a_span_and_one_that_fails_an_error(exporter):
    @project.app.task(name="of_test.good")
    def good():
        return tracing.current()

    @project.app.task(name="of_test.bad")
    def bad():
        raise RuntimeError("as it should")

    sent = tracing.begin(request_id="mine.1", traceparent=f"00-{TRACE_ID}-{PARENT}-01")

    ran = good.apply().get()
    bad.apply()

    first, second = exporter.get_finished_spans()
    assert (first.name, first.kind, first.status.status_code) == (
        "of_test.good",
        SpanKind.CONSUMER,
        StatusCode.UNSET,
    )
    assert format(first.parent.span_id, "016x") == sent.span_id
    assert format(first.context.span_id, "016x") == ran.span_id
    assert first.attributes["raxx.actor"] == "task:of_test.good"
    assert (second.name, second.status.status_code) == ("of_test.bad", StatusCode.ERROR)
    assert tracing.current() == sent


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318", "OTEL_SDK_DISABLED": "true"}, False),
    ],
    ids=["nothing", "an endpoint", "an exporter", "none", "disabled"],
)
def test_the_environment_decides(monkeypatch, environment, is_wanted):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert telemetry.is_wanted() is is_wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "jaeger"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ],
)
def test_what_cannot_be_had_stops_the_start_by_name(monkeypatch, name, value):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv(name, value)

    with pytest.raises(env.SettingError, match=name):
        telemetry.is_wanted()


@pytest.mark.parametrize("missing", telemetry.PACKAGES)
@pytest.mark.parametrize("module", ["raxx.wsgi", "raxx.asgi", "raxx.settings"])
def test_a_missing_package_stops_the_start_with_a_sentence(tmp_path, missing, module):
    code = f"import sys; sys.modules[{missing!r}] = None; import {module}"

    ended = run(tmp_path, code, OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost:4318")

    assert ended.returncode != 0
    assert ended.stderr.strip().splitlines()[-1] == (
        "raxx.env.SettingError: OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER asks for traces, and "
        f"{missing} is not installed: pip install -r requirements-otel.txt, or unset it"
    )


ONE_REQUEST = """
import io, raxx.wsgi
environ = {
    "REQUEST_METHOD": "GET", "PATH_INFO": "/health/live", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
    "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO(), "wsgi.url_scheme": "http",
    "HTTP_TRACEPARENT": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
}
def begin(status, headers):
    print(dict(headers)["X-Request-ID"])
list(raxx.wsgi.application(environ, begin))
"""
IN_A_CHILD = f"""
import multiprocessing
def serve():
{"".join(f"    {line}" + chr(10) for line in ONE_REQUEST.strip().splitlines())}
child = multiprocessing.get_context("fork").Process(target=serve)
child.start()
child.join()
"""


@pytest.mark.parametrize("code", [ONE_REQUEST, IN_A_CHILD], ids=["a process", "a server's worker"])
def test_a_collector_gets_the_spans_before_the_process_ends(tmp_path, code):
    bodies = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            bodies.append((self.path, gzip.decompress(body) if is_packed else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            ended = run(tmp_path, code, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="of-test")
        finally:
            server.shutdown()
            serving.join()

    assert re.fullmatch(rf"{TRACE_ID}\n", ended.stdout), ended.stderr
    [(path, body)] = bodies
    assert path == "/v1/traces"
    [resource] = ExportTraceServiceRequest.FromString(body).resource_spans
    named = {each.key: each.value.string_value for each in resource.resource.attributes}
    [span] = resource.scope_spans[0].spans
    assert named["service.name"] == "of-test"
    assert (span.name, span.trace_id.hex(), span.parent_span_id.hex()) == (
        "GET /health/live",
        TRACE_ID,
        PARENT,
    )


def run(folder, code, **environment):
    """Run code in a process of its own, with this environment and no other of ours."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**kept, "RAXX_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
