"""What the tests of the commands share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from raxx.folder import DataFolder
from tests.broker_handoff.conftest import oauth  # noqa: F401 - a fixture
from tests.commands.world import World
from tests.trading.conftest import app, desk, worker  # noqa: F401 - the same
from trading import reference
from trading.services import tape

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def own_files(settings: Any, tmp_path: Path) -> None:
    """Have whatever a command writes beside the database in a folder of the test's own."""
    settings.AUDIT_ANCHORS, settings.AUDIT_KEY = tmp_path / "anchors", tmp_path / "audit_key.pem"
    settings.DATA_FOLDER = DataFolder(tmp_path / "data")
    settings.EXPORTS = tmp_path / "exports"
    settings.KMS = "local"
    here = settings.DATABASE_SERVER
    settings.DATABASE_SERVER = replace(here, place={**here.place, "dbname": connection.settings_dict["NAME"]})


@pytest.fixture
def world(
    transactional_db: None,
    own_files: None,
    tmp_path: Path,
    settings: Any,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    """Return a world whose market counts for the gate, and for whose matcher, which there is not, nobody waits."""
    settings.GATE_FEEDS = ["replay"]
    for waiting in (tape.advance, tape.restart):
        monkeypatch.setitem(waiting.__kwdefaults__ or {}, "within_s", 0.0)
    reference.forget()
    return World(tmp_path, request)
