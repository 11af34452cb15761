"""One attempt at an intent, and what making it needs of others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broker_handoff.pace import PACE, Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from broker_handoff.guards import Refusal
    from broker_handoff.models import LiveIntent
    from broker_handoff.ports import BrokerBuilder
    from broker_handoff.vault import KeyService


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What sending needs of others: who opens the token, who talks to the broker, who says no, and the pace."""

    keys: KeyService
    build: BrokerBuilder
    refusal: Callable[[LiveIntent, datetime], Refusal | None]
    pace: Pace = PACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One attempt: the row as it was claimed, and until when (monotonic) its sending may begin."""

    intent: LiveIntent
    lease: UUID
    sends: bool
    send_before: float

    @property
    def is_too_late(self) -> bool:
        """Whether this worker stood still so long, or the order got so old, that nothing may be sent any more."""
        return time.monotonic() > self.send_before
