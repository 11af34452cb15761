"""Spans of requests and tasks for an OpenTelemetry collector, where the environment asks for them.

Off, and free, unless OTEL_EXPORTER_OTLP_ENDPOINT is set or OTEL_TRACES_EXPORTER is `otlp`. The packages are
no part of the default installation: `pip install -r requirements-otel.txt`. Everything else is read by
OpenTelemetry's SDK from its own variables: headers, sampler, resource attributes.

A span's trace id is the one of `accounts.tracing`, so a log line leads to its trace and back.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, NamedTuple

from accounts import tracing
from raxx import env

if TYPE_CHECKING:
    from django.http import HttpResponseBase
    from django.urls import ResolverMatch
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span

PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
SERVER_ERROR = 500

_tracer: Any = None  # None: off


class Begun(NamedTuple):
    """A span that has begun, and what to put back when it ends."""

    span: Span
    token: Any


def is_wanted() -> bool:
    """Say whether the environment asks for spans. Raises SettingError for what cannot be had."""
    exporter = env.choice("OTEL_TRACES_EXPORTER", ("", "otlp", "none"), "")
    is_disabled = env.optional("OTEL_SDK_DISABLED", bool, default=False)
    has_endpoint = bool(env.optional("OTEL_EXPORTER_OTLP_ENDPOINT", env.Url, env.Url("")))
    if is_disabled or exporter == "none" or not (has_endpoint or exporter == "otlp"):
        return False
    env.choice("OTEL_EXPORTER_OTLP_PROTOCOL", ("http/protobuf",), "http/protobuf")
    missing = [name for name in PACKAGES if not _is_installed(name)]
    if missing:
        raise env.SettingError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER asks for traces, and {missing[0]} is not"
            " installed: pip install -r requirements-otel.txt, or unset it"
        )
    return True


def start(process: str) -> None:
    """Send this process's spans from now on, if the environment asks for it."""
    if not is_wanted():
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    begin_sending(process, BatchSpanProcessor(OTLPSpanExporter()))


def begin_sending(process: str, processor: SpanProcessor) -> None:
    """Hand every span to `processor`; what it still holds goes out when the process ends."""
    global _tracer  # noqa: PLW0603 - one a process, as its log
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from raxx.telemetry_ids import TraceIds

    named = os.environ.get("OTEL_SERVICE_NAME") or f"raxx-{process}"
    provider = TracerProvider(
        id_generator=TraceIds(),
        resource=Resource.create({"service.name": named}),
        shutdown_on_exit=False,  # a server's worker ends without atexit; this runs in both
    )
    provider.add_span_processor(processor)
    Finalize(None, provider.shutdown, exitpriority=10)
    _tracer = provider.get_tracer("raxx")


def stop() -> None:
    """Make no more spans."""
    global _tracer  # noqa: PLW0603
    _tracer = None


def begin_request(method: str) -> Begun | None:
    """Begin the span of the request that `accounts.tracing` has begun; None when off."""
    return None if _tracer is None else _begin(method, is_task=False)


def end_request(begun: Begun, match: ResolverMatch | None, response: HttpResponseBase | None) -> None:
    """End it; without a response it ended in an exception."""
    from opentelemetry.trace import Status, StatusCode

    span, method = begun.span, getattr(begun.span, "name", "")
    if match is not None and match.route:
        span.update_name(f"{method} /{match.route}")
        span.set_attribute("http.route", f"/{match.route}")
    span.set_attribute("http.request.method", method)
    if response is not None:
        span.set_attribute("http.response.status_code", response.status_code)
    if response is None or response.status_code >= SERVER_ERROR:
        span.set_status(Status(StatusCode.ERROR))
    _end(begun)


def begin_task(name: str) -> Begun | None:
    """Begin the span of a task's run; None when off."""
    return None if _tracer is None else _begin(name, is_task=True)


def end_task(begun: Begun, *, has_failed: bool) -> None:
    """End it."""
    from opentelemetry.trace import Status, StatusCode

    if has_failed:
        begun.span.set_status(Status(StatusCode.ERROR))
    _end(begun)


def _begin(name: str, *, is_task: bool) -> Begun:
    from opentelemetry import context, trace as otel

    known = tracing.current()
    parent = context.Context()
    if known.parent_span_id:
        flags = otel.TraceFlags(otel.TraceFlags.SAMPLED if known.is_sampled else otel.TraceFlags.DEFAULT)
        caller = otel.SpanContext(
            int(known.trace_id, 16), int(known.parent_span_id, 16), is_remote=True, trace_flags=flags
        )
        parent = otel.set_span_in_context(otel.NonRecordingSpan(caller), parent)
    kind = otel.SpanKind.CONSUMER if is_task else otel.SpanKind.SERVER
    span: Span = _tracer.start_span(name, context=parent, kind=kind)
    said = span.get_span_context()
    tracing.spanned(otel.format_span_id(said.span_id), is_sampled=said.trace_flags.sampled)
    return Begun(span, context.attach(otel.set_span_in_context(span)))


def _end(begun: Begun) -> None:
    from opentelemetry import context

    known = tracing.current()
    begun.span.set_attribute("raxx.request_id", known.request_id)
    begun.span.set_attribute("raxx.actor", known.actor)
    if known.user_id is not None:
        begun.span.set_attribute("enduser.id", str(known.user_id))
    if known.account_id is not None:
        begun.span.set_attribute("raxx.account_id", str(known.account_id))
    context.detach(begun.token)
    begun.span.end()


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a package around it
        return False
