"""The life of an intent, as one table. What is not in it does not happen.

    accepted --> sending --> working --> filled | canceled | rejected | expired | replaced
        |            |
        |            +--> refused    the broker said no: its words are kept
        |            +--> accepted   the broker certainly does not have it: try again
        +--> blocked                 a guard of ours said no: nothing was sent
        +--> canceled                somebody took it back before anything was sent
        +--> lapsed                  the deadline passed: nothing was sent, or it certainly never arrived
        |
        (from `sending`) unresolved  it may be at the broker, and nobody can ask any more: the token is gone

While it is `sending` nobody knows whether the broker has it; only the broker's own answer, to the
submission or to a later question for our id, leads out; where the token that could ask was shredded, it is
`unresolved` for good once its deadline is over. A cancel is `done` when the broker has taken it; a
replacement is an order of its own from then on.
"""

from __future__ import annotations

from django.db import models


class IntentStatus(models.TextChoices):
    ACCEPTED = "accepted"
    SENDING = "sending"
    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REPLACED = "replaced"
    DONE = "done"
    REFUSED = "refused"
    BLOCKED = "blocked"
    LAPSED = "lapsed"
    UNRESOLVED = "unresolved"


_S = IntentStatus

NEXT: dict[IntentStatus, frozenset[IntentStatus]] = {
    _S.ACCEPTED: frozenset({_S.SENDING, _S.BLOCKED, _S.LAPSED, _S.CANCELED}),
    _S.SENDING: frozenset(
        {
            _S.ACCEPTED, _S.WORKING, _S.DONE, _S.REFUSED, _S.LAPSED, _S.UNRESOLVED,
            # The broker's first answer may tell of an order that is over already.
            _S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.REPLACED,
        }
    ),
    _S.WORKING: frozenset({_S.FILLED, _S.CANCELED, _S.REJECTED, _S.EXPIRED, _S.REPLACED}),
}  # fmt: skip
FINAL = frozenset(status for status in IntentStatus if status not in NEXT)


class StateImpossible(Exception):
    """The table has no such step: a bug, or somebody else has gone further."""


def step(before: IntentStatus, after: IntentStatus) -> IntentStatus:
    """Return `after` where it may follow `before`. Raises StateImpossible."""
    if after not in NEXT.get(before, frozenset()):
        raise StateImpossible(f"an intent does not go from {before} to {after}")
    return after
