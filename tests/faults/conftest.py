"""Houses that may be hurt: their servers are always their own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.house import House, kept_where_it_fails
from tests.faults.children import opened_nursery
from tests.faults.faults import number_of_faults
from tests.lasting import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.children import Nursery


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder; a run of many faults may take its time."""
    for item in items:
        if "tests/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.timeout(300 + 20 * number_of_faults()))


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a folder for real servers."""
    with kept_where_it_fails(request) as folder:
        yield folder


@pytest.fixture(scope="module")
def common_nursery(request: pytest.FixtureRequest, django_db_setup: None, valkey_url: str) -> Nursery:
    """Return a nursery, whose start costs more than what is born in it."""

    @contextmanager
    def opened() -> Iterator[Nursery]:
        with kept_where_it_fails(request) as place, opened_nursery(place) as nursery:
            yield nursery

    return lasting(request, opened)


@pytest.fixture(scope="module")
def open_nursery(common_nursery: Nursery) -> Nursery:
    """Return the nursery; a module whose children need settings of their own has another in its place."""
    return common_nursery


@pytest.fixture
def nursery(open_nursery: Nursery, transactional_db: None) -> Iterator[Nursery]:
    """Return where matchers and hubs are born, over the test's database; nobody outlives the test."""
    try:
        yield open_nursery
    finally:
        open_nursery.end_all()


@pytest.fixture
def house(place: Path) -> Iterator[House]:
    """Run everything on a synthetic market that never closes."""
    own = {"DATABASE_URL": "", "VALKEY_URL": ""}
    running = House(place / ".raxx", "--feed", "synthetic", "--symbols", "AAPL,BAC,IBM,SPY", environment=own)
    try:
        running.start()
        yield running
        if running.is_running:
            assert running.stop() == 0, running.said
    finally:
        running.kill()
