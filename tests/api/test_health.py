"""/health: whether the process lives, and what is missing before an order can be served."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from matching.market import keys
from matching.models import Market, Shard
from raxx import health
from tests.api.conftest import as_web, refusal
from tests.factories.rows import make_market
from trading.services.running_markets import make_default


@pytest.fixture
def whole(market, valkey):
    """Return an installation in which everything lives."""
    valkey.set(keys.heartbeat(market.pk), b"{}")
    Shard.objects.update(updated_at=timezone.now())


def get(path):
    with as_web():
        return Client().get(path)


def test_a_living_process_says_so_whatever_else_is_missing():
    answer = get("/health/live")

    assert (answer.status_code, answer.json()) == (200, {"status": "live", "live_trading": False})


@pytest.mark.parametrize("is_live_on", [False, True])
def test_with_everything_there_it_is_ready_and_says_whether_live_trading_is_on(whole, settings, is_live_on):
    settings.LIVE_IS_ON = is_live_on

    answer = get("/health/ready")

    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "ready", "beside": [], "live_trading": is_live_on},
    )


@pytest.mark.parametrize(
    ("end", "missing"),
    [
        (lambda market, valkey: valkey.delete(keys.heartbeat(market.pk)), ["hub"]),
        (lambda *_: Shard.objects.update(updated_at=timezone.now() - timedelta(minutes=1)), ["matcher"]),
        (lambda *_: Shard.objects.all().delete(), ["matcher"]),
        (lambda *_: Market.objects.update(is_active=False), ["market"]),
    ],
    ids=["hub", "silent matcher", "no matcher", "no market"],
)
def test_what_is_missing_is_named(whole, market, valkey, end, missing):
    end(market, valkey)

    answer = get("/health/ready")

    assert refusal(answer) == (503, 50310000)
    assert (answer.json()["missing"], answer.json()["live_trading"]) == (missing, False)
    assert answer.headers["Retry-After"] == "1"


def test_what_is_ill_beside_the_default_market_is_named_and_makes_nobody_unready(whole, market, valkey):
    other = make_market(is_active=True, shard_count=2)
    make_market(is_active=False)  # a closed one needs nobody
    Shard.objects.update(updated_at=timezone.now())
    ill = [f"matcher:{other.pk}", f"hub:{other.pk}"]

    answer = get("/health/ready")
    assert (answer.status_code, answer.json()["status"], answer.json()["beside"]) == (200, "ready", ill)

    make_default(other.pk)  # then it is the one of whoever names none
    answer = get("/health/ready")
    assert (answer.status_code, answer.json()["missing"], answer.json()["beside"]) == (
        503,
        ["matcher", "hub"],
        [],
    )

    valkey.set(keys.heartbeat(other.pk), b"{}")
    Shard.objects.create(market=other, number=1, epoch=1, updated_at=timezone.now())
    valkey.delete(keys.heartbeat(market.pk))
    answer = get("/health/ready")
    assert (answer.status_code, answer.json()["beside"]) == (200, [f"hub:{market.pk}"])


def test_a_database_that_is_away_is_named(whole, monkeypatch):
    def away():
        raise OperationalError("connection refused")

    monkeypatch.setattr(health.rows, "active_market_ids", away)

    assert get("/health/ready").json()["missing"] == ["database"]


def test_a_valkey_that_is_away_is_named(whole, monkeypatch):
    class Away:
        def ping(self):
            raise health.redis.ConnectionError("no such socket")

    monkeypatch.setattr(health, "_client", Away)

    assert get("/health/ready").json()["missing"] == ["valkey"]


def test_a_migration_that_is_not_applied_is_named(whole, monkeypatch):
    monkeypatch.setattr(health, "_is_migrated", False)
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: ["one"])

    assert get("/health/ready").json()["missing"] == ["migrations"]
