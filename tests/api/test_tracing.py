"""The edge of the web process: which id a request gets, and where it is found again."""

from __future__ import annotations

import io
import json
import logging
import re

import pytest
from django.test import Client

from accounts import tracing
from raxx import logs
from raxx.middleware import ApiMiddleware
from tests.api.conftest import SECRET, as_web
from trading.api import clock

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


@pytest.fixture
def lines(monkeypatch):
    """Return a function that tells every line written since, of every logger, at the lowest level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines("web"))
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", "django", "django.db.backends")}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def get(path, **headers):
    with as_web():
        return Client(raise_request_exception=False).get(path, headers=headers)


@pytest.mark.parametrize("path", ["/v2/clock", "/v2/nothing-here", "/docs", "/elsewhere", "/health/live"])
def test_every_answer_carries_the_caller_s_id_or_the_trace_s_or_one_of_its_own(market, path):
    assert get(path, **{"X-Request-ID": "mine.1", "traceparent": TRACEPARENT})["X-Request-ID"] == "mine.1"
    assert get(path, traceparent=TRACEPARENT)["X-Request-ID"] == TRACE_ID
    assert get(path, **{"X-Request-ID": "two words", "traceparent": TRACEPARENT})["X-Request-ID"] == TRACE_ID
    for malformed in ("", "nonsense", TRACEPARENT.replace(TRACE_ID, "0" * 32)):
        own = get(path, traceparent=malformed)["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{32}", own)
        assert own != TRACE_ID


@pytest.mark.parametrize(
    ("path", "status"), [("/v2/orders", 401), ("/v2/nothing", 404), ("/elsewhere", 404), ("/v2/clock", 401)]
)
def test_every_refusal_s_body_carries_it_too(market, path, status):
    answer = get(path, **{"X-Request-ID": "mine.1"})

    assert (answer.status_code, answer.json()["request_id"]) == (status, "mine.1")


def test_a_host_that_is_not_ours_is_refused_with_it_too(market):
    assert get("/elsewhere", Host="evil.example", traceparent=TRACEPARENT).json()["request_id"] == TRACE_ID


def test_the_thread_knows_nothing_of_a_request_that_is_over(bot, monkeypatch):
    bot.get("/v2/account")
    assert tracing.current() is tracing.NOBODY

    def fall(_self, _request):
        raise KeyboardInterrupt  # nothing that any layer answers for

    monkeypatch.setattr(ApiMiddleware, "_answer", fall)
    with pytest.raises(KeyboardInterrupt):
        bot.get("/v2/account")
    assert tracing.current() is tracing.NOBODY


def test_a_line_written_within_a_request_names_it_and_whose_it_is(bot, monkeypatch, lines):
    real = clock.reference.market_now

    def telling(market_id):
        logging.getLogger("raxx.of_test").info("asked")
        return real(market_id)

    monkeypatch.setattr(clock.reference, "market_now", telling)
    bot.call("get", "/v2/clock", headers={"X-Request-ID": "mine.1", "traceparent": TRACEPARENT})

    [line] = [line for line in lines() if line["message"] == "asked"]
    assert (line["request_id"], line["trace_id"]) == ("mine.1", TRACE_ID)
    assert (line["user_id"], line["account_id"]) == (str(bot.account.user_id), str(bot.account.pk))
    assert line["actor"] == f"key:{bot.key.pk}"


def test_a_bug_s_line_and_its_answer_share_the_id(bot, monkeypatch, lines):
    def broken(_market_id):
        raise RuntimeError("a bug")

    monkeypatch.setattr(clock.reference, "market_now", broken)
    with as_web():
        answer = Client(raise_request_exception=False).get(
            "/v2/clock", headers={"APCA-API-KEY-ID": bot.key.pk, "APCA-API-SECRET-KEY": SECRET}
        )

    [line] = [line for line in lines() if line["level"] == "ERROR"]
    assert line["request_id"] == answer.json()["request_id"] == answer["X-Request-ID"]
    assert line["user_id"] == str(bot.account.user_id)
    assert "RuntimeError: a bug" in line["error"]


def test_no_line_at_any_level_tells_a_secret(bot, monkeypatch, lines):
    def broken(_market_id):
        raise RuntimeError("a bug")

    token = f"{bot.key.pk}.{SECRET}"
    bot.order()
    bot.order(qty="0")
    bot.get("/v2/nothing")
    for headers in (
        {"Authorization": f"Bearer {token}"},
        {"APCA-API-KEY-ID": SECRET, "APCA-API-SECRET-KEY": bot.key.pk},  # the wrong way round
        {"APCA-API-KEY-ID": bot.key.pk, "APCA-API-SECRET-KEY": SECRET, "Authorization": f"Bearer {token}"},
    ):
        get("/v2/account", **headers)
    monkeypatch.setattr(clock.reference, "market_now", broken)
    get("/v2/clock", **{"APCA-API-KEY-ID": bot.key.pk, "APCA-API-SECRET-KEY": SECRET})

    text = json.dumps(lines())
    assert "RuntimeError: a bug" in text
    assert SECRET not in text
