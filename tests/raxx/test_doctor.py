"""The doctor: finds what is ill, says how to mend it, and is not stopped by a check that breaks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from matching.market import keys
from matching.models import Market, Shard
from raxx import doctor, roles
from raxx.doctor import database as database_checks, registry
from raxx.doctor.database import owned_tables
from raxx.doctor.registry import Finding, Unwell
from tests.factories.rows import make_account, make_event, make_market, make_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import redis

ORDER = [
    "versions",
    "data folder",
    "disk",
    "clock",
    "database",
    "migrations",
    "roles",
    "row security",
    "valkey",
]


def test_the_ground_is_checked_before_what_stands_on_it() -> None:
    assert list(registry.CHECKS)[: len(ORDER)] == ORDER


def test_a_check_that_breaks_is_a_finding_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def well() -> str:
        return "fine"

    def ill() -> str:
        raise Unwell("too hot", "cool it")

    def broken() -> str:
        raise ZeroDivisionError("by nought\nsecond line")

    monkeypatch.setattr(registry, "CHECKS", {"broken": broken, "ill": ill, "well": well})

    assert doctor.examine() == [
        Finding(
            name="broken",
            is_well=False,
            detail="ZeroDivisionError: by nought",
            fix="mend what stands above; see the logs",
        ),
        Finding(name="ill", is_well=False, detail="too hot", fix="cool it"),
        Finding(name="well", is_well=True, detail="fine"),
    ]


@pytest.mark.parametrize(("is_well", "status"), [(True, None), (False, 1)])
def test_the_exit_status_tells(monkeypatch: pytest.MonkeyPatch, is_well: bool, status: int | None) -> None:
    finding = Finding(name="one", is_well=is_well, detail="as it is", fix="" if is_well else "mend it")
    monkeypatch.setattr(doctor, "examine", lambda: [finding])
    output = StringIO()

    ended = None
    try:
        call_command("doctor", "--json", stdout=output)
    except SystemExit as error:
        ended = error.code

    assert ended == status
    assert [row["name"] for row in json.loads(output.getvalue())] == ["one"]


@pytest.fixture
def outcome(transactional_db: None) -> Callable[[str], Finding]:
    """Return a function that runs one check on the committed test database."""
    return lambda name: doctor.examine([name])[0]


def test_a_migrated_database_is_well(outcome: Callable[[str], Finding]) -> None:
    for name in ("migrations", "row security", "clock"):
        finding = outcome(name)
        assert finding.is_well, finding


def test_every_owned_table_is_found_by_its_column(db: None) -> None:
    tables = owned_tables()

    assert {"trading_order", "trading_fill", "trading_position", "accounts_apikey"} <= set(tables)
    assert "accounts_user_groups" not in tables


@pytest.mark.parametrize("change", ["no force", "disable"])
def test_a_table_without_its_wall_is_named(outcome: Callable[[str], Finding], change: str) -> None:
    undo = {"no force": "force", "disable": "enable"}[change]
    with connection.cursor() as cursor:
        cursor.execute(f"alter table trading_order {change} row level security")
        try:
            finding = outcome("row security")
        finally:
            cursor.execute(f"alter table trading_order {undo} row level security")

    assert (finding.is_well, finding.detail) == (
        False,
        "without forced row security or a policy: trading_order",
    )


def test_a_policy_that_lets_everybody_see_is_found_by_looking(outcome: Callable[[str], Finding]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("create table trading_leak (user_id uuid); insert into trading_leak values (null)")
        cursor.execute("alter table trading_leak enable row level security, force row level security")
        cursor.execute(
            "create policy open on trading_leak using (true); grant select on trading_leak to raxx_app"
        )
        cursor.execute("insert into trading_leak values (null)")
        try:
            finding = outcome("row security")
        finally:
            cursor.execute("drop table trading_leak")

    assert not finding.is_well
    assert finding.detail == "raxx_app sees rows of trading_leak without acting for anybody"


def test_a_role_with_too_much_power_is_found(outcome: Callable[[str], Finding]) -> None:
    # The tests' own cluster lets the owner take the other roles, which a real one must not.
    finding = outcome("roles")

    assert not finding.is_well
    assert finding.detail.startswith("raxx_owner is a member of raxx_")
    assert finding.fix.startswith("revoke raxx_")


def test_fsync_that_is_off_is_found(outcome: Callable[[str], Finding]) -> None:
    # The tests' own cluster trades durability for speed, which a real one must not.
    finding = outcome("database")

    with connection.cursor() as cursor:
        cursor.execute("show fsync")
        is_durable = cursor.fetchone()[0] == "on"
    assert finding.is_well == is_durable
    assert is_durable or finding.detail.endswith("is off")


def test_an_older_postgresql_is_not_enough(
    outcome: Callable[[str], Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_checks, "VERSION_MIN", 99)

    finding = outcome("database")

    assert (finding.is_well, finding.fix) == (False, "use PostgreSQL 99 or later")


@pytest.mark.parametrize(
    ("power", "undo"),
    [("bypassrls", "nobypassrls"), ("superuser", "nosuperuser")],
)
def test_a_login_that_row_security_does_not_bind_is_found(
    outcome: Callable[[str], Finding], power: str, undo: str
) -> None:
    with psycopg.connect(**settings.DATABASE_SERVER.administrative_login(), autocommit=True) as session:
        session.execute(f"alter role raxx_app {power}")
        try:
            found = outcome("roles"), outcome("row security")
        finally:
            session.execute(f"alter role raxx_app {undo}")

    assert [finding.is_well for finding in found] == [False, False]
    assert found[0].detail.startswith("raxx_app has powers")
    assert found[1].detail == "row security does not bind the login raxx_app"


def test_a_server_prepared_for_another_role_is_not_mistaken_for_the_app(
    outcome: Callable[[str], Finding], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.DATABASE_SERVER.login(roles.WORKER)
    place = settings.DATABASE_SERVER.place
    server = roles.Server(
        place=place,
        secret_key="",
        administrator={"user": own["user"], "password": own["password"]},
        is_embedded=False,
    )
    monkeypatch.setattr(settings, "DATABASE_SERVER", server)

    finding = outcome("row security")

    assert finding.is_well
    assert finding.detail.endswith("not tried as raxx_app, because DATABASE_URL names raxx_worker")


# --- The matcher: how far behind it is ------------------------------------------------------------

AT = 1_381_240_800  # seconds; of market time


def publish(valkey: redis.Redis, market: Market, seconds: float, run: int = 1) -> None:
    at = int((AT + seconds) * 10**9)
    valkey.set(keys.published(market.pk), json.dumps({"run": run, "seq": 1, "at": at}))


def market_with_shard(**fields: Any) -> Market:
    market = make_market(**{"is_active": True, "paused": False, **fields})
    Shard.objects.filter(market=market).update(run=1, at=AT * 10**9, updated_at=datetime.now(UTC))
    return market


@pytest.mark.parametrize(
    ("fields", "behind", "is_well"),
    [
        pytest.param({"feed": "synthetic"}, 2, True, id="live, between two commits"),
        pytest.param({"feed": "synthetic"}, 8, False, id="live, late"),
        pytest.param(
            {"feed": "alpaca", "speed": None}, 8, False, id="live, late, where no speed means anything"
        ),
        pytest.param({"speed": 1}, 8, False, id="a tape, late"),
        pytest.param({"speed": 60}, 120, True, id="a fast tape, between two commits"),
        pytest.param({"speed": 60}, 480, False, id="a fast tape, late"),
        pytest.param({"speed": None}, -3600, True, id="a tape at full speed, which the hub follows"),
        pytest.param({"paused": True}, 3600, True, id="a paused tape, which the inbox speaks for"),
    ],
)
def test_the_matchers_lag_is_what_the_hub_published_and_it_has_not_decided(
    outcome: Callable[[str], Finding],
    valkey: redis.Redis,
    fields: dict[str, Any],
    behind: float,
    is_well: bool,
) -> None:
    market = market_with_shard(**fields)
    publish(valkey, market, behind)

    finding = outcome("matcher")

    assert finding.is_well == is_well, finding
    assert is_well or (
        finding.detail == "the matcher is 8 s behind the hub" and "matcher's log" in finding.fix
    )


def test_a_shard_that_missed_a_restart_is_named(
    outcome: Callable[[str], Finding], valkey: redis.Redis
) -> None:
    market = market_with_shard(run=2)
    publish(valkey, market, 0, run=2)

    finding = outcome("matcher")

    assert (finding.is_well, finding.detail) == (False, f"shard {market.pk}/0 has not begun run 2")


@pytest.mark.django_db
def test_each_of_several_markets_has_a_line_of_its_own(valkey: redis.Redis) -> None:
    well, ill = market_with_shard(feed="synthetic"), market_with_shard(feed="synthetic", shard_count=2)
    make_market(is_active=False)
    for market in (well, ill):
        publish(valkey, market, 0)
    valkey.set(keys.heartbeat(well.pk), "{}")

    findings = doctor.examine(["feed", "matcher"])

    assert [(finding.name, finding.is_well) for finding in findings] == [
        (f"feed {well.pk}", True),
        (f"feed {ill.pk}", False),
        (f"matcher {well.pk}", True),
        (f"matcher {ill.pk}", False),
    ]
    assert findings[3].detail == f"no matcher has ever run shard {ill.pk}/1"


def test_a_silent_shard_is_named(outcome: Callable[[str], Finding], valkey: redis.Redis) -> None:
    market = market_with_shard()
    Shard.objects.update(updated_at=datetime.now(UTC) - timedelta(seconds=99))

    finding = outcome("matcher")

    assert (finding.is_well, finding.fix) == (
        False,
        "start it: `make run`, or the process of that name (matcher)",
    )
    assert finding.detail.startswith(f"shard {market.pk}/0 committed nothing for ")


@pytest.mark.parametrize("is_old", [True, False])
@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("status", ["pending_new", "pending_cancel"])
def test_a_wish_that_nobody_decides_is_found_by_its_age_on_the_wall(
    outcome: Callable[[str], Finding], valkey: redis.Redis, status: str, paused: bool, is_old: bool
) -> None:
    market = market_with_shard(paused=paused)
    publish(valkey, market, 0)
    account = make_account(market=market)
    order = make_order(account, status=status)
    hour, now = timedelta(hours=1), datetime.now(UTC)
    make_event(account, make_order(account, status="new"), seq=1, recorded_at=now - hour)  # decided
    if status == "pending_cancel":  # its placing is old, and was decided
        make_event(account, order, seq=2, recorded_at=now - hour)
    asked_at = now - hour if is_old else now + hour  # however slow this machine is, not old
    make_event(account, order, seq=3, kind=status, status=status, recorded_at=asked_at)

    finding = outcome("matcher")

    assert finding.is_well is not is_old, finding
    assert finding.detail.startswith("an order waits to be decided since 3") is is_old
    assert ("matcher's log" in finding.fix) is is_old
