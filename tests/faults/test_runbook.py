"""The recoveries of deploy/runbook.md: how a loss is seen, what still works meanwhile, and that it is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest
import redis

from matching.market import keys
from raxx.folder import DataFolder
from tests.acceptance.house import ROOT, House

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_S = 60.0
LOOK_S = 0.2  # another process's state has no event for us, and a budget is spent by asking

ORDER = {"symbol": "IBM", "qty": "1", "side": "buy", "time_in_force": "day"}
RESTING = {**ORDER, "type": "limit", "limit_price": "1.00"}


@pytest.fixture(scope="module")
def house(place: Path) -> Iterator[House]:
    """Run everything on a synthetic market that never closes, for all tests of this module."""
    own = {"DATABASE_URL": "", "VALKEY_URL": "", "RAXX_BUDGETS": "on"}  # as in production
    running = House(place / ".raxx", "--feed", "synthetic", "--symbols", "AAPL,IBM", environment=own)
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[httpx.Client]:
    demo = house.demo
    headers = {"APCA-API-KEY-ID": demo["key_id"], "APCA-API-SECRET-KEY": demo["secret"]}
    with httpx.Client(base_url=demo["base_url"], headers=headers, timeout=30) as opened:
        yield opened


@contextmanager
def frozen(house: House, name: str) -> Iterator[psutil.Process]:
    """Let a process neither run nor die: its supervisor would replace it at once."""
    (victim,) = house.children(name)
    victim.send_signal(signal.SIGSTOP)
    try:
        yield victim
    finally:
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGCONT)


@contextmanager
def nobody_restarts(house: House) -> Iterator[None]:
    """Let the supervisor freeze: what dies stays dead until the block is over."""
    (hub,) = house.children("hub")
    supervisor = hub.parent()
    assert supervisor is not None
    supervisor.suspend()
    try:
        yield
    finally:
        supervisor.resume()


def wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(LOOK_S)


def missing(client: httpx.Client) -> list[str]:
    """Return what readiness says is missing."""
    answer = client.get("/health/ready")
    return [] if answer.status_code == 200 else answer.json()["missing"]


def finding(house: House, name: str) -> dict[str, Any]:
    """Return what the doctor says of one part."""
    told = house.manage("doctor", "--json")
    (found,) = (one for one in json.loads(told.stdout) if one["name"] == name)
    return found


def order(client: httpx.Client, **terms: str) -> str:
    """Place an order and return its id; without terms it rests far below the market."""
    answer = client.post("/v2/orders", json={**ORDER, **terms} if terms else RESTING)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def is_at(client: httpx.Client, order_id: str, status: str) -> bool:
    return bool(client.get(f"/v2/orders/{order_id}").json()["status"] == status)


def test_while_the_feed_is_dead_orders_are_taken_and_canceled_and_then_fill(
    house: House, client: httpx.Client
) -> None:
    valkey = redis.Redis(unix_socket_path=str(DataFolder(house.folder).valkey_socket))
    with frozen(house, "hub"), valkey:
        (beat,) = valkey.keys(keys.heartbeat(0).replace("0", "*"))
        valkey.delete(beat)  # as it does by itself after some seconds

        seen, told = missing(client), finding(house, "feed")
        resting = order(client)
        wait_until(lambda: is_at(client, resting, "new"), "it is not taken")
        client.delete(f"/v2/orders/{resting}")
        wait_until(lambda: is_at(client, resting, "canceled"), "it is not canceled")

    assert seen == ["hub"]
    assert (told["is_well"], "is silent" in told["detail"]) == (False, True)
    wait_until(lambda: missing(client) == [], "it is not ready again")
    filled = order(client, type="market")
    wait_until(lambda: is_at(client, filled, "filled"), "nothing fills")


def test_while_valkey_is_away_orders_are_refused_and_cancels_are_kept_for_later(
    house: House, client: httpx.Client
) -> None:
    resting = order(client)
    wait_until(lambda: is_at(client, resting, "new"), "it is not taken")
    with frozen(house, "valkey"):
        seen = missing(client)
        refused = client.post("/v2/orders", json=RESTING)
        canceled = client.delete(f"/v2/orders/{resting}")

    assert "valkey" in seen
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert canceled.status_code == 204
    wait_until(lambda: is_at(client, resting, "canceled"), "what was accepted meanwhile is not decided")
    wait_until(lambda: missing(client) == [], "it is not ready again")
    wait_until(lambda: client.post("/v2/orders", json=RESTING).status_code == 200, "no order is accepted")


def test_postgresql_fails_over_and_nobody_has_to_be_restarted(house: House, client: httpx.Client) -> None:
    def living() -> dict[str, set[tuple[int, float]]]:
        names = ("hub", "matcher", "web", "web worker", "stream", "worker")
        return {name: {(one.pid, one.create_time()) for one in house.children(name)} for name in names}

    before = living()
    acknowledged = [order(client), order(client, type="market"), order(client)]
    (postgres,) = house.children("postgres")
    with nobody_restarts(house):
        postgres.send_signal(
            signal.SIGQUIT
        )  # "immediate": nothing is written any more, as when a machine dies
        wait_until(lambda: postgres.status() == psutil.STATUS_ZOMBIE, "PostgreSQL does not end")
        seen, refused = missing(client), client.post("/v2/orders", json=RESTING)

    assert "database" in seen
    assert refused.status_code == 503
    wait_until(lambda: missing(client) == [], "it is not ready again")
    resting, filled, other = acknowledged
    wait_until(lambda: is_at(client, filled, "filled"), "what was acknowledged before does not fill")
    wait_until(
        lambda: is_at(client, resting, "new") and is_at(client, other, "new"),
        "what was acknowledged before is not taken",
    )
    after = order(client, type="market")
    wait_until(lambda: is_at(client, after, "filled"), "nothing fills")
    wait_until(lambda: finding(house, "celery")["is_well"], "no worker answers")
    assert living() == before


def test_without_a_worker_paper_trades_on_and_the_next_worker_answers(
    house: House, client: httpx.Client
) -> None:
    with frozen(house, "worker") as lost:
        told = finding(house, "celery")
        filled = order(client, type="market")
        wait_until(lambda: is_at(client, filled, "filled"), "nothing fills")
        lost.kill()
        lost.wait(PATIENCE_S)

    assert (told["is_well"], told["detail"]) == (False, "no worker answers")
    wait_until(lambda: finding(house, "celery")["is_well"], "no worker answers again")
    proof = house.manage("verify_ledger")
    assert proof.returncode == 0, proof.stdout + proof.stderr


@pytest.mark.parametrize(
    "words",
    [["export_user", "--email", "demo@raxx.example", "--out", "demo.zip"], ["anchor_audit"]],
    ids=["export", "anchor"],
)
def test_a_full_disk_is_said_in_a_line_leaves_no_half_file_and_ends_when_there_is_room(
    house: House, client: httpx.Client, tmp_path: Path, words: list[str]
) -> None:
    folder = house.folder / "anchors" if words == ["anchor_audit"] else tmp_path
    order(client)
    command = [sys.executable, str(ROOT / "manage.py"), *words]
    environment = {**os.environ, **house.environment()}

    def run(*limit: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*limit, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def picture() -> set[str]:
        return {file.name for file in folder.iterdir()} if folder.exists() else set()

    before = picture()
    # No file may grow by a byte: what a quota does, and a full disk.
    refused = run("sh", "-c", 'ulimit -f 0; exec "$@"', "sh")
    after = picture()

    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "File too large" in refused.stderr
    assert after == before
    mended = run()
    assert mended.returncode == 0, mended.stderr
    assert len(picture()) == len(before) + 1
    assert house.manage("verify_audit").returncode == 0
