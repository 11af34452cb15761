"""The recorded day, what it leads to, and houses full of real processes."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.acceptance import rawtape
from tests.acceptance.expectation import Expectation, expected
from tests.acceptance.house import House, kept_where_it_fails
from tests.acceptance.servers import given_servers
from tests.lasting import lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

MISSING = (
    f"NO RECORDED DAY: {rawtape.path_of('quote')} is missing; set RAXX_LEAN_DATA to a folder in LEAN's format"
)
ON_TAPE = ("--feed", "replay", "--date", "2013-10-08", "--symbols", rawtape.SYMBOL, "--paused")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if "tests/acceptance/" in item.path.as_posix():
            item.add_marker(pytest.mark.acceptance)
            item.add_marker(pytest.mark.timeout(240))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tested."""
    if not rawtape.is_there():
        terminalreporter.write_sep("!", f"acceptance: {MISSING}", red=True, bold=True)


@pytest.fixture(scope="session")
def tape() -> None:
    """Require the recorded day."""
    if not rawtape.is_there():
        pytest.skip(MISSING)


@pytest.fixture(scope="session")
def expectation(tape: None) -> Expectation:
    """Return what the script leads to, from the raw tape."""
    return expected()


@contextmanager
def _running(
    place: Path, *options: str, environment: dict[str, str] | None = None, from_nothing: bool = False
) -> Iterator[House]:
    with given_servers() as servers:
        folder, named = place / ".raxx", {**servers, **(environment or {})}
        house = House(folder, *options, environment=named, from_nothing=from_nothing)
        try:
            house.start()
            yield house
            if house.is_running:
                assert house.stop() == 0, house.said
        finally:
            house.kill()


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a folder for real servers."""
    with kept_where_it_fails(request) as folder:
        yield folder


@pytest.fixture(scope="module")
def open_house(place: Path) -> Callable[..., AbstractContextManager[House]]:
    """Return a context manager that runs `manage.py up` with some options, in a folder of its own."""
    return partial(_running, place)


@pytest.fixture(scope="module")
def recorded_house(request: pytest.FixtureRequest, tape: None) -> House:
    """Run everything on the recorded day, paused at its beginning, for all modules that play it."""

    @contextmanager
    def opened() -> Iterator[House]:
        with (
            kept_where_it_fails(request) as place,
            _running(place, *ON_TAPE, "--tape", str(rawtape.folder())) as running,
        ):
            yield running

    return lasting(request, opened)


@pytest.fixture(scope="module")
def house(recorded_house: House) -> House:
    return recorded_house
