"""What the matcher's loop needs from outside: a feed that moves, and a journal that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from matching.engine.types import Account, Chunk, Decision, Order, OrderId, Side, WatermarkMove


class Feed(Protocol):
    """One market's items in their total order.

    `replayable` says whether `read` can go back: a tape can, a live market cannot, and what
    passed while nobody listened is then simply not seen. `without_prints` are the symbols that
    have quotes alone.
    """

    replayable: bool
    without_prints: frozenset[str]

    def read(self, after: int, until: int, limit: int) -> Chunk | None:
        """Return the next items with sequence > `after` and time <= `until`, about `limit` at most.

        None means that there is nothing to read up to `until`. A chunk's `at` never exceeds
        `until`; when everything up to `until` has been delivered, `chunk.at == until`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a shard's committed decisions hold: tape run, sequence and market time."""

    run: int
    seq: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One wish from the inbox, in the order in which the owners were served.

    `place` carries the `order`, and the `legs` of an order class. `cancel` names `order_id`, and as
    `replaced_id` the order that it was to replace when it never got that far: both end; of a class that
    was never placed it carries the `legs`, which end with it. `replace` names the order to be
    replaced as `order_id` and carries its successor as `order`; `order` is None when fills came
    first and leave the successor nothing, and then `successor_id` is all that is known of it.
    """

    number: int
    action: Literal["place", "cancel", "replace"]
    order_id: OrderId
    symbol: str
    order: Order | None = None
    legs: Sequence[Order] = ()
    successor_id: OrderId | None = None
    replaced_id: OrderId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything that one commit makes durable, all or nothing.

    An order may be stamped without a decision: a leg that waits for its entry.
    """

    progress: Progress
    decisions: Sequence[Decision] = ()
    stamps: dict[OrderId, int] = field(default_factory=dict)  # command taken at this sequence
    queues: dict[OrderId, int | None] = field(default_factory=dict)  # changed queue_ahead (R3)
    watermarks: Sequence[WatermarkMove] = ()  # T3; those of one symbol and side in their order


class Fenced(Exception):
    """Another matcher owns the shard now: this one must stop without a further commit."""


class Disturbed(Exception):
    """The stored state is not what this matcher decided from: it must read everything anew."""


class Poisoned(Exception):
    """The decisions about these orders cannot be booked: end them, so that all others can go on."""

    def __init__(self, order_ids: Iterable[OrderId], reason: str) -> None:
        super().__init__(reason)
        self.order_ids = frozenset(order_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One look at a market's clock: which run of its tape, and how far the feed may be read."""

    run: int
    until: int
    is_moving: bool  # time passes by itself, so that somebody must look again soon


class Clock(Protocol):
    """The market's time, whatever moves it."""

    def read(self) -> Reading:
        """Return the present reading."""
        ...


class Bell(Protocol):
    """What wakes a matcher. A ring may be lost, so that every wait is bounded."""

    def wait(self, timeout: float) -> None:
        """Return when the bell was rung, or after `timeout` seconds."""
        ...


class Journal(Protocol):
    """The durable memory behind a matcher; one implementation on PostgreSQL, one in the tests."""

    def claim(self) -> Progress:
        """Become the shard's only writer and return how far it had come. Raises Fenced."""
        ...

    def lease_kept(self) -> AbstractContextManager[None]:
        """Show that the owner lives, for as long as it recovers and commits nothing."""
        ...

    def open_orders(self) -> Iterable[Order]:
        """Stream the orders that were working, waiting or held at the claim, in priority order."""
        ...

    def taken(self, offers: dict[tuple[str, Side], int]) -> Iterable[tuple[Account, str, Side, int]]:
        """Yield what each account already took from these offers: (symbol, taker's side) -> sequence."""
        ...

    inbox_limit: int

    def inbox(self) -> list[Command]:
        """Return the commands not yet decided, in the order of their numbers, `inbox_limit` at most."""
        ...

    def commit(self, batch: Batch) -> None:
        """Make the batch durable. Raises Fenced when the shard has been taken over, Disturbed, Poisoned."""
        ...
