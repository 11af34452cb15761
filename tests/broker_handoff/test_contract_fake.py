"""The broker that the other tests use keeps the contract that every adapter keeps."""

from __future__ import annotations

import pytest

from tests.broker_handoff.contract import BrokerContract, Stand
from tests.broker_handoff.fake import FakeBroker
from tests.broker_handoff.wishes import BUY


class TestFakeBroker(BrokerContract):
    @pytest.fixture
    def stand(self) -> Stand:
        broker = FakeBroker(tokens={"a token"})
        return Stand(
            build=broker.build,
            token="a token",
            number="PA3XYZ",
            resting=BUY,
            refused={**BUY, "symbol": "NONE"},
        )
