"""What answers forbid the browser: on pages, files, refusals and the API."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client

from raxx.headers import PERMISSIONS, POLICY, PageHeadersMiddleware

PAGES = [
    "/sign-up",
    "/log-in",
    "/recover",
    "/sign-up/no-token",
    "/docs",
    "/nothing-here",
    "/static/accounts/page.css",
]


def test_the_policy_has_no_exception() -> None:
    directives = dict(part.strip().split(" ", 1) for part in POLICY.split(";"))

    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_every_page_file_and_refusal_has_all_of_them(path: str) -> None:
    answer = Client().get(path)
    answer.close()  # a file would stay open
    headers = answer.headers

    assert headers["Content-Security-Policy"] == POLICY
    assert headers["Permissions-Policy"] == PERMISSIONS
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/health/live", "/v2/account", "/raxx/v1/nothing"])
def test_an_answer_of_the_api_is_never_guessed_to_be_something_else(path: str) -> None:
    assert Client().get(path).headers["X-Content-Type-Options"] == "nosniff"


def test_a_view_s_own_policy_stays() -> None:
    own = PageHeadersMiddleware(
        lambda _: HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})
    )

    assert own(HttpRequest()).headers["Content-Security-Policy"] == "default-src 'none'"
