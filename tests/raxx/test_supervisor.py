"""The supervisor, with tiny children: restarts, gives up, stops in order, leaves nobody behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from raxx import process
from raxx.process import Program
from raxx.supervisor import QUICK_DEATHS_MAX, GaveUp, Supervisor, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

PATIENCE_S = 30.0
ROOT = Path(__file__).resolve().parents[2]

# Says that it runs, and when it is asked to stop; then does so.
POLITE = """
    import signal, sys
    def leave(*_):
        print("leaving", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, leave)
    print("here", flush=True)
    while True:
        signal.pause()
"""
DEAF = """
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("here", flush=True)
    while True:
        signal.pause()
"""
# A server with a worker of its own, which outlives a killed parent unless somebody ends it.
PARENT = """
    import signal, subprocess, sys
    worker = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    print("worker", worker.pid, flush=True)
    signal.pause()
"""


class Stage:
    """A supervisor under test, what it said, and what its children wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.changed = asyncio.Event()
        self.supervisor = Supervisor(folder=folder, logs=folder, say=self.say, is_verbose=True)

    def say(self, line: str) -> None:
        self.said.append(line)
        self.changed.set()

    def task(self, name: str, code: str, **options: Any) -> Task:
        argv = (sys.executable, "-c", textwrap.dedent(code))
        grace_s = options.pop("grace_s", 10.0)
        program = Program(name=name, argv=argv, grace_s=grace_s)
        return Task(name=name, prepare=lambda: program, **options)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until it holds, asking again whenever something was said."""
        while not holds():
            self.changed.clear()
            await self.changed.wait()

    def count(self, line: str) -> int:
        return self.said.count(line)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[Callable[[Stage], Coroutine[Any, Any, None]]], Stage]]:
    """Return a function that runs a scenario, and see to it that no process is left at the end."""

    def running(scenario: Callable[[Stage], Coroutine[Any, Any, None]]) -> Stage:
        async def whole() -> Stage:
            stage = Stage(tmp_path)
            with stage.supervisor:
                try:
                    await scenario(stage)
                finally:
                    with contextlib.suppress(GaveUp):
                        await stage.supervisor.stop()
            return stage

        return asyncio.run(asyncio.wait_for(whole(), timeout=PATIENCE_S))

    yield running
    assert process.leftovers(tmp_path) == []


def test_a_child_that_dies_is_restarted_with_a_message(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        stage.supervisor.start([stage.task("one", POLITE)])
        await stage.until(lambda: stage.count("one | here") == 1)
        (child,) = process.leftovers(stage.folder)
        child.kill()
        await stage.until(lambda: stage.count("one | here") == 2)
        assert f"one was killed by SIGKILL; restarting it ({stage.folder}/one.log)" in stage.said

    run(scenario)


def test_five_quick_deaths_stop_everything_with_the_reason(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        stage.supervisor.start([stage.task("well", POLITE), stage.task("ill", "import sys; sys.exit(7)")])
        await stage.supervisor.until_stopped()
        with pytest.raises(
            GaveUp, match=r"ill died 5 times within 30 s, the last time it ended with status 7"
        ):
            await stage.supervisor.stop()
        assert sum("restarting" in line for line in stage.said) == QUICK_DEATHS_MAX - 1

    run(scenario)


def test_a_program_that_does_not_exist_stops_everything_with_the_reason(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        task = Task(name="ghost", prepare=lambda: Program(name="ghost", argv=("/nonexistent",)))
        stage.supervisor.start([stage.task("well", POLITE), task])
        await stage.supervisor.until_stopped()
        with pytest.raises(GaveUp, match=r"ghost could not be kept running: .*'/nonexistent'"):
            await stage.supervisor.stop()

    run(scenario)


def test_stages_stop_in_the_reverse_of_their_start(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        for name in ("database", "matcher", "web"):
            stage.supervisor.start([stage.task(name, POLITE)])
        await stage.until(lambda: sum(line.endswith("| here") for line in stage.said) == 3)
        stage.supervisor.request_stop()

    stage = run(scenario)
    assert [line for line in stage.said if "leaving" in line] == [
        "web | leaving",
        "matcher | leaving",
        "database | leaving",
    ]


def test_a_child_that_will_not_stop_is_killed_after_its_grace(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        stage.supervisor.start([stage.task("deaf", DEAF, grace_s=0.2)])
        await stage.until(lambda: stage.count("deaf | here"))

    assert "deaf did not stop in time; killing it" in run(scenario).said


def test_a_second_request_to_stop_does_not_wait_for_the_grace(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        stage.supervisor.start([stage.task("deaf", DEAF, grace_s=10 * PATIENCE_S)])
        await stage.until(lambda: stage.count("deaf | here"))
        os.kill(os.getpid(), signal.SIGINT)
        await stage.supervisor.until_stopped()
        stage.supervisor.request_stop()

    run(scenario)


def test_a_need_is_ready_before_its_dependant_starts_also_after_a_restart(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        gate = stage.folder / "gate"
        stage.supervisor.start([stage.task("database", POLITE, is_ready=gate.exists)])
        stage.supervisor.start([stage.task("web", POLITE, needs=("database",))])
        await stage.until(lambda: stage.count("database | here"))
        assert stage.count("web | here") == 0
        gate.touch()
        assert await stage.supervisor.until_ready("database", "web")
        await stage.until(lambda: stage.count("web | here"))

        gate.unlink()
        for child in process.leftovers(stage.folder):
            child.kill()
        await stage.until(lambda: stage.count("database | here") == 2)
        assert stage.count("web | here") == 1
        gate.touch()
        await stage.until(lambda: stage.count("web | here") == 2)

    run(scenario)


def test_waiting_for_readiness_ends_when_everything_is_to_stop(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        stage.supervisor.start([stage.task("never", POLITE, is_ready=lambda: False)])
        await stage.until(lambda: stage.count("never | here"))
        waiting = asyncio.create_task(stage.supervisor.until_ready("never"))
        stage.supervisor.request_stop()
        assert await waiting is False

    run(scenario)


def test_the_workers_of_a_killed_child_go_with_it(run: Any) -> None:
    async def scenario(stage: Stage) -> None:
        stage.supervisor.start([stage.task("server", PARENT)])
        await stage.until(lambda: stage.said)
        worker = psutil.Process(int(stage.said[0].split()[-1]))
        parent = worker.parent()
        assert parent is not None
        parent.kill()
        await stage.until(lambda: sum(" worker " in line for line in stage.said) == 2)
        psutil.wait_procs([worker], timeout=PATIENCE_S)
        assert not worker.is_running()

    run(scenario)


def test_only_important_lines_reach_the_terminal_and_all_reach_the_log(run: Any) -> None:
    code = """
        print("2026 INFO quiet")
        print("2026 ERROR loud")
        # One write, so that the cut line has arrived when the line before it has.
        print("raxx.env.SettingError: RAXX_THING is required\\ncut", end="", flush=True)
        import signal; signal.pause()
    """

    async def scenario(stage: Stage) -> None:
        stage.supervisor._is_verbose = False
        stage.supervisor.start([stage.task("one", code)])
        await stage.until(lambda: len(stage.said) == 2)

    stage = run(scenario)
    assert stage.said[:2] == ["one | 2026 ERROR loud", "one | raxx.env.SettingError: RAXX_THING is required"]
    log = (stage.folder / "one.log").read_text()
    assert log == "2026 INFO quiet\n2026 ERROR loud\nraxx.env.SettingError: RAXX_THING is required\ncut\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    code = """
        import asyncio, sys
        from pathlib import Path
        from raxx.process import Program
        from raxx.supervisor import Supervisor, Task
        async def main():
            folder = Path(sys.argv[1])
            supervisor = Supervisor(folder=folder, logs=folder, say=lambda line: print(line, flush=True), is_verbose=True)
            child = Program(name="child", argv=(sys.executable, "-c", "import signal; print('here', flush=True); signal.pause()"))
            with supervisor:
                supervisor.start([Task(name="child", prepare=lambda: child)])
                await supervisor.until_stopped()
        asyncio.run(main())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"child | here\n"
        children = process.leftovers(tmp_path)
        assert len(children) == 1
        supervisor.kill()
    psutil.wait_procs(children, timeout=PATIENCE_S)
    assert process.leftovers(tmp_path) == []


def test_leftovers_are_found_by_their_folder_and_ended(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "others"
    program = Program(
        name="left", argv=(sys.executable, "-c", "import signal; print(1, flush=True); signal.pause()")
    )
    started = [process.spawn(program, folder, subprocess.PIPE) for folder in (ours, others)]
    for child in started:
        assert child.stdout is not None
        child.stdout.readline()
    try:
        found = process.leftovers(ours)
        assert [left.pid for left in found] == [started[0].pid]
        assert process.end(found) == 1
        assert process.leftovers(ours) == []
        assert started[1].poll() is None
    finally:
        for child in started:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
