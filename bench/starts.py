"""How long `manage.py up` takes until it is ready, and what it holds in memory when idle.

    python -m bench.starts [--runs 3] [start_seconds idle_rss]

A run begins with an empty data folder: the first start makes the cluster and migrates, the second finds
all of it (`start_seconds`, the second one; the first is in `detail`). Ready is when the address is printed,
which is after /health/ready has answered 200 through the front. `idle_rss` is the resident memory of all
processes of the second start, after they have been left alone for a while: as the kernel counts shared
pages once (PSS, the value), and their plain sum (RSS, in `detail`), which counts them once a process.
"""

from __future__ import annotations

import argparse
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.figure import Figure
from bench.harness import HarnessFailed, environment, free_port, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("start_seconds", "idle_rss")
READY_WITHIN_S = 180.0
STOPPED_WITHIN_S = 60.0
IDLE_S = 10.0  # long enough for what is done at the start only, and for some beats of the rest
MIB = 2**20
START_BAR_S = 10.0  # the second start is ready within about so long
MEMORY_BAR_MIB = 1536.0  # and all processes stay under 1.5 GiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of a process tree, in MiB."""

    pss: float
    rss: float
    processes: int
    largest: dict[str, float]  # of each kind of process, its PSS


@contextmanager
def running(root: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Run `up` on a data folder, and yield it with the seconds that it took to be ready. Raises HarnessFailed."""
    port = free_port()
    command = [sys.executable, "manage.py", "up", "--port", str(port)]
    begin = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment(root), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    ) as up:
        try:
            _wait_for_address(up, port)
            yield up, time.perf_counter() - begin
        finally:
            up.send_signal(signal.SIGTERM)
            try:
                up.communicate(timeout=STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                up.kill()  # its children end with it


def memory_of(up: psutil.Process) -> Memory:
    """Return what a process and all its descendants hold."""
    pss = rss = 0.0
    largest: dict[str, float] = {}
    tree = [up, *up.children(recursive=True)]
    for process in tree:
        try:
            full, kind = process.memory_full_info(), _kind(process)
        except psutil.NoSuchProcess:
            continue
        pss += full.pss / MIB
        rss += full.rss / MIB
        largest[kind] = round(largest.get(kind, 0.0) + full.pss / MIB, 1)
    return Memory(pss=pss, rss=rss, processes=len(tree), largest=largest)


def _kind(process: psutil.Process) -> str:
    """Return which of our processes this is, as far as its command line tells."""
    words = process.cmdline()
    if process.name() in {"postgres", "valkey-server"}:
        return process.name()
    for word in ("wsgi", "asgi", "hub", "matcher", "worker", "beat", "raxx.front", "up"):
        if word in words:
            return {"wsgi": "web", "asgi": "stream", "raxx.front": "front"}.get(word, word)
    parent = process.parent()
    return _kind(parent) if parent is not None else process.name()


def _wait_for_address(up: subprocess.Popen[bytes], port: int) -> None:
    """Return when `up` has said where it answers. Raises HarnessFailed with what it said instead."""
    assert up.stdout is not None
    said = b""
    deadline = time.monotonic() + READY_WITHIN_S
    with selectors.DefaultSelector() as selector:
        selector.register(up.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            piece = os.read(up.stdout.fileno(), 65_536)
            if not piece:
                raise HarnessFailed(f"`up` ended: {said[-2_000:].decode(errors='replace')}")
            said += piece
            if b":%d" % port in said:
                return
    raise HarnessFailed(
        f"`up` was not ready after {READY_WITHIN_S:.0f} s: {said[-2_000:].decode(errors='replace')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", help=f"which figures to print: {', '.join(NAMES)}; all without a name"
    )
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    firsts: list[float] = []
    seconds: list[float] = []
    memories: list[Memory] = []
    try:
        for _ in range(options.runs):
            with temporary_folder() as folder:
                with running(Path(folder)) as (_up, took):
                    firsts.append(took)
                with running(Path(folder)) as (up, took):
                    seconds.append(took)
                    time.sleep(IDLE_S)  # being idle is what is measured
                    memories.append(memory_of(psutil.Process(up.pid)))
    except (HarnessFailed, OSError) as error:
        sys.exit(f"bench.starts FAILED: {error}")
    figures = (
        Figure(
            name="start_seconds",
            values=seconds,
            unit="s",
            against=f"{START_BAR_S:.0f} s",
            ratios=[value / START_BAR_S for value in seconds],
            detail={"first_start_s": [round(value, 2) for value in firsts]},
        ),
        Figure(
            name="idle_rss",
            values=[memory.pss for memory in memories],
            unit="MiB",
            against=f"{MEMORY_BAR_MIB:.0f} MiB",
            ratios=[memory.pss / MEMORY_BAR_MIB for memory in memories],
            detail={
                "rss_sum_mib": [round(memory.rss) for memory in memories],
                "processes": memories[-1].processes,
                "pss_mib": memories[-1].largest,
            },
        ),
    )
    for figure in figures:
        if not options.names or figure.name in options.names:
            figure.print()


if __name__ == "__main__":
    main()
