"""The doctor: finds what is ill, says how to mend it, and is not stopped by a check that breaks."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import connection

from raxx import doctor
from raxx.doctor import registry
from raxx.doctor.database import owned_tables
from raxx.doctor.registry import Finding, Unwell

if TYPE_CHECKING:
    from collections.abc import Callable

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
