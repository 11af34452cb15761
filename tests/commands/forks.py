"""A command in a child that a real SIGKILL ends at one of its boundaries: before or after a commit, or a file's name.

The child is a fork of the test's own process, which has all imported and its settings made: it costs some hundredths
of a second, where a new process takes seconds. It opens a connection of its own; the parent's it leaves alone.
"""

from __future__ import annotations

import gc
import io
import json
import os
import select
import signal
import time
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from django.core.management import CommandError, call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PATIENCE_S = 60  # a command of a test takes a second at most: who takes longer has hung
# What lets others see what was done: a commit, and whatever puts a file on the disk or gives it its name.
FILES = ("fsync", "link", "rename", "replace")
WRITES = ("insert", "update", "delete")

_kept: list[Any] = []


@dataclass(frozen=True)
class Ended:
    """How the child ended: killed at its boundary, or by itself, with what it printed or was refused with."""

    was_killed: bool
    document: Any = None
    refusal: str = ""


def killed_at(boundary: int, words: Iterable[str]) -> Ended:
    """Run a command with `--json` in a child that is killed at its `boundary`-th boundary, counted from 1.

    Boundaries come in pairs, just before and just after. A child that ends with neither is an error of the test.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(boundary, [*words, "--json"], writer)
    os.close(writer)
    try:
        told = _read(reader, pid)
    finally:
        os.close(reader)
        _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return Ended(was_killed=True)
    found = json.loads(told)
    if "traceback" in found:
        raise AssertionError(found["traceback"])
    return Ended(was_killed=False, document=found.get("document"), refusal=found.get("refusal", ""))


@contextmanager
def running(*words: str) -> Iterator[int]:
    """Run a command with `--json` in a child for as long as the block lasts, which is given its process's id."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(0, [*words, "--json"], writer)
    os.close(writer)
    try:
        yield pid
    finally:
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def stopped(command: str) -> int:
    """Run a process in a child that is sent SIGTERM by what the test has prepared; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            _leave_the_parent_its_connections()
            with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - of a path that is no file
                call_command(command, stdout=nowhere, stderr=nowhere)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _read(reader: int, pid: int) -> bytes:
    told, until = b"", time.monotonic() + PATIENCE_S
    while True:
        ready, _, _ = select.select([reader], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            message = f"the command has not ended within {PATIENCE_S} s"
            raise AssertionError(message)
        more = os.read(reader, 65_536)
        if not more:
            return told
        told += more


def _child(boundary: int, words: list[str], writer: int) -> NoReturn:
    """Never returns, whatever happens: what comes after in the parent's program is not the child's to do."""
    told: dict[str, Any]
    try:
        gc.disable()  # it would touch, and so copy, all that the parent has
        _leave_the_parent_its_connections()
        _arm(boundary)
        out = io.StringIO()
        try:
            call_command(*words, stdout=out, stderr=io.StringIO())
        except CommandError as error:
            told = {"refusal": str(error)}
        except SystemExit:  # it has told, and says by its code that not all is well
            told = {"document": json.loads(out.getvalue())}
        else:
            told = {"document": json.loads(out.getvalue())}
    except BaseException:  # noqa: BLE001 - the parent shows it
        told = {"traceback": traceback.format_exc()}
    os.write(writer, json.dumps(told).encode())
    os._exit(0)


def _leave_the_parent_its_connections() -> None:
    """Not close them, which would end the parent's sessions; and not let go of them, which would close them."""
    for connection in connections.all(initialized_only=True):
        _kept.append(connection.connection)
        connection.connection = None
        connection.in_atomic_block = False


def _arm(boundary: int) -> None:
    """Put the kill before or after every step that others can see the outcome of."""
    passed = 0

    def tick() -> None:
        nonlocal passed
        passed += 1
        if passed == boundary:
            os.kill(os.getpid(), signal.SIGKILL)

    def between(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **named: Any) -> Any:
            tick()
            done = step(*args, **named)
            tick()
            return done

        return stepping

    BaseDatabaseWrapper._commit = between(BaseDatabaseWrapper._commit)
    for name in FILES:
        setattr(os, name, between(getattr(os, name)))

    def writing(execute: Any, statement: Any, parameters: Any, many: bool, context: Any) -> Any:
        step = execute
        if not context["connection"].in_atomic_block and str(statement).lstrip().lower().startswith(WRITES):
            step = between(execute)  # a transaction of its own
        return step(statement, parameters, many, context)

    for connection in connections.all():
        connection.execute_wrappers.append(writing)
