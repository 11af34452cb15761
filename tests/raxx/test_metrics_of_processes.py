"""What processes count together: told by one, kept when they end, and whole wherever the one that tells is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from prometheus_client import CollectorRegistry
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from raxx.metrics import ended, living, place
from raxx.metrics.serving import Counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COUNTS = """
import sys
from pathlib import Path
from raxx.metrics import place
place.use(Path(sys.argv[1]))
from trading.metrics import committed, pooled
for line in sys.stdin:
    committed(5, 2, 0.001)
    pooled({"pool_size": int(line)})
    print("counted", flush=True)
"""
KEY = mmap_key("raxx_fills", "raxx_fills_total", [], [], "Executions.")
BUCKET = mmap_key("raxx_wait", "raxx_wait_bucket", ["le"], ["1.0"], "Waits.")
SUM = mmap_key("raxx_wait", "raxx_wait_sum", [], [], "Waits.")


@contextmanager
def process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a process that counts once for each line it is told."""
    with subprocess.Popen(
        [sys.executable, "-c", COUNTS, str(folder)],
        cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        try:
            yield child
        finally:
            child.kill()


def let_count(child: subprocess.Popen[str], size: int) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{size}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "counted\n"


def told(folder: Path) -> dict[str, float]:
    """Return what a scrape tells, without buckets."""
    registry = CollectorRegistry()
    registry.register(Counted(folder))
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_bucket")
    }


def test_what_a_killed_process_has_counted_stays_and_what_it_was_does_not(tmp_path: Path) -> None:
    with ExitStack() as stack:
        one, other = (stack.enter_context(process(tmp_path)) for _ in range(2))
        let_count(one, 7)
        let_count(other, 8)
        let_count(other, 9)
        both = told(tmp_path)
        assert (both["raxx_fills_total"], both["raxx_matcher_batch_decisions_sum"]) == (6, 15)

        other.kill()
        other.wait()
        after = told(tmp_path)
        files = {file.name for file in tmp_path.glob("*.db")}
        let_count(one, 7)
        later = told(tmp_path)

    assert {name: value for name, value in after.items() if "pool" not in name} == {
        name: value for name, value in both.items() if "pool" not in name
    }
    assert after["raxx_stream_pool_connections all"] == 7
    assert later["raxx_fills_total"] == 8
    # Of the dead there are sums of each kind; of the living what they had.
    assert sorted(name for name in files if "ended" in name) == ["counter_ended-1.db", "histogram_ended-1.db"]
    assert len(files) == 2 + 3
    assert len(list(tmp_path.glob(f"*{living.SUFFIX}"))) == 1

    ended.forget(tmp_path)
    assert told(tmp_path) == {}
    assert [file.name for file in tmp_path.iterdir()] == [ended.LOCK]


def test_a_new_start_forgets_the_dead_and_not_the_living(tmp_path: Path) -> None:
    dead(tmp_path, "1-a", 5)
    name = living.Name(tmp_path)()
    count(tmp_path, name, 2)

    ended.forget(tmp_path)

    assert told(tmp_path)["raxx_fills_total"] == 2
    ended.forget(tmp_path.with_name("nowhere"))  # a first start


def test_root_leaves_nothing_among_another_user_s_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "ROOT", os.geteuid())
    monkeypatch.delenv(place.VARIABLE, raising=False)
    another_s = os.stat_result((0o40700, 0, 0, 0, os.geteuid() + 1, 0, 0, 0, 0, 0))
    monkeypatch.setattr("pathlib.Path.stat", lambda *_, **__: another_s)
    place.use(tmp_path / "metrics")
    monkeypatch.undo()
    assert (list(tmp_path.iterdir()), place.VARIABLE in os.environ) == ([], False)


def test_a_name_is_nobody_else_s_not_of_the_same_number_and_not_after_a_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, same_number = living.Name(tmp_path), living.Name(tmp_path)
    parent = one()
    assert parent == one() != same_number()
    assert parent.startswith(f"{os.getpid()}-")

    monkeypatch.setattr(os, "getpid", lambda: 77)
    child = one()

    assert child == one() != parent
    assert living.ended(tmp_path) == []
    assert len(list(tmp_path.glob(f"*{living.SUFFIX}"))) == 3


# --- Killed at any point ----------------------------------------------------------------------------


def count(folder: Path, name: str, fills: float) -> None:
    """Write the files of a process of this name."""
    for kind, values in (
        ("counter", {KEY: fills}),
        ("histogram", {BUCKET: 1.0, SUM: fills}),
        ("gauge_all", {KEY: 1.0}),
    ):
        file = MmapedDict(str(folder / f"{kind}_{name}.db"))
        for key, value in values.items():
            file.write_value(key, value, 0.0)
        file.close()


def dead(folder: Path, name: str, fills: float) -> None:
    count(folder, name, fills)
    (folder / f"{name}{living.SUFFIX}").touch()


def sums(folder: Path) -> tuple[float, float, float]:
    found = told(folder)
    return found["raxx_fills_total"], found["raxx_wait_sum"], found["raxx_wait_count"]


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Have the `step`-th change of a file be the last one that happens."""
    done = 0

    def dying(real: Any) -> Any:
        def once(*args: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done > step:
                raise KeyboardInterrupt
            return real(*args, **options)

        return once

    for name in ("unlink", "rename", "write_text"):
        monkeypatch.setattr(f"pathlib.Path.{name}", dying(getattr(type(settings.BASE_DIR), name)))
    monkeypatch.setattr(MmapedDict, "write_value", dying(MmapedDict.write_value))


@pytest.mark.parametrize("step", range(20))
def test_wherever_folding_is_killed_each_count_is_told_once(tmp_path: Path, step: int) -> None:
    dead(tmp_path, "1-a", 5)
    assert sums(tmp_path) == (5, 5, 1)
    dead(tmp_path, "2-b", 7)
    dead(tmp_path, "3-c", 30)
    with pytest.MonkeyPatch.context() as monkeypatch:
        kill_at(monkeypatch, step)
        try:
            with ended.summed(tmp_path):
                is_over = True
        except KeyboardInterrupt:
            is_over = False
    assert is_over is (step >= 18)

    assert sums(tmp_path) == (42, 42, 3)
    dead(tmp_path, "4-d", 1)
    assert sums(tmp_path) == (43, 43, 4)
    assert {file.name for file in tmp_path.iterdir()} - {f".{ended.RECORD}"} == {
        ended.RECORD, ended.LOCK, *(f"{kind}_ended-{number}.db" for kind in ("counter", "histogram")
                                   for number in [3]),
    }  # fmt: skip


def test_what_a_machine_has_torn_is_left_out_and_stops_no_scrape(tmp_path: Path) -> None:
    dead(tmp_path, "1-a", 5)
    dead(tmp_path, "2-b", 7)
    (tmp_path / "counter_1-a.db").write_bytes(b"\xff\x7f\x00\x00" + bytes(12))
    (tmp_path / "histogram_1-a.db").write_bytes(b"")
    (tmp_path / "3-c.alive").touch()  # it had not begun

    assert sums(tmp_path) == (7, 7, 1)

    (tmp_path / ended.RECORD).write_text("{")
    dead(tmp_path, "4-d", 1)
    assert sums(tmp_path) == (1, 1, 1)  # as after a start of the machine
