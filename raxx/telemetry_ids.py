"""Ids for OpenTelemetry's spans. Needs its SDK: imported only where spans are made."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from accounts import tracing


class TraceIds(RandomIdGenerator):
    """Our trace's id for a span without a parent; anything else is random."""

    def generate_trace_id(self) -> int:
        """Return the id of the trace at hand, as a number."""
        known = tracing.current().trace_id
        return int(known, 16) if known else super().generate_trace_id()
