"""What tests of the way to a live broker share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from broker_handoff.adapters.local_keys import LocalKeys
from tests.broker_handoff.peer.oauth import oauth_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.broker_handoff.peer.oauth import OAuthServer


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeys:
    """Return a key service of the test's own."""
    return LocalKeys(tmp_path / "kms_keys")


@pytest.fixture
def oauth(settings: Any) -> Iterator[OAuthServer]:
    """Return the broker's OAuth server, named by the settings; live trading is on."""
    with oauth_server() as server:
        settings.LIVE_IS_ON = True
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server
