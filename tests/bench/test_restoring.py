"""The benchmark of restoring, on the tests' own server: that it measures what it says, not how fast."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.conf import settings as of_project
from django.db import connection

from bench import restoring
from raxx import bootstrap as bootstraps
from tests.trading.conftest import app, desk, worker  # noqa: F401 - fixtures
from tests.trading.ledger_world import build_world, tamper
from trading.models import Fill

if TYPE_CHECKING:
    from pathlib import Path

    from tests.factories.desk import Desk
    from tests.factories.sessions import Session
    from tests.trading.ledger_world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(app: Session, desk: Desk) -> World:  # noqa: F811 - the fixtures
    """Return books in every state."""
    return build_world(app, desk)


def measure(folder: Path) -> dict[str, Any]:
    """Measure one restore of what is in the test's database, and return its line."""
    target: Any = SimpleNamespace(folder=SimpleNamespace(root=folder), parts={"postgres": psutil.Process()})
    line: dict[str, Any] = json.loads(restoring.measure(target, 1, 1, 1).line())
    return line


@pytest.fixture(autouse=True)
def _of_this_test(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = of_project.DATABASE_SERVER
    settings.DATABASE_SERVER = replace(here, place={**here.place, "dbname": connection.settings_dict["NAME"]})
    settings.AUDIT_ANCHORS, settings.AUDIT_KEY = tmp_path / "anchors", tmp_path / "audit_key.pem"
    monkeypatch.setattr(bootstraps, "bootstrap", partial(bootstraps.bootstrap, for_tests=True))
    monkeypatch.setattr(restoring, "fill", lambda *_: Fill.objects.count())


def test_a_restore_is_measured_step_by_step_against_a_copy_of_all_its_rows(
    world: World, tmp_path: Path
) -> None:
    found = measure(tmp_path)

    assert (found["name"], found["unit"], found["runs"]) == ("restore_200k", "s", 1)
    detail = found["detail"]
    assert (detail["fills"], detail["rows"] > detail["fills"] > 0) == (Fill.objects.count(), True)
    steps = ("bootstrap", "digests", "database", "rows", "statistics", "ledger", "audit_log")
    assert sum(detail[f"{step}_s"] for step in steps) == pytest.approx(found["value"], abs=0.1)
    assert found["ratio"] == pytest.approx(found["value"] / detail["copy_s"], rel=0.5)
    with connection.cursor() as cursor:  # it leaves nothing behind
        cursor.execute("select to_regnamespace('bare'), (select count(*) from pg_database where datname = %s)", [
            restoring.RESTORED
        ])  # fmt: skip
        assert cursor.fetchone() == (None, 0)


def test_what_does_not_balance_is_no_figure(world: World, tmp_path: Path) -> None:
    tamper("update trading_tradingaccount set cash = cash + 1 where account_id = %(id)s", id=world.alice.pk)

    with pytest.raises(restoring.RestoreFailed, match="cash"):
        measure(tmp_path)
