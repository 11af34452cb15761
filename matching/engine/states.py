"""The life of an order as one table: which event moves which status to which.

Invariants: every status change in the system asks `status_after`; a pair that the table does not
name is a bug and raises; nothing leaves a terminal status. While a cancel or replace is pending
the order may still become new and fill in part, and stays pending until it ends.

A refused cancel or replace of an order that is still open (opg and cls after their cut-off, S3)
restores the status before it, which no table can know: `RESTORES` lists these pairs, and `restored` says it.

Source: the status words and the diagram of Alpaca's order life cycle; matching/decisions/0016-settled.md.
"""

from __future__ import annotations

from enum import StrEnum

from matching.engine.types import Event


class Status(StrEnum):
    PENDING_NEW = "pending_new"
    ACCEPTED = "accepted"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    REPLACED = "replaced"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    HELD = "held"
    DONE_FOR_DAY = "done_for_day"


INITIAL = frozenset({Status.PENDING_NEW, Status.HELD})
TERMINAL = frozenset({Status.FILLED, Status.CANCELED, Status.EXPIRED, Status.REJECTED, Status.REPLACED})
LISTED_AS_CLOSED = TERMINAL | {
    Status.HELD,
    Status.DONE_FOR_DAY,
}  # what status=closed returns

_ENDS = {
    Event.FILL: Status.FILLED,
    Event.CANCELED: Status.CANCELED,
    Event.EXPIRED: Status.EXPIRED,
}
_WORKING = _ENDS | {
    Event.PARTIAL_FILL: Status.PARTIALLY_FILLED,
    Event.PENDING_CANCEL: Status.PENDING_CANCEL,
    Event.PENDING_REPLACE: Status.PENDING_REPLACE,
    Event.DONE_FOR_DAY: Status.DONE_FOR_DAY,
}
_WAITING = {
    Event.NEW: Status.NEW,
    Event.CANCELED: Status.CANCELED,
    Event.EXPIRED: Status.EXPIRED,
    Event.REJECTED: Status.REJECTED,
    Event.PENDING_CANCEL: Status.PENDING_CANCEL,
}
# A request that comes too late is refused, and the order stays as it ended.
_TOO_LATE = (Event.CANCEL_REJECTED, Event.REPLACE_REJECTED)

_UNMOVED = (Event.TRIGGERED, Event.RESTATED)  # they change the order, not its status

_MOVES: dict[Status, dict[Event, Status]] = {
    Status.PENDING_NEW: _WAITING | {Event.ACCEPTED: Status.ACCEPTED, Event.HELD: Status.HELD},
    Status.ACCEPTED: _WAITING
    | {Event.RESTATED: Status.ACCEPTED, Event.PENDING_REPLACE: Status.PENDING_REPLACE},
    Status.HELD: _WAITING
    | dict.fromkeys(_UNMOVED, Status.HELD)
    | {Event.ACCEPTED: Status.ACCEPTED, Event.PENDING_REPLACE: Status.PENDING_REPLACE},
    Status.NEW: _WORKING | dict.fromkeys(_UNMOVED, Status.NEW),
    Status.PARTIALLY_FILLED: _WORKING | dict.fromkeys(_UNMOVED, Status.PARTIALLY_FILLED),
    Status.DONE_FOR_DAY: {
        Event.NEW: Status.NEW,
        Event.CANCELED: Status.CANCELED,
        Event.EXPIRED: Status.EXPIRED,
        Event.PENDING_CANCEL: Status.PENDING_CANCEL,
    },
    Status.PENDING_CANCEL: _ENDS
    | dict.fromkeys(_UNMOVED, Status.PENDING_CANCEL)
    | {
        Event.ACCEPTED: Status.PENDING_CANCEL,
        Event.NEW: Status.PENDING_CANCEL,
        Event.PARTIAL_FILL: Status.PENDING_CANCEL,
        Event.REJECTED: Status.REJECTED,
    },
    Status.PENDING_REPLACE: _ENDS
    | dict.fromkeys(_UNMOVED, Status.PENDING_REPLACE)
    | {
        Event.ACCEPTED: Status.PENDING_REPLACE,
        Event.NEW: Status.PENDING_REPLACE,
        Event.PARTIAL_FILL: Status.PENDING_REPLACE,
        Event.REPLACED: Status.REPLACED,
    },
} | {ended: dict.fromkeys(_TOO_LATE, ended) for ended in sorted(TERMINAL)}

TABLE: dict[tuple[Status, Event], Status] = {
    (status, event): after for status, moves in _MOVES.items() for event, after in moves.items()
}

# The wish is gone, and the order is what it was without it: see `restored`.
RESTORES = frozenset(
    {(Status.PENDING_CANCEL, Event.CANCEL_REJECTED), (Status.PENDING_REPLACE, Event.REPLACE_REJECTED)}
)

# Words of the wire that no order here ever has; what each tells of does not exist on paper.
NEVER = {
    "accepted_for_bidding": "a desk that looks for somebody to trade with",
    "pending_review": "an order that waits for a person's approval",
    "stopped": "a price that a market maker has guaranteed",
    "suspended": "an order that an exchange has set aside",
    "calculated": "a fill whose settlement is still worked out",
}


class ImpossibleMove(ValueError):
    """An event that cannot happen to an order in this status."""


def status_after(status: Status, event: Event) -> Status:
    """Return the status that `event` leads to. Raises ImpossibleMove for a missing pair."""
    try:
        return TABLE[status, event]
    except KeyError:
        raise ImpossibleMove(f"{event} cannot happen to an order that is {status}") from None


def restored(*, is_active: bool, is_held: bool, has_filled: bool) -> Status:
    """Return the status of an open order whose owner's wish was refused."""
    if is_held:
        return Status.HELD
    if not is_active:
        return Status.ACCEPTED
    return Status.PARTIALLY_FILLED if has_filled else Status.NEW


def is_open(status: Status) -> bool:
    """Return whether anything may still happen to the order."""
    return status not in TERMINAL
