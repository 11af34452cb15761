"""Start a child that cannot outlive us, and find the ones that did."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

MARK = "RAXX_SUPERVISED_FOLDER"  # in every child's environment, so that a later start finds leftovers
PR_SET_PDEATHSIG = 1
LEFTOVER_PATIENCE_S = 10.0

# Resolved here: between fork and exec nothing may be imported or looked up.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A plain command, and how it wants to be stopped."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)  # added to ours
    folder: Path | None = None  # to work in; None: where we are
    user: str | None = None  # for root only: the system user to run as
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0  # between the stop signal and SIGKILL


def spawn(program: Program, folder: Path, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the program in a session of its own, its output (both streams) going to `output`.

    The new session keeps the terminal's Ctrl-C from it: we stop children in order ourselves. On
    Linux the kernel sends it `stop_signal` when the calling thread dies, however it dies.
    """
    return subprocess.Popen(
        program.argv,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=program.folder,
        start_new_session=True,
        user=program.user,
        group=program.user,
        extra_groups=None if program.user is None else (),
        env={**os.environ, **program.environment, MARK: str(folder)},
        preexec_fn=die_with_parent(os.getpid(), program.stop_signal),  # noqa: PLW1509 - one prctl call, no locks
    )


def die_with_parent(parent: int, stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Return what a child calls between fork and exec to be sent a signal when its parent dies; None where none can."""
    if _libc is None:
        return None
    prctl = _libc.prctl
    number = int(stop_signal)

    def ask_kernel() -> None:
        # After the change of user, which would clear it.
        prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return ask_kernel


def kill_group(leader: int) -> None:
    """Kill what is left of a child's process group; nothing left is fine."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # macOS says PermissionError when only zombies are left.
        return


def leftovers(folder: Path, name: str | None = None) -> list[psutil.Process]:
    """Return the processes that an earlier supervisor of this data folder left behind; with a `name`, those of it.

    Call it while holding the folder's lock: then nobody else's children can be among them.
    """
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        try:
            if (name is None or process.name() == name) and _is_of(process, folder):
                found.append(process)
        except psutil.Error:  # ended meanwhile, or another user's
            continue
    return found


def _is_of(process: psutil.Process, folder: Path) -> bool:
    # Servers that write a process title destroy their environment block: those are known by
    # where they work, which for the two of ours is inside the data folder.
    if process.environ().get(MARK) == str(folder):
        return True
    return process.name() in {"postgres", "valkey-server"} and process.cwd() in {
        str(folder / "postgres"),
        str(folder / "valkey"),
    }


def end(processes: Iterable[psutil.Process]) -> int:
    """End the processes, politely at first, and return how many there were."""
    listed = list(processes)
    for process in listed:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(listed, timeout=LEFTOVER_PATIENCE_S / 2)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=LEFTOVER_PATIENCE_S / 2)
    return len(listed)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
