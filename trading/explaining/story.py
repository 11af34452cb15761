"""The values that explaining passes around: what is known of an order, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matching.engine.states import TERMINAL
from matching.engine.types import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal
    from uuid import UUID

    from matching.engine.types import Session
    from matching.market.latest import Latest
    from trading.models import Fill, Order, OrderEvent, SimulationProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An order with what belongs to it. `members` are the others of its order class, ended ones too.

    `stop_won_at` are the sequences at which its stop-loss was preferred to its take-profit (C4).
    """

    order: Order
    profile: SimulationProfile
    events: Sequence[OrderEvent] = ()
    fills: Mapping[UUID, Fill] = field(default_factory=dict)
    members: Sequence[Order] = ()
    stop_won_at: frozenset[int] = frozenset()

    def open_member(self, role: Role) -> Order | None:
        """Return the other order of the class that has this role and is open."""
        found = (each for each in self.members if each.role == role and each.status not in TERMINAL)
        return next(found, None)

    @property
    def entry(self) -> Order | None:
        """The open entry that an exit waits for (C1); None when there is none, or this is it."""
        return None if self.order.role == Role.ENTRY else self.open_member(Role.ENTRY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The market as the caller may see it now; instants in ns of market time.

    `session` is None where the calendar does not reach. `opens_at`, `closes_at` are the next regular
    ones, `session_at` the next change of session. `watermark` is a trailing stop's, in dollars (T3).
    `delay` is how much later than others the caller sees `latest`, and then no watermark.
    """

    at: int
    session: Session | None
    latest: Latest
    is_running: bool = True
    opens_at: int | None = None
    closes_at: int | None = None
    session_at: int | None = None
    watermark: Decimal | None = None
    delay: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to the order. Evidence: numbers as decimal strings, instants as RFC 3339."""

    event: str
    at: str
    rule: str | None
    sentence: str
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What an open order waits for now: a stable `reason`, the rule behind it, a sentence, and figures."""

    reason: str
    rule: str | None
    sentence: str
    evidence: dict[str, Any]
