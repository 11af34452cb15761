"""A real browser before a real web process, or before a whole house. Skipped, loudly, on a machine without Chromium."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from playwright.sync_api import sync_playwright

from tests.browser.house import House, open_house
from tests.browser.server import Site, site as running_site
from tests.browser.visitor import Visitor
from tests.lasting import lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
]  # it may run as root, and loads only ours

MISSING = "no Chromium on this machine: the browser tests are not run"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder, to be skipped where there is no browser: the summary says why."""
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.skipif(CHROMIUM is None, reason=MISSING))


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Browser:
    """Return a browser. Not for the whole session: while it runs, no other test could have an event loop."""
    return lasting(request, _open_chromium)


@contextmanager
def _open_chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
            connections.close_all()  # those that were opened beside the loop: after it nobody could reach them


@pytest.fixture(scope="session")
def site(django_db_setup: None, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return the running web process."""
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(autouse=True)
def _rows_go_with_the_test(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> None:
    """Let the tests look into the database although the browser's loop runs in their thread."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


@pytest.fixture(scope="module")
def common_house(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: Any,
    valkey_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> House:
    """Return the running house. While it stands rows do not go with the test: each test has people of its own."""

    @contextmanager
    def opened() -> Iterator[House]:
        with pytest.MonkeyPatch.context() as environment, django_db_blocker.unblock():
            environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # the browser's loop runs in this thread
            with open_house(tmp_path_factory.mktemp("house")) as running:
                yield running

    return lasting(request, opened)


@pytest.fixture(scope="module")
def house(common_house: House) -> House:
    return common_house


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens a browser; at the end none may have complained."""
    yield from _visits(chromium, site)


@pytest.fixture
def guest(chromium: Browser, house: House) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens a browser at the house; at the end none may have complained."""
    yield from _visits(chromium, house)


def _visits(chromium: Browser, site: Site) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def opened(**options: Any) -> Visitor:
        visitors.append(Visitor(chromium, site, **options))
        return visitors[-1]

    yield opened
    for visitor in visitors:
        visitor.leave()
    assert [visitor.complaints for visitor in visitors if visitor.complaints] == []


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    return visit()
