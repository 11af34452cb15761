"""The receivers of these tests are on this machine: only here may a webhook go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.webhooks.receiver import Receiver
from trading.webhooks import sending

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Return a server; the name of any target leads to it."""
    monkeypatch.setattr(sending, "public_address", lambda _: "127.0.0.1")
    with Receiver() as one:
        yield one
