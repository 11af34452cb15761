"""Metrics: each is there, moves when the thing happens, and names nobody; and rules and dashboard name what is there."""

from __future__ import annotations

import json
import re
import threading
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import promql_parser
import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY, CollectorRegistry

from accounts.throttling import TIER_KEY
from broker_handoff.models import BrokerConnection, LiveIntent, SwitchClosing
from matching.engine.types import Chunk, Kind
from matching.market import keys
from matching.market.batch import items_of
from matching.market.publisher import Publisher
from matching.models import Market, Shard
from raxx import programs
from raxx.env import SettingError
from raxx.metrics import requests
from raxx.metrics.place import Address, address_of
from raxx.metrics.serving import server
from raxx.metrics.state import QUEUE, State
from tests.factories.rows import (
    SECRET,
    make_account,
    make_api_key,
    make_market,
    make_order,
    make_user,
    make_webhook,
)
from tests.metering import counted
from tests.trading.stage import make_stage, quote
from trading.metrics import TRANSPORTS
from trading.models import ScheduledRun
from trading.stream.desk.stream import DeskStream
from trading.stream.socket import Socket
from trading.stream.sse import EventStream

if TYPE_CHECKING:
    from pathlib import Path

    import redis

OBSERVABILITY = settings.BASE_DIR / "deploy" / "observability"
RULES = [
    rule
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((OBSERVABILITY / "dashboard.json").read_text())["panels"]
NAME = re.compile(r"\braxx_\w+")


# --- Where it is served ---------------------------------------------------------------------------


def test_an_address_is_one_and_not_everybody_s() -> None:
    assert address_of("") is None
    assert address_of("127.0.0.1:9464") == Address("127.0.0.1", 9464)
    assert address_of("[::1]:9464") == Address("::1", 9464)
    assert address_of("metrics.internal:9464") == Address("metrics.internal", 9464)
    for text in ("9464", ":9464", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:0", "127.0.0.1:65536"):
        with pytest.raises(SettingError, match="host:port"):
            address_of(text)
    for text in ("0.0.0.0:9464", "[::]:9464"):
        with pytest.raises(SettingError, match="one address"):
            address_of(text)


def test_without_an_address_nothing_serves_and_with_one_the_supervisor_starts_it(settings: Any) -> None:
    settings.METRICS = None
    with pytest.raises(CommandError, match="RAXX_METRICS is not set"):
        call_command("metrics")
    assert "metrics" not in {task.name for task in programs.engines({}, ())}

    settings.METRICS = Address("127.0.0.1", 9464)
    assert "metrics" in {task.name for task in programs.engines({}, ())}
    assert Client().get("/metrics").status_code != 200  # never on the public address


@pytest.mark.django_db(transaction=True)
def test_a_scrape_tells_what_was_counted_and_how_things_are(valkey: redis.Redis) -> None:
    make_market()
    serving = server(Address("127.0.0.1", 0))
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{serving.server_port}/metrics"
        with urllib.request.urlopen(url, timeout=20) as answer:
            text = answer.read().decode()
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()

    assert "# TYPE raxx_requests_total counter" in text
    assert 'raxx_part_up{part="database"} 1.0' in text
    assert 'raxx_job_overdue{job="verify-ledger"}' in text


# --- What is counted ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_requests_are_counted_by_route_and_tier_and_never_by_whose() -> None:
    account = make_account(make_user(tier="pro"))
    key = make_api_key(account)
    headers = {"APCA-API-KEY-ID": key.key_id, "APCA-API-SECRET-KEY": SECRET}
    labels = {"route": "/v2/orders/<uuid:order_id>", "tier": "pro"}
    client = Client()
    answered = {**labels, "method": "GET", "status": "4xx"}
    before = counted("raxx_requests_total", **answered)
    took = counted("raxx_request_seconds_count", **labels)
    lost = counted("raxx_requests_total", route="none", method="GET", tier="none", status="4xx")

    for _ in range(2):
        client.get(f"/v2/orders/{account.pk}", headers=headers)
    client.get(f"/v2/there-is-none/{account.pk}")

    routes = {sample.labels["route"] for metric in REGISTRY.collect() for sample in metric.samples
              if sample.name == "raxx_requests_total"}  # fmt: skip
    assert [route for route in routes if str(account.pk) in route] == []
    assert labels["route"] in routes
    assert counted("raxx_requests_total", **answered) == before + 2
    assert counted("raxx_request_seconds_count", **labels) == took + 2
    assert counted("raxx_requests_total", route="none", method="GET", tier="none", status="4xx") == lost + 1


def test_what_was_too_much_and_what_broke_is_counted_and_no_word_of_a_caller_is_a_label() -> None:
    request = RequestFactory().generic("BREW", "/coffee")
    request.META[TIER_KEY] = "free"
    throttled = counted("raxx_throttled_total", tier="free")
    broken = {"route": "none", "method": "other", "tier": "free", "status": "5xx"}
    before = counted("raxx_requests_total", **broken)

    requests.end(requests.begin(), request, HttpResponse(status=429))
    requests.end(requests.begin(), request, HttpResponse(status=403))
    requests.end(requests.begin(), request, None)

    assert counted("raxx_throttled_total", tier="free") == throttled + 1
    assert counted("raxx_requests_total", **broken) == before + 1


@pytest.mark.django_db(transaction=True)
def test_the_matcher_counts_its_commits_what_they_decide_and_fills(tmp_path: Path) -> None:
    stage = make_stage(tmp_path, [quote(0, "10.00", 300, "10.02", 200)])
    names = (
        "raxx_fills_total",
        "raxx_matcher_batch_decisions_sum",
        "raxx_matcher_batch_decisions_count",
        "raxx_matcher_commit_seconds_count",
    )
    try:
        stage.go(1)
        before = {name: counted(name) for name in names}
        stage.submit(stage.account(), quantity="100", limit_price="10.02")
        stage.go(2)
        after = {name: counted(name) - before[name] for name in names}
    finally:
        stage.close()

    assert after["raxx_fills_total"] == 1
    assert after["raxx_matcher_batch_decisions_sum"] >= 2  # new, and the fill
    assert 1 <= after["raxx_matcher_batch_decisions_count"] <= after["raxx_matcher_commit_seconds_count"]


def test_the_hub_counts_what_it_publishes(valkey: redis.Redis) -> None:
    publisher = Publisher(valkey, 5, feed="synthetic")
    publisher.begin(1, 0)
    items = items_of([(1, 1, Kind.QUOTE, 10, 1, 11, 1, 0, 0, 1), (2, 2, Kind.QUOTE, 10, 1, 12, 1, 0, 0, 1)])
    before = counted("raxx_hub_items_total", market="5")

    publisher.publish(Chunk(seq=2, at=2, items={"IBM": items}))

    assert counted("raxx_hub_items_total", market="5") == before + 2


def test_each_kind_of_stream_is_counted_by_its_own_name() -> None:
    assert (Socket.transport, EventStream.transport, DeskStream.transport, "webhook") == TRANSPORTS


# --- What is asked for ----------------------------------------------------------------------------


def state() -> dict[str, float]:
    """Return what a scrape asks for, by name and labels."""
    told = CollectorRegistry()
    told.register(State())
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for metric in told.collect()
        for sample in metric.samples
    }


def live_rows() -> None:
    """Insert a connection with an intent in doubt and one for good, and a closed switch."""
    now, user = datetime.now(UTC), make_user()
    broker = BrokerConnection.objects.create(
        user=user, broker_account="1", consent_expires_at=now + timedelta(days=1)
    )
    facts = {
        "user": user, "connection": broker, "kind": "submit", "terms": {}, "digest": bytes(32), "notional": 1,
        "session_id": user.pk, "deadline_at": now,
    }  # fmt: skip
    LiveIntent.objects.create(**facts, status="sending", sent_at=now - timedelta(seconds=90))
    LiveIntent.objects.create(**facts, status="unresolved", finished_at=now)
    SwitchClosing.objects.create(scope="global", is_own=False, reason="odd fills", closed_by=user.pk)


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_for_moves_with_what_happens(valkey: redis.Redis) -> None:
    market = make_market(feed=Market.FeedKind.SYNTHETIC, calendar="ALWAYS", paused=False)
    begun = datetime.now(UTC)
    Shard.objects.filter(market=market).update(
        run=1, at=int((begun.timestamp() - 40) * 1e9), updated_at=begun - timedelta(seconds=20)
    )
    before = state()
    of = market.pk
    assert before[f"raxx_hub_alive {of}"] == 0
    assert (
        before["raxx_part_up database"] == before["raxx_part_up valkey"] == before["raxx_part_up market"] == 1
    )
    assert before["raxx_waiting_rows inbox"] == before["raxx_celery_queue_length"] == 0
    assert before[f"raxx_inbox_oldest_seconds {of}"] == before["raxx_intent_doubt_seconds"] == 0
    assert before["raxx_disk_free_bytes"] > 0
    assert 0 < before["raxx_database_connections raxx_owner"] < before["raxx_database_connections_max"]

    published = {"run": 1, "seq": 77, "at": int((begun.timestamp() - 30) * 1e9)}
    valkey.set(keys.published(market.pk), json.dumps(published))
    valkey.set(keys.heartbeat(market.pk), "{}")
    valkey.rpush(QUEUE, b"a", b"b", b"c")
    account = make_account(market=market, event_seq=1)
    make_order(account)
    make_webhook(account, cursor=0)
    live_rows()
    ScheduledRun.objects.create(
        job="verify-ledger", started_at=begun, duration_ms=1500, outcome="done", counts={"faults": 3}
    )
    ScheduledRun.objects.create(job="purge-history", started_at=begun, duration_ms=1, outcome="failed")
    ScheduledRun.objects.create(
        job="verify-audit", started_at=begun - timedelta(days=3), duration_ms=1, outcome="done"
    )
    after = state()

    assert after[f"raxx_hub_alive {of}"] == 1
    assert 30 <= after[f"raxx_newest_item_age_seconds {of}"] < 90
    assert after[f"raxx_matcher_lag_seconds {of} 0"] == pytest.approx(10, abs=0.01)
    assert after[f"raxx_matcher_silence_seconds {of} 0"] >= 20
    assert after["raxx_celery_queue_length"] == 3
    waiting = {
        name: after[f"raxx_waiting_rows {name}"] for name in ("inbox", "webhooks", "intents", "staff_acts")
    }
    assert waiting == {"inbox": 1, "webhooks": 1, "intents": 1, "staff_acts": 0}
    assert after["raxx_live_enabled"] == 0
    assert (after["raxx_intents sending"], after["raxx_intents unresolved"]) == (1, 1)
    assert after["raxx_intent_doubt_seconds"] >= 90
    assert (after["raxx_broker_connections active"], after["raxx_switches_closed global"]) == (1, 1)
    assert after["raxx_job_faults verify-ledger"] == 3
    assert after["raxx_job_last_duration_seconds verify-ledger"] == 1.5
    assert after["raxx_job_last_success_timestamp_seconds verify-ledger"] == begun.timestamp()
    assert (after["raxx_job_failed purge-history"], after["raxx_job_failed verify-ledger"]) == (1, 0)
    assert (after["raxx_job_overdue verify-audit"], after["raxx_job_overdue verify-ledger"]) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_each_market_is_told_apart_and_one_that_is_ill_hides_no_other(valkey: redis.Redis) -> None:
    well = make_market(feed=Market.FeedKind.SYNTHETIC, is_active=True)
    ill = make_market(feed=Market.FeedKind.SYNTHETIC, is_active=True, shard_count=2, run=2)
    for market, run in ((well, 1), (ill, 2)):
        valkey.set(keys.published(market.pk), json.dumps({"run": run, "seq": 1, "at": 1}))
    valkey.set(keys.heartbeat(well.pk), "{}")

    told = state()

    assert (told[f"raxx_hub_alive {well.pk}"], told[f"raxx_hub_alive {ill.pk}"]) == (1, 0)
    assert told[f"raxx_matcher_silence_seconds {ill.pk} 1"] == float("inf")  # it has never run
    assert told[f"raxx_matcher_lag_seconds {ill.pk} 0"] == float("inf")  # it has not begun the run
    assert told[f"raxx_matcher_lag_seconds {well.pk} 0"] >= 0
    assert told["raxx_part_up market"] == 1  # what is ill of one is told by its number


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_asked_is_left_out_and_said(valkey: redis.Redis, settings: Any) -> None:
    without_market = state()
    assert (without_market["raxx_part_up market"], without_market["raxx_part_up valkey"]) == (0, 1)

    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    without_valkey = state()
    assert (without_valkey["raxx_part_up valkey"], without_valkey["raxx_part_up database"]) == (0, 1)
    assert "raxx_celery_queue_length" not in without_valkey
    assert "raxx_job_overdue verify-ledger" in without_valkey


@pytest.mark.django_db(transaction=True)
def test_the_worker_s_role_may_ask_all_of_it(valkey: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    make_market()
    monkeypatch.setattr(connection, "close", lambda: None)  # it would leave the role
    with connection.cursor() as cursor:
        cursor.execute("set role raxx_worker")
        try:
            told = state()
        finally:
            cursor.execute("reset role")
    assert {told[f"raxx_part_up {part}"] for part in ("database", "valkey", "market")} == {1}


# --- Rules and dashboard --------------------------------------------------------------------------


def test_rules_and_panels_are_promql_about_metrics_that_there_are(known: frozenset[str]) -> None:
    exprs = [(rule["alert"], rule["expr"]) for rule in RULES]
    exprs += [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]

    for where, expr in exprs:
        text = expr.replace("$__rate_interval", "5m")
        promql_parser.parse(text)
        names = set(NAME.findall(text))
        assert names, where
        assert names <= known, where
    shown = {name for panel in PANELS for target in panel["targets"] for name in NAME.findall(target["expr"])}
    families = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name in known}
    assert families - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} == set()


def test_every_rule_says_what_it_is_about_and_whom_to_wake() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES) > 15
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule
        assert set(rule["annotations"]) == {"summary", "description"}, rule
    scrape = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())
    assert scrape["rule_files"] == ["alerts.yml"]


@pytest.fixture
def known(valkey: redis.Redis, transactional_db: None) -> frozenset[str]:
    """Return the names of all samples of ours, of a market that runs."""
    market = make_market(feed=Market.FeedKind.SYNTHETIC, calendar="ALWAYS", paused=False)
    valkey.set(keys.published(market.pk), json.dumps({"run": 1, "seq": 1, "at": 1}))
    ScheduledRun.objects.create(
        job="verify-ledger", started_at=datetime.now(UTC), duration_ms=1, outcome="done", counts={"faults": 0}
    )
    names = {name.split(" ")[0] for name in state()}
    for metric in REGISTRY.collect():
        if not metric.name.startswith("raxx_"):
            continue
        kinds = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
        names |= {metric.name + suffix for suffix in kinds[metric.type]}
    return frozenset(names)
