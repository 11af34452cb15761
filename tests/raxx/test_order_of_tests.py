"""The tests' own machinery: what modules share lives as long as they follow each other, and they do."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests import lasting, order
from tests.services import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Run:
    """Tests that ask for things that last; `told` is what has begun and ended."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.finalizers: list[Callable[[], None]] = []

    def asks(self, name: str) -> Any:
        @contextmanager
        def opened() -> Iterator[str]:
            self.told.append(f"begin {name}")
            yield name
            self.told.append(f"end {name}")

        session = SimpleNamespace(addfinalizer=self.finalizers.append)
        return lasting.lasting(SimpleNamespace(fixturename=name, session=session), opened)  # type: ignore[arg-type] # all it needs

    def ends(self) -> list[str]:
        while self.finalizers:
            self.finalizers.pop()()
        return self.told


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(lasting, "_running", {})
    return Run()


def a_test(file: str, *names: str) -> Any:
    return SimpleNamespace(path=Path(file), fixturenames=names, nodeid=f"{file}::test")


def test_what_modules_share_is_begun_once_and_ends_when_the_next_does_not_want_it(run: Run) -> None:
    first, second, third = a_test("a.py"), a_test("b.py", "house"), a_test("c.py", "house", "browser")

    assert [run.asks("house"), run.asks("browser"), run.asks("house")] == ["house", "browser", "house"]
    lasting.end_unless_wanted(first, a_test("a.py"))  # within a module nothing ends
    lasting.end_unless_wanted(first, third)
    assert run.told == ["begin house", "begin browser"]
    lasting.end_unless_wanted(first, second)
    assert run.told[2:] == ["end browser"]
    lasting.end_unless_wanted(third, None)  # the run's own end comes by the finalizers
    assert run.ends()[3:] == ["end house"]


def test_at_the_end_of_a_run_the_youngest_ends_first_and_each_once(run: Run) -> None:
    run.asks("house")
    run.asks("browser")

    assert run.ends()[2:] == ["end browser", "end house"]


def test_files_that_share_follow_each_other_where_the_longest_of_all_stand() -> None:
    first, second, third = order.TOGETHER[0]
    names = ["tests/short.py", third, "tests/raxx/test_logs.py", first, second]
    items = [a_test(name) for name in names]

    order.sort(items)

    assert [one.nodeid.partition("::")[0] for one in items] == [
        first,
        second,
        third,
        "tests/raxx/test_logs.py",
        "tests/short.py",
    ]
    assert {order.group_of(one.nodeid) for one in items[:3]} == {first}


def test_every_file_of_the_order_is_there_and_in_one_group() -> None:
    together = [file for files in order.TOGETHER for file in files]

    assert [file for file in (*together, *order.LONG) if not (ROOT / file).exists()] == []
    assert len(set(together)) == len(together)
