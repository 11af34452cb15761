"""What somebody with a browser sees of a failure, and that programs never get a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError
from django.test import Client

from tests.factories.people import as_web, signed_in
from trading.dashboard import landing

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def _landing_knows_nothing() -> Iterator[None]:
    landing.forget()
    yield
    landing.forget()


def call(path: str, method: str = "get", **headers: str) -> Any:
    with as_web():
        return getattr(Client(raise_request_exception=False), method)(path, headers={**BROWSER, **headers})


@pytest.mark.parametrize("path", ["/nope", "/paper/x/y/z", "/accounts/", "/v4/orders", "/admin-of-nothing"])
def test_a_path_of_nothing_is_a_page_in_a_browser(path: str) -> None:
    answer = call(path)

    page = answer.content.decode()
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "There is nothing here" in page
    assert answer.headers["X-Request-ID"] in page
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path",
    [
        "/v2/nope",
        "/v1beta1/nope",
        "/v3/nope",
        "/raxx/v1/nope",
        "/auth/nope",
        "/stream/nope",
        "/health/nope",
        "/static/nope.js",
    ],
)
def test_a_path_of_programs_is_json_whoever_asks(path: str) -> None:
    answer = call(path)

    assert (answer.status_code, answer.json()["code"]) == (404, 40410000)


@pytest.mark.parametrize(
    ("method", "accept"),
    [("post", BROWSER["Accept"]), ("delete", BROWSER["Accept"]), ("get", "*/*"), ("get", "")],
)
def test_who_asks_for_no_page_gets_json(method: str, accept: str) -> None:
    answer = call("/nope", method, Accept=accept)

    assert (answer.status_code, answer.json()["code"]) == (404, 40410000)


def test_a_bug_in_a_page_is_a_page_that_tells_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(landing, "shown_market", broken)
    answer = call("/")

    page = answer.content.decode()
    assert answer.status_code == 500
    assert "This cannot be shown" in page
    assert answer.headers["X-Request-ID"] in page
    assert "secret detail" not in page


def test_who_is_signed_in_is_still_so_on_the_page_of_a_failure() -> None:
    browser = signed_in()

    page = browser.get("/nope", headers={**BROWSER}).content.decode()

    assert browser.user.email in page


def test_what_cannot_be_shown_as_a_page_is_told_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    from accounts.dashboard.page import Page

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the database is away")

    monkeypatch.setattr(Page, "show", away)
    answer = call("/nope")

    assert (answer.status_code, answer.json()["code"]) == (404, 40410000)


def test_a_foreign_host_gets_no_page_that_names_it() -> None:
    answer = call("/nope", Host="evil.example")

    assert (answer.status_code, answer.json()["code"]) == (400, 40010000)
