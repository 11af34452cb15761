"""For which request, task or command this code runs: the id that every row, log line and error body carries.

An edge calls `begin` and at last `end`; whoever finds out who it is calls `told`. All else reads
`current()`, which is never None. What is kept is a context variable: a thread and an asyncio task have
their own, and a task made within a request inherits that request's.

Reads W3C Trace Context: a `traceparent` says to which trace of the caller's we belong. `tracestate` is
for vendors between us and others; nothing of ours passes it on.

On the path of every order: plain tuples, no lock, about two microseconds a request.
"""

from __future__ import annotations

import random
import re
import uuid
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

ActorKind = Literal["user", "key", "staff", "command", "task", "system"]

# What a caller may choose: no blank, no quote, no line end, so that it can stand in a header and in a line.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = 0x01


class Trace(NamedTuple):
    """What is known of the request at hand. Empty text and None: not known, or none.

    `trace_id` has 32 and the span ids have 16 hexadecimal digits. `actor_kind` tells who acts: `user` (a
    session), `key`, `staff` (a session that looks at others' accounts), `command`, `task` (Celery), `system`.
    """

    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""  # ours, within the trace
    parent_span_id: str = ""  # the caller's
    is_sampled: bool = False  # somebody upstream, or our own exporter, keeps the trace
    user_id: UUID | None = None
    account_id: UUID | None = None
    actor_kind: ActorKind = "system"
    actor_id: str = ""

    @property
    def actor(self) -> str:
        """Who acts, in one word: `key:PKABC`, `command:alice`, or the kind alone."""
        return f"{self.actor_kind}:{self.actor_id}" if self.actor_id else self.actor_kind


NOBODY: Final = Trace()

_current: ContextVar[Trace] = ContextVar("raxx_trace", default=NOBODY)


def current() -> Trace:
    """Return what is known of the request at hand; NOBODY where there is none."""
    return _current.get()


def begin(*, request_id: str = "", traceparent: str = "") -> Trace:
    """Begin a request, with what its caller says of it; what is not in order is ignored.

    The request's id is the caller's, else the id of the caller's trace, else a fresh one. The trace's id is
    that of `traceparent`, else the request's where that could be one, else a fresh one.
    """
    trace_id, parent_span_id, is_sampled = _read(traceparent) if traceparent else ("", "", False)
    given = request_id if request_id and REQUEST_ID.fullmatch(request_id) else ""
    if not trace_id:
        trace_id = given if _is_trace_id(given) else uuid.uuid4().hex
    trace = Trace(given or trace_id, trace_id, _new_span_id(), parent_span_id, is_sampled)
    _current.set(trace)
    return trace


def end() -> None:
    """End the request: a thread must not carry one into the next."""
    _current.set(NOBODY)


def resume(trace: Trace) -> None:
    """Go on with a request that was begun elsewhere, or put back what stood here before."""
    _current.set(trace)


@contextmanager
def tracing(*, request_id: str = "", traceparent: str = "") -> Iterator[Trace]:
    """Begin a request for a block, and put back what stood here before."""
    before = _current.get()
    try:
        yield begin(request_id=request_id, traceparent=traceparent)
    finally:
        _current.set(before)


@contextmanager
def caused_by(request_id: str) -> Iterator[Trace]:
    """Do a block's work in the name of an earlier request, whose id a row has kept; the actor stays. Empty: nobody's."""
    before = _current.get()
    if request_id:
        trace_id = request_id if _is_trace_id(request_id) else uuid.uuid4().hex
        _current.set(before._replace(request_id=request_id, trace_id=trace_id, parent_span_id=""))
    try:
        yield _current.get()
    finally:
        _current.set(before)


def told(
    *,
    user_id: UUID | None = None,
    account_id: UUID | None = None,
    actor_kind: ActorKind | None = None,
    actor_id: str | None = None,
) -> Trace:
    """Add who it is; what is not given stays as it was."""
    known = _current.get()
    trace = Trace(
        *known[:5],
        user_id or known.user_id,
        account_id or known.account_id,
        actor_kind or known.actor_kind,
        known.actor_id if actor_id is None else actor_id,
    )
    _current.set(trace)
    return trace


def set_actor(kind: ActorKind, actor_id: object = "") -> None:
    """Say who acts; any id is kept as text."""
    told(actor_kind=kind, actor_id=str(actor_id))


def spanned(span_id: str, *, is_sampled: bool) -> None:
    """Take the id of the span that an exporter has begun for the request."""
    _current.set(_current.get()._replace(span_id=span_id, is_sampled=is_sampled))


def traceparent() -> str:
    """Return the header that tells somebody whom we ask of our trace; empty where there is none."""
    trace = _current.get()
    if not trace.trace_id:
        return ""
    return f"00-{trace.trace_id}-{trace.span_id}-{trace.is_sampled:02x}"


def _is_trace_id(text: str) -> bool:
    return bool(_TRACE_ID.fullmatch(text)) and text != _NO_TRACE


def _new_span_id() -> str:
    # Nobody gains by guessing it. Never nought: that would be no span.
    return f"{random.getrandbits(64) or 1:016x}"


def _read(traceparent: str) -> tuple[str, str, bool]:
    """Return trace, parent and whether it is sampled. Source: W3C Trace Context, 3.2 and 4.3.

    What a later version adds at the end is ignored; version ff and ids of noughts are not valid.
    """
    match = _TRACEPARENT.fullmatch(traceparent.strip(" \t"))
    if match is None:
        return "", "", False
    version, trace_id, parent_span_id, flags, more = match.groups()
    is_known_form = version != "ff" and not (version == "00" and more)
    if not is_known_form or trace_id == _NO_TRACE or parent_span_id == _NO_SPAN:
        return "", "", False
    return trace_id, parent_span_id, bool(int(flags, 16) & _SAMPLED)
