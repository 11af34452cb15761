"""Expand, then contract: no migration takes away what the running release reads, or demands what it does not write.

While a release is deployed, the old code runs on the new schema. `deploy/migrations.md` is the rule in words.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.migrations.operations.base import Operation

ROOT = Path(__file__).resolve().parents[2]
# Up to here they came before there was anybody who ran a release.
SETTLED = {"accounts": 9, "broker_handoff": 8, "matching": 4, "trading": 18}

TAKES_AWAY = (
    migrations.RemoveField,
    migrations.RenameField,
    migrations.DeleteModel,
    migrations.RenameModel,
    migrations.AlterModelTable,
)
SQL_THAT_TAKES_AWAY = re.compile(
    r"\bdrop\s+(table|column|view)\b|\brename\s+(to|column)\b|\balter\s+(column\s+)?\w+\s+(set\s+data\s+)?type\b"
    r"|\bset\s+not\s+null\b|\brevoke\s+(?!all\s+on\s+function)",
    re.IGNORECASE,
)


def breaches(operations: Sequence[Operation]) -> list[str]:
    """Return what the release before would stumble over."""
    made = {operation.name_lower for operation in operations if isinstance(operation, migrations.CreateModel)}
    found = []
    for operation in operations:
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            found += breaches(operation.database_operations)
        elif isinstance(operation, TAKES_AWAY):
            found.append(f"takes away: {operation.describe()}")
        elif isinstance(operation, migrations.RunSQL):
            found += [
                f"takes away: {said}" for said in _statements(operation) if SQL_THAT_TAKES_AWAY.search(said)
            ]
        elif isinstance(operation, migrations.AddField) and operation.model_name_lower not in made:
            field = operation.field
            is_written = field.null or field.many_to_many or field.db_default is not models.NOT_PROVIDED
            if not is_written:
                found.append(f"demands: {operation.describe()}: give it null=True or db_default")
    return found


def _statements(operation: migrations.RunSQL) -> list[str]:
    said = operation.sql
    return [said] if isinstance(said, str) else [one if isinstance(one, str) else one[0] for one in said]


def releases() -> set[str]:
    """Return the headings of the changelog under which something was released."""
    headings = re.findall(
        r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return set(headings) - {"Unreleased"}


def verdict(
    name: str, operations: Sequence[Operation], expanded_in: str | None, released: set[str]
) -> list[str]:
    """Return why a migration may not be; one that contracts says so, and the release that expanded."""
    if "_contract_" not in name:
        return breaches(operations)
    if expanded_in not in released:
        return [f"EXPANDED_IN is {expanded_in!r}, which is no release of CHANGELOG.md"]
    return [said for said in breaches(operations) if not said.startswith("takes away")]


def test_the_release_before_can_run_on_the_schema_of_this_one() -> None:
    found = {}
    for (app, name), migration in MigrationLoader(None).disk_migrations.items():
        if app in SETTLED and int(name[:4]) > SETTLED[app]:
            module = import_module(type(migration).__module__)
            expanded_in = getattr(module, "EXPANDED_IN", None)
            if said := verdict(name, migration.operations, expanded_in, releases()):
                found[f"{app}.{name}"] = said

    assert found == {}


def test_the_settled_migrations_are_there() -> None:
    on_disk = {(app, int(name[:4])) for app, name in MigrationLoader(None).disk_migrations}

    assert set(SETTLED.items()) <= on_disk


TEXT = models.CharField(max_length=9)


@pytest.mark.parametrize(
    ("operations", "is_sound"),
    [
        ([migrations.RemoveField("order", "side")], False),
        ([migrations.RenameField("order", "side", "direction")], False),
        ([migrations.DeleteModel("Order")], False),
        ([migrations.RunSQL("alter table trading_order drop column side")], False),
        ([migrations.RunSQL([("alter table trading_order alter side type text", None)])], False),
        ([migrations.RunSQL("revoke select on trading_order from raxx_app")], False),
        ([migrations.RunSQL("revoke all on function f() from public; create index on t (a)")], True),
        ([migrations.SeparateDatabaseAndState([migrations.DeleteModel("Order")], [])], False),
        ([migrations.SeparateDatabaseAndState([], [migrations.RemoveField("order", "side")])], True),
        ([migrations.AddField("order", "venue", TEXT)], False),
        ([migrations.AddField("order", "venue", models.CharField(max_length=9, default="X"))], False),
        ([migrations.AddField("order", "venue", models.CharField(max_length=9, db_default="X"))], True),
        ([migrations.AddField("order", "venue", models.CharField(max_length=9, null=True))], True),
        ([migrations.CreateModel("Venue", []), migrations.AddField("venue", "name", TEXT)], True),
    ],
    ids=lambda value: None if isinstance(value, bool) else value[0].describe()[:50],
)
def test_what_the_release_before_would_stumble_over_is_found(
    operations: list[Operation], is_sound: bool
) -> None:
    assert (breaches(operations) == []) is is_sound


def test_a_migration_contracts_by_its_name_and_only_after_a_release_that_has_expanded() -> None:
    gone = [migrations.RemoveField("order", "side")]

    assert verdict("0019_no_side", gone, "1.2.0", {"1.2.0"}) != []
    assert verdict("0019_contract_side", gone, None, {"1.2.0"}) != []
    assert verdict("0019_contract_side", gone, "1.3.0", {"1.2.0"}) != []
    assert verdict("0019_contract_side", gone, "1.2.0", {"1.2.0"}) == []
