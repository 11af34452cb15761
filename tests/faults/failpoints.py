"""Points at which a process kills itself: armed inside the process that is to die, by its own start script.

A point belongs to a statement that commits by itself. `before`: PostgreSQL never hears of it. `in doubt`:
it was sent to the last byte and nobody waits for the answer. `after`: it is committed, and nothing that
should follow is done: no bell, no answer.
"""

from __future__ import annotations

import os
import select
import signal
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg.waiting import Ready, Wait

from matching.market.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

BEFORE, IN_DOUBT, AFTER = "before", "in doubt", "after"
POINTS = (BEFORE, IN_DOUBT, AFTER)

DECISIONS, SUBMISSION = "trading_commit_decisions", "trading_submit_orders"
ALWAYS_THERE = {"market", "shard", "epoch", "run", "seq", "at"}  # what a commit of progress alone carries


def die() -> NoReturn:
    """End as by the operator's `kill -9`: nothing is flushed, closed or told."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def arm_decisions(point: str, number: int) -> None:
    """Die at the `number`-th commit of this process that carries more than progress."""
    left = number

    def is_due(query: object, params: Any) -> bool:
        nonlocal left
        if isinstance(query, str) and DECISIONS in query and _is_laden(params):
            left -= 1
            return left == 0
        return False

    _arm(point, is_due)


def arm_submission(point: str) -> None:
    """Die at the next statement that stores orders."""
    _arm(point, lambda query, _params: isinstance(query, str) and SUBMISSION in query)


def _arm(point: str, is_due: Callable[[object, Any], bool]) -> None:
    execute = psycopg.Connection.execute
    psycopg.Connection.execute = partial_method(_executed, execute, point, is_due)  # type: ignore[method-assign]


def arm_publishing(point: str, number: int) -> None:
    """Die at the `number`-th batch that this process publishes: before it is written, or after it."""
    left = number
    publish = Publisher.publish

    def publishing(publisher: Publisher, chunk: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0 and point == BEFORE:
            die()
        publish(publisher, chunk)
        if left == 0:
            die()

    Publisher.publish = publishing  # type: ignore[assignment, method-assign]


def wait_in_recovery(gate: str) -> None:
    """Let this process wait, after it has claimed its shard, until somebody opens a named pipe to write."""
    from trading.management.commands import matcher as matcher_command

    recover_feed = matcher_command.open_feed

    def opening(*arguments: Any, **options: Any) -> Any:
        with open(gate):  # noqa: PTH123 - the kernel lets nobody through alone
            return recover_feed(*arguments, **options)

    matcher_command.open_feed = opening


def partial_method(function: Callable[..., Any], *first: Any) -> Any:
    """Return a method that calls a function with these arguments before its own."""

    def method(self: Any, *arguments: Any, **options: Any) -> Any:
        return function(*first, self, *arguments, **options)

    return method


def _executed(
    execute: Callable[..., Any],
    point: str,
    is_due: Callable[[object, Any], bool],
    connection: psycopg.Connection[Any],
    query: object,
    params: Any = None,
    **options: Any,
) -> Any:
    if not is_due(query, params):
        return execute(connection, query, params, **options)
    if point == BEFORE:
        die()
    if point == IN_DOUBT:
        connection.wait = partial(_send_and_die, connection)  # type: ignore[method-assign]
    execute(connection, query, params, **options)
    die()


def _send_and_die(
    connection: psycopg.Connection[Any], sending: Generator[Wait, Ready, Any], *_: Any
) -> NoReturn:
    state = next(sending)
    while state != Wait.R:  # not all of it is sent as long as it wants to write
        select.select([], [connection.fileno()], [])
        state = sending.send(Ready.W)
    die()


def _is_laden(params: Mapping[str, Any]) -> bool:
    return any(value is not None for name, value in params.items() if name not in ALWAYS_THERE)
