"""What one batch writes: the seam between the books and whoever stores them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uuid import UUID

    from matching.engine.states import Status


@dataclass(slots=True)
class OrderChange:
    """What changes of one order; None, and False of `is_triggered`, leave the column as it is.

    Its `filled_quantity`, `filled_money`, `cash_held` and `quantity_held` are those of its
    `OrderBook` when the batch is complete, and `prior_filled` is the guard: what was stored before.
    `status` is the one without the owner's wish; with `keeps_wish`, a stored `pending_cancel` or
    `pending_replace` stays. Times are market time in ns, `hwm` is a price.

    An order whose hold or stamp alone changes has a change, too, and no event.
    """

    prior_filled: int
    status: Status
    keeps_wish: bool
    at: int
    quantity: int | None = None  # what it asks for in all from now on
    replaced_by: UUID | None = None
    reason: str | None = None  # the rule that ended it, unless its owner did
    queue_priority: tuple[int, int] | None = None  # queue_seq, queue_no
    is_triggered: bool = False
    hwm: int | None = None
    working_seq: int | None = None
    accepted_ns: int | None = None


@dataclass(slots=True)
class Entries:
    """What one batch writes, as rows in engine units; money and quantities still integers.

    fills      id, user_id, account_id, order_id, asset_id, symbol, side, quantity, price, at, seq,
               offer_seq, rule, model_version, evidence (a dict of integers), amounts (of its
               journal, by ledger: cash, securities, realized, fees; zeros are not posted)
    events     account_id, user_id, order_id, kind, status, at, feed_seq, filled_quantity,
               filled_money, request_id, rule; of an execution also fill_id, quantity, price,
               position_quantity; of a class's member, whose quantity its class may change, and
               at a successor's start, order_quantity; of a trigger, evidence (engine integers)
    reparents  replaced order -> successor: every order whose `parent` is the first gets the second
    """

    orders: dict[UUID, OrderChange] = field(default_factory=dict)
    fills: list[dict[str, Any]] = field(default_factory=list)
    held_changes: dict[tuple[UUID, UUID], int] = field(default_factory=dict)  # (account, asset) -> shares
    owners: dict[tuple[UUID, UUID], tuple[UUID, str]] = field(default_factory=dict)  # -> (user, symbol)
    touched_at: dict[tuple[UUID, UUID], int] = field(default_factory=dict)
    cash_changes: dict[UUID, int] = field(default_factory=dict)
    cash_held_changes: dict[UUID, int] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    reparents: dict[UUID, UUID] = field(default_factory=dict)
