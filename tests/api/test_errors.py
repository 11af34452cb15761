"""Every answer is JSON with a code, a message and a request id, whoever made it; none redirects."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from accounts.dashboard.page import Page
from tests.api.conftest import as_web, refusal, told

METHODS = ["get", "head", "post", "put", "patch", "delete", "options", "trace"]


def call(method, path, **extra):
    with as_web():
        return getattr(Client(raise_request_exception=False), method)(path, **extra)


@pytest.mark.parametrize(
    "path", ["/nope", "/v2", "/v2/", "/v2/nope", "/v2/orders/", "/v2/account/", "/v3/nope", "/health/", "/v2//orders",
             "/raxx/v1/market/tape/", "/%ff%fe", "/v2/%00"]
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_path_is_not_found_and_never_redirected(bot, path, method):
    answer = call(method, path)

    assert refusal(answer) == (404, 40410000)
    assert answer.json()["message"] == (
        "endpoint not found" if path != "/v2/orders/" else answer.json()["message"]
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("put", "/v2/orders"),
        ("patch", "/v2/account"),
        ("post", "/v2/positions"),
        ("put", "/v2/positions"),
        ("post", "/v2/assets/IBM"),
        ("delete", "/v2/clock"),
        ("options", "/v2/orders"),
        ("trace", "/v2/orders"),
        ("post", "/v2/orders:by_client_order_id"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_refused(bot, method, path):
    answer = bot.call(method, path)

    assert refusal(answer) == (405, 40510000)
    allowed = answer.headers["Allow"].split(", ")
    assert "GET" in allowed
    assert method.upper() not in allowed


@pytest.mark.parametrize("method", METHODS)
def test_no_route_answers_any_method_with_a_redirect_but_pages_which_lead_to_the_log_in(bot, method):
    # One path of each route, with something in the place of its parameters. The admin has tests of its own.
    routes = {
        re.sub(r"<\w+:\w+>", "something", str(pattern.pattern)): getattr(
            pattern.callback, "view_class", object
        )
        for pattern in get_resolver().url_patterns
        if isinstance(pattern, URLPattern)
    }
    routes["v2/orders/01a206b7-bd3b-75cc-90b2-57bc5c83bf58"] = object
    assert len(routes) > 15

    for route, view in sorted(routes.items(), key=lambda item: item[0]):
        for path in (f"/{route}", f"/{route}/"):
            for answer in (call(method, path), bot.call(method, path)):
                if issubclass(view, Page) and method in {"get", "head"} and answer.status_code == 302:
                    assert answer.headers["Location"].partition("?")[0] == "/log-in"
                    continue
                assert not 300 <= answer.status_code < 400, (method, path)
                assert answer.headers["X-Request-ID"]
                if answer.status_code >= 400 and method != "head":
                    refusal(answer)


def test_an_answer_carries_the_request_id_it_was_given_or_one_of_its_own(bot):
    def request_id(given):
        return call("get", "/v2/clock", headers={"X-Request-ID": given}).headers["X-Request-ID"]

    assert request_id("a.b-c_1") == "a.b-c_1"
    for strange in ("", "with space", "x" * 65, "<script>", "a\tb"):
        assert re.fullmatch(r"[0-9a-f]{32}", request_id(strange))


def test_a_bug_is_a_plain_500_that_tells_nothing_and_is_logged_once(bot, monkeypatch, caplog):
    from trading.api import clock

    def broken(_market_id):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(clock.reference, "market_now", broken)
    with as_web():
        answer = Client(raise_request_exception=False).get(
            "/v2/clock",
            headers={
                "APCA-API-KEY-ID": bot.key.pk,
                "APCA-API-SECRET-KEY": "a secret of a test, which opens nothing",
            },
        )

    assert refusal(answer) == (500, 50010000)
    assert told(answer) == {"code": 50010000, "message": "internal server error occurred"}
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "secret detail" in record.exc_text
    assert answer.headers["X-Request-ID"] in record.getMessage()


def test_a_refusal_is_not_logged_as_a_warning(bot, caplog):
    bot.order(qty="0")
    bot.get("/v2/nope")

    assert not [record for record in caplog.records if record.levelno >= 30]


def test_a_path_of_the_api_answers_by_any_host_name_and_other_paths_only_by_ours(bot):
    # Nothing of the API is built from the Host header, and a bot may reach it by any name.
    assert call("get", "/health/live", headers={"Host": "raxx.internal:9"}).status_code == 200
    assert refusal(call("get", "/elsewhere", headers={"Host": "evil.example"})) == (400, 40010000)


def test_the_api_sets_no_cookie_and_touches_no_session(bot):
    answer = bot.get("/v2/account")

    assert not answer.cookies
    assert "Vary" not in answer.headers
