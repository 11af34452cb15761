"""The adapter for Alpaca keeps the contract, against a second installation that plays the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from broker_handoff.adapters.alpaca import AlpacaBroker
from tests.broker_handoff.contract import BrokerContract, Stand
from tests.broker_handoff.peer.installation import SYMBOL, second_installation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.broker_handoff.peer.installation import Peer

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with second_installation() as running:
        yield running


class TestAlpaca(BrokerContract):
    @pytest.fixture
    def stand(self, peer: Peer) -> Stand:
        resting = {
            "symbol": SYMBOL,
            "side": "buy",
            "type": "limit",
            "time_in_force": "gtc",
            "qty": "1",
            "limit_price": "1.5",
        }
        return Stand(
            build=lambda token: AlpacaBroker(token=token, url=peer.url),
            token=peer.token,
            number=peer.number,
            resting=resting,
            refused={**resting, "qty": "1000000"},
        )
