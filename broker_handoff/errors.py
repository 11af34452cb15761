"""What a person may see go wrong on the way to a live broker. `raxx.errors` says with which status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.errors import Failure

if TYPE_CHECKING:
    from broker_handoff.guards import Refusal


class GuardRefused(Failure):
    """A guard said no, before anything went out; `context["guard"]` says which."""

    code = "live_guard"

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words, error="live_refused", guard=refusal.guard.value)
        self.refusal = refusal
