"""A key and a folder of anchors for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def anchors(settings: SettingsWrapper, tmp_path: Path) -> Path:
    """Return the folder in which this test's anchors are written; there is none yet."""
    settings.AUDIT_KEY = tmp_path / "keys" / "audit_key.pem"
    settings.AUDIT_KEY_MAY_BE_MADE = True
    settings.AUDIT_ANCHORS = tmp_path / "anchors"
    return tmp_path / "anchors"
