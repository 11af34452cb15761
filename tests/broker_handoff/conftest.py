"""What tests of the way to a live broker share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from broker_handoff.adapters.local_keys import LocalKeys
from raxx import roles
from tests.broker_handoff.peer.installation import second_installation
from tests.broker_handoff.peer.oauth import oauth_server
from tests.broker_handoff.records import Trader, replay_at
from tests.factories.sessions import session
from tests.lasting import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.broker_handoff.peer.installation import Peer
    from tests.broker_handoff.peer.oauth import OAuthServer


@pytest.fixture
def keys(tmp_path: Path) -> LocalKeys:
    """Return a key service of the test's own."""
    return LocalKeys(tmp_path / "kms_keys")


@pytest.fixture(scope="module")
def peer(request: pytest.FixtureRequest) -> Peer:
    """Return a second installation that plays the broker; what others have ordered there stays."""
    return lasting(request, second_installation)


@pytest.fixture
def oauth(settings: Any) -> Iterator[OAuthServer]:
    """Return the broker's OAuth server, named by the settings; live trading is on."""
    with oauth_server() as server:
        settings.LIVE_IS_ON = True
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server


@pytest.fixture
def trader(transactional_db: None, settings: Any) -> Iterator[Trader]:
    """Return somebody with an account in a market whose months count; it is May the 4th."""
    settings.GATE_FEEDS = ["replay"]
    with session(roles.APP) as app, session(roles.WORKER) as worker:
        yield Trader.begin(app, worker, replay_at())
