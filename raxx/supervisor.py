"""Keep a set of programs running: start them as their needs are met, restart the dead, stop in order.

Knows nothing of what the programs do. It is woken by signals (a child's death, a request to
stop) and by the children's output; it asks by itself only whether a starting child is ready yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from raxx import process

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from raxx.process import Program

QUICK_DEATHS_MAX = 5
QUICK_DEATHS_WINDOW_S = 30.0
RESTART_DELAY_S = 0.1  # doubles with every death inside the window
POLL_S = 0.02
LOG_BYTES_MAX = 10_000_000  # then it becomes <name>.log.1 and begins anew
LINE_BYTES_MAX = 65_536
IMPORTANT = re.compile(rb"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC)\b|^[A-Za-z_.]+(Error|Exception)\b")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class GaveUp(Exception):
    """The supervisor stopped everything by itself; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One program to keep running.

    `prepare` is called before each start, because a dead program may leave things to sweep.
    `is_ready` is asked until it says yes; without one a started program counts as ready.
    """

    name: str
    prepare: Callable[[], Program]
    is_ready: Callable[[], bool] | None = None
    needs: tuple[str, ...] = ()
    important: re.Pattern[bytes] | None = IMPORTANT  # which lines reach the terminal


@dataclass(slots=True, eq=False)
class Child:
    """A task's present process."""

    task: Task
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    program: Program | None = None
    running: subprocess.Popen[bytes] | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=QUICK_DEATHS_MAX))


class Supervisor:
    """Runs stages of tasks: started in their order (each as soon as its needs are ready), stopped in reverse."""

    def __init__(
        self, *, folder: Path, logs: Path, say: Callable[[str], None], is_verbose: bool = False
    ) -> None:
        self._folder = folder
        self._logs = logs
        self._say = say
        self._is_verbose = is_verbose
        self._stages: list[list[Child]] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reason: str | None = None
        self._cause: Exception | None = None

    def __enter__(self) -> Self:
        """Take the signals; call from the main thread, inside the running loop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.request_stop)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGCHLD, *STOP_SIGNALS):
            loop.remove_signal_handler(number)

    # --- What the caller does ---------------------------------------------------------------------

    def start(self, tasks: Sequence[Task]) -> None:
        """Begin to keep one more stage of tasks; returns at once."""
        children = [Child(task) for task in tasks]
        self._stages.append(children)
        self._keepers += [asyncio.create_task(self._keep(child), name=child.task.name) for child in children]

    def has(self, name: str) -> bool:
        """Say whether a task of this name is kept."""
        return any(child.task.name == name for stage in self._stages for child in stage)

    async def until_ready(self, *names: str) -> bool:
        """Wait until these tasks are ready; False when everything is to stop instead."""
        waits = [self._child(name).ready.wait() for name in names]
        return await self.unless_stopped(asyncio.gather(*waits))

    async def unless_stopped(self, work: asyncio.Future[Any]) -> bool:
        """Wait for some work; False, with the work cancelled, when everything is to stop first."""
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopping.is_set():
                return False
            work.result()  # raises what the work raised
            return True
        finally:
            stop.cancel()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await work

    def request_stop(self, reason: str | None = None) -> None:
        """Stop everything, soon. `reason` makes it a failure; a second request kills instead of waiting."""
        if self._stopping.is_set():
            self._hurry.set()
            return
        self._reason = reason
        self._stopping.set()

    async def until_stopped(self) -> None:
        """Keep everything running until a stop is asked for. Does not stop it: see `stop`."""
        await self._stopping.wait()

    async def stop(self) -> None:
        """Stop every stage, the last one first. Raises GaveUp when it is a failure that ends us."""
        self._stopping.set()
        for stage in reversed(self._stages):
            await asyncio.gather(*(self._stop_child(child) for child in stage))
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        if self._reason is not None:
            raise GaveUp(self._reason) from self._cause

    # --- One child --------------------------------------------------------------------------------

    def _child(self, name: str) -> Child:
        return next(child for stage in self._stages for child in stage if child.task.name == name)

    async def _keep(self, child: Child) -> None:
        name = child.task.name
        try:
            while not self._stopping.is_set():
                for need in child.task.needs:
                    await self._child(need).ready.wait()
                await self._run_once(child)
                if self._stopping.is_set():
                    return
                self._note_death(child)
                delay = RESTART_DELAY_S * 2 ** (len(child.deaths) - 1)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), timeout=delay)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rest must be stopped in order
            self._cause = error
            self.request_stop(f"{name} could not be kept running: {error}")

    async def _run_once(self, child: Child) -> None:
        child.program = child.task.prepare()
        child.ended.clear()
        child.running = process.spawn(child.program, self._folder, subprocess.PIPE)
        output = await self._follow(child)
        readiness = asyncio.create_task(self._watch_readiness(child))
        # It may have died before the signal could name it.
        self._reap()
        await child.ended.wait()
        child.ready.clear()
        readiness.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await readiness
        output.close()

    async def _watch_readiness(self, child: Child) -> None:
        is_ready = child.task.is_ready
        while is_ready is not None and not is_ready():  # noqa: ASYNC110
            # A server has no event for this; cancelled at once when the child ends.
            await asyncio.sleep(POLL_S)
        child.ready.set()

    def _note_death(self, child: Child) -> None:
        assert child.running is not None
        status = _describe(child.running.returncode)
        now = time.monotonic()
        while child.deaths and now - child.deaths[0] > QUICK_DEATHS_WINDOW_S:
            child.deaths.popleft()
        child.deaths.append(now)
        log = self._log_path(child)
        if len(child.deaths) == QUICK_DEATHS_MAX:
            reason = f"{child.task.name} died {QUICK_DEATHS_MAX} times within {QUICK_DEATHS_WINDOW_S:.0f} s"
            self.request_stop(f"{reason}, the last time it {status}; see {log}")
        else:
            self._say(f"{child.task.name} {status}; restarting it ({log})")

    async def _stop_child(self, child: Child) -> None:
        running, program = child.running, child.program
        if running is None or program is None or child.ended.is_set():
            return
        running.send_signal(program.stop_signal)
        waits = [asyncio.create_task(child.ended.wait()), asyncio.create_task(self._hurry.wait())]
        await asyncio.wait(waits, timeout=program.grace_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if not child.ended.is_set():
            self._say(f"{child.task.name} did not stop in time; killing it")
            process.kill_group(running.pid)
            await child.ended.wait()

    def _reap(self) -> None:
        for stage in self._stages:
            for child in stage:
                running = child.running
                if running is None or child.ended.is_set() or running.poll() is None:
                    continue
                # Its own children, should it have died without them.
                process.kill_group(running.pid)
                child.ended.set()

    # --- Output -----------------------------------------------------------------------------------

    def _log_path(self, child: Child) -> Path:
        return self._logs / f"{child.task.name}.log"

    async def _follow(self, child: Child) -> asyncio.ReadTransport:
        assert child.running is not None
        assert child.running.stdout is not None
        reader = _LineReader(lambda line: self._take_line(child, line))
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: reader, child.running.stdout
        )
        return transport

    def _take_line(self, child: Child, line: bytes) -> None:
        path = self._log_path(child)
        with path.open("ab") as log:
            log.write(line + b"\n")
            is_full = log.tell() > LOG_BYTES_MAX
        if is_full:
            path.replace(path.with_suffix(".log.1"))
        important = child.task.important
        if self._is_verbose or (important is not None and important.search(line)):
            self._say(f"{child.task.name} | {line.decode(errors='replace')}")


class _LineReader(asyncio.Protocol):
    """Cuts a child's output into lines."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > LINE_BYTES_MAX:
            self._flush()

    def eof_received(self) -> None:
        self._flush()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._flush()

    def _flush(self) -> None:
        if self._rest:
            self._take(self._rest)
            self._rest = b""


def _describe(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
